"""Every setting of the shop: names as Azure Functions and the deployment know them.

Only names under the shop's own prefixes are looked at. A wrong value ends the start, everywhere. A
missing value of a selected service ends it on a developer's machine; in Azure the app starts, so
that `/api/health/ready` can name it, and whatever needs the value answers 503.
"""

import difflib
import logging
import os
import re
from collections.abc import Iterable, Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, cast, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    SecretStr,
    ValidationError,
)

from shared.kit.errors import NotConfigured
from shared.kit.money import Currency

T = TypeVar("T")

Service = Literal["inventory", "cart", "shipping", "payments", "checkout", "notifications"]
SERVICES: tuple[Service, ...] = get_args(Service)

SERVICE_BUS = "ServiceBusConnection or ServiceBusConnection__fullyQualifiedNamespace"
BLOBS = "BLOB_FOLDER or BlobConnection or BlobConnection__blobServiceUri"
DOCUMENTS = "DOCUMENTS_FILE or CosmosConnection or CosmosConnection__accountEndpoint"
MAIL = "MAIL_SANDBOX_URL or MAIL_SMTP_URL or MAIL_CONNECTION or MAIL_ENDPOINT"
REQUIRED: Mapping[Service, tuple[str, ...]] = {
    "inventory": (
        "SQL_INVENTORY",
        "CDN_BASE_URL",
        "SHOP_CURRENCY",
        "AUTH_ISSUER",
        "AUTH_AUDIENCE",
        BLOBS,
        SERVICE_BUS,
    ),
    "cart": ("SHOP_CURRENCY", "AUTH_ISSUER", "AUTH_AUDIENCE", DOCUMENTS, SERVICE_BUS),
    "shipping": (
        "SQL_SHIPPING",
        "SHOP_CURRENCY",
        "SHOP_SENDER",
        "EASYPOST_API_KEY",
        "EASYPOST_WEBHOOK_SECRET",
        "AUTH_ISSUER",
        "AUTH_AUDIENCE",
        SERVICE_BUS,
    ),
    "payments": (
        "SQL_PAYMENTS",
        "STRIPE_SECRET_KEY",
        "STRIPE_PUBLISHABLE_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "AUTH_ISSUER",
        "AUTH_AUDIENCE",
        SERVICE_BUS,
    ),
    "checkout": (
        "SQL_ORDERS",
        "SHOP_SECRET",
        "SHOP_CURRENCY",
        "AUTH_ISSUER",
        "AUTH_AUDIENCE",
        SERVICE_BUS,
    ),
    "notifications": (
        "SQL_NOTIFICATIONS",
        "SHOP_SECRET",
        "MAIL_FROM",
        "AUTH_ISSUER",
        "AUTH_AUDIENCE",
        MAIL,
        SERVICE_BUS,
    ),
}
"""Of names apart by `or`, one is enough."""
CALLS: Mapping[Service, tuple[Service, ...]] = {
    "cart": ("inventory",),
    "shipping": ("inventory", "cart", "checkout", "payments"),
    "checkout": ("inventory", "cart", "shipping", "payments", "notifications"),
    "notifications": ("inventory", "checkout"),
}
"""The services that one calls in process, so that it cannot be selected without them."""
REQUIRED_ALWAYS = ("PUBLIC_BASE_URL",)

PREFIXES = (
    "SQL_",
    "AUTH_",
    "CDN_",
    "PUBLIC_",
    "REDIS_",
    "SERVICES",
    "SHOP_",
    "INVENTORY_",
    "BLOB_",
    "BlobConnection",
    "COSMOS_",
    "CosmosConnection",
    "DOCUMENTS_",
    "ServiceBusConnection",
    "STRIPE_",
    "MAIL_",
    "EASYPOST_",
)
HOSTS_OWN = frozenset({"ServiceBusConnection__credential", "ServiceBusConnection__clientId"})
"""Names under our prefixes that the host reads, to sign in by a user-assigned identity."""
_AZURITE = "UseDevelopmentStorage=true"
_THIRD_PARTIES = {"STRIPE_API_BASE": "api.stripe.com", "EASYPOST_API_BASE": "api.easypost.com"}
_UNRESOLVED = "@Microsoft.KeyVault("
"""What the app gets of a reference that the platform could not follow: the reference itself.
https://learn.microsoft.com/azure/app-service/app-service-key-vault-references"""
_NOT_FOLLOWED = (
    "left to a Key Vault reference that was not followed: the vault, the secret's name or the role"
    " of the app's identity there is wrong."
)
_SERVICE_BUS_EMULATOR = "UseDevelopmentEmulator=true"


class SettingsError(Exception):
    """A setting is wrong or missing; the message names it and never shows a secret's value."""


def _url(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not parts.netloc:
            raise ValueError(f"is not a URL that starts with {' or '.join(schemes)}://")
        return value

    return AfterValidator(check)


def _database(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("sqlite:///", "mssql+pyodbc://")):
        raise ValueError("is not a SQLAlchemy URL: sqlite:///... or mssql+pyodbc://...")
    return value


def _starts_with(*prefixes: str) -> AfterValidator:
    def check(value: T) -> T:
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        if not text.startswith(prefixes):
            raise ValueError(f"does not start with {' or '.join(prefixes)}")
        return value

    return AfterValidator(check)


def _services(value: str) -> frozenset[str]:
    chosen = frozenset(name.strip() for name in value.split(",") if name.strip())
    unknown = sorted(chosen - set(SERVICES))
    if unknown:
        raise ValueError(f"does not know {', '.join(unknown)}; choose of {', '.join(SERVICES)}")
    for name in sorted(chosen):
        if lacking := sorted({*CALLS.get(cast(Service, name), ())} - chosen):
            raise ValueError(f"names {name}, which calls {', '.join(lacking)}; name that too")
    return chosen or frozenset(SERVICES)


class Sender(BaseModel):
    """Where parcels leave, and where they come back to; carriers ask for a telephone number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    line1: str
    line2: str | None = None
    city: str
    region: str | None = None
    postcode: str
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    phone: str


def _regions(value: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in value.split(","))))


def _mail_address(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not (local and at and domain) or re.search(r'[\s<>",;:]', text):
        raise ValueError("is not a mail address")
    return text


def _sender(text: str) -> str:
    _, address = parseaddr(text)
    if any(ord(sign) < 32 for sign in text):
        raise ValueError("is not one line")
    _mail_address(address)
    return text


def _smtp(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("is not a URL: smtp://user:password@host:587 or smtps://...:465")
    return value


def _mail_addresses(text: str) -> tuple[str, ...]:
    return tuple(map(_mail_address, filter(None, (one.strip() for one in text.split(",")))))


Issuer = Annotated[str, _url("https", "http")]
"""Kept to the letter: OpenID Connect compares issuers as strings, a last slash included."""
WebAddress = Annotated[str, _url("https", "http"), AfterValidator(lambda url: url.rstrip("/"))]
StripeSecretKey = Annotated[SecretStr, _starts_with("sk_", "rk_")]
StripePublishableKey = Annotated[str, _starts_with("pk_")]
StripeWebhookSecret = Annotated[SecretStr, _starts_with("whsec_")]
EasyPostKey = Annotated[SecretStr, _starts_with("EZAK", "EZTK")]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
Regions = Annotated[tuple[str, ...], BeforeValidator(_regions)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
MailAddresses = Annotated[tuple[str, ...], BeforeValidator(_mail_addresses)]
MailSender = Annotated[str, AfterValidator(_sender)]
"""An address, perhaps with a name before it: `Bookstore <orders@books.example>`."""
SmtpUrl = Annotated[SecretStr, AfterValidator(_smtp)]
Chosen = Annotated[frozenset[Service], BeforeValidator(_services)]


class Settings(BaseModel):
    """`None` means: not set. `require` gives a value or the error that names it."""

    model_config = ConfigDict(frozen=True)

    SERVICES: Chosen = frozenset(SERVICES)
    PUBLIC_BASE_URL: WebAddress | None = None
    CDN_BASE_URL: WebAddress | None = None
    SHOP_CURRENCY: Currency | None = None
    AUTH_ISSUER: Issuer | None = None
    AUTH_AUDIENCE: str | None = None
    AUTH_CLIENT_ID: str | None = None
    AUTH_SCOPE: str = "openid email"
    SQL_INVENTORY: DatabaseUrl | None = None
    SQL_INVENTORY_READ: DatabaseUrl | None = None
    SQL_PAYMENTS: DatabaseUrl | None = None
    SQL_ORDERS: DatabaseUrl | None = None
    SHOP_SECRET: Annotated[SecretStr, Field(min_length=32)] | None = None
    SQL_SHIPPING: DatabaseUrl | None = None
    SQL_NOTIFICATIONS: DatabaseUrl | None = None
    MAIL_FROM: MailSender | None = None
    MAIL_REPLY_TO: MailAddress | None = None
    MAIL_STAFF: MailAddresses = ()
    MAIL_SANDBOX_URL: WebAddress | None = None
    MAIL_SMTP_URL: SmtpUrl | None = None
    MAIL_CONNECTION: SecretStr | None = None
    MAIL_ENDPOINT: WebAddress | None = None
    DOCUMENTS_FILE: Path | None = None
    CosmosConnection: SecretStr | None = None
    CosmosConnection__accountEndpoint: WebAddress | None = None
    COSMOS_DATABASE: str = "bookstore"
    COSMOS_REGIONS: Regions = ()
    STRIPE_SECRET_KEY: StripeSecretKey | None = None
    STRIPE_PUBLISHABLE_KEY: StripePublishableKey | None = None
    STRIPE_WEBHOOK_SECRET: StripeWebhookSecret | None = None
    STRIPE_API_BASE: WebAddress | None = None
    SHOP_SENDER: Json[Sender] | None = None
    EASYPOST_API_KEY: EasyPostKey | None = None
    EASYPOST_WEBHOOK_SECRET: Annotated[SecretStr, Field(min_length=16)] | None = None
    EASYPOST_API_BASE: WebAddress | None = None
    REDIS_URL: SecretStr | None = None
    ServiceBusConnection: SecretStr | None = None
    ServiceBusConnection__fullyQualifiedNamespace: str | None = None
    ServiceBusConnection__transportType: Literal["amqp", "amqpWebSockets"] = "amqp"
    BLOB_FOLDER: Path | None = None
    BlobConnection: SecretStr | None = None
    BlobConnection__blobServiceUri: WebAddress | None = None
    INVENTORY_CACHE: Literal["on", "off"] = "on"
    INVENTORY_LOW_STOCK: Annotated[int, Field(ge=0, le=1_000_000)] = 3
    SHOP_FUNCTION_KEYS: Literal["off", "required"] = "off"
    SHOP_CLOCK_FILE: Path | None = None
    SHOP_FSYNC: Literal["normal", "full"] = "normal"
    OTEL_EXPORTER_OTLP_ENDPOINT: WebAddress | None = None
    APPLICATIONINSIGHTS_CONNECTION_STRING: SecretStr | None = None
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: str | None = None
    in_azure: Annotated[bool, Field(exclude=True)] = False
    unresolved: Annotated[tuple[str, ...], Field(exclude=True)] = ()
    """Names whose Key Vault references were not followed; they count as not set."""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Reads and checks the environment; an empty value counts as not set."""
        known = [name for name in cls.model_fields if name not in ("in_azure", "unresolved")]
        given: dict[str, Any] = {name: environment[name] for name in known if environment.get(name)}
        _warn_of_unknown(environment, known)
        unresolved = [name for name in given if given[name].strip().startswith(_UNRESOLVED)]
        for name in unresolved:
            del given[name]
            logging.getLogger(__name__).error("The setting %s is %s", name, _NOT_FOLLOWED)
        in_azure = "WEBSITE_INSTANCE_ID" in environment
        try:
            settings = cls(**given, in_azure=in_azure, unresolved=tuple(unresolved))
        except ValidationError as error:
            raise SettingsError("; ".join(_sentences(error))) from None
        settings._refuse_what_cannot_start()
        return settings

    def missing(self) -> list[str]:
        """The names that the selected services need and that are not set."""
        needed = [*REQUIRED_ALWAYS]
        for service in sorted(self.SERVICES):
            needed += REQUIRED[service]
        return [
            names
            for names in dict.fromkeys(needed)
            if all(getattr(self, name) is None for name in names.split(" or "))
        ]

    def require(self, name: str) -> Any:
        value = getattr(self, name)
        if value is None:
            why = _NOT_FOLLOWED if name in self.unresolved else "missing."
            raise NotConfigured(f"The setting {name} is {why}", headers={"Retry-After": "60"})
        return value.get_secret_value() if isinstance(value, SecretStr) else value

    def optional(self, name: str) -> Any:
        return None if getattr(self, name) is None else self.require(name)

    def _refuse_what_cannot_start(self) -> None:
        if not self.in_azure:
            if self.unresolved:
                raise SettingsError(f"{_listed([*self.unresolved])} {_NOT_FOLLOWED}")
            if missing := self.missing():
                raise SettingsError(
                    f"{_listed(missing)} not set. `python3 dev.py run` sets everything; for another"
                    " host, copy local.settings.sample.json to local.settings.json."
                )
        elif sandboxed := [name for name in type(self).model_fields if self._is_sandbox(name)]:
            raise SettingsError(
                f"{_listed(sandboxed)} set to a sandbox's value, which Azure must not run with."
            )

    def _is_sandbox(self, name: str) -> bool:
        value = getattr(self, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        if text.startswith("sqlite:") or text == _AZURITE or _SERVICE_BUS_EMULATOR in text:
            return True
        if name in _THIRD_PARTIES:
            return value is not None and urlsplit(text).hostname != _THIRD_PARTIES[name]
        if name.startswith(("STRIPE_", "EASYPOST_")):
            return "_sandbox" in text
        if name == "SHOP_SECRET":
            return text.startswith("sandbox")
        if name in ("BLOB_FOLDER", "DOCUMENTS_FILE", "MAIL_SANDBOX_URL"):
            return value is not None
        if name == "CosmosConnection":
            text = text.partition("AccountEndpoint=")[2].partition(";")[0]
        return urlsplit(text).hostname in {"localhost", "127.0.0.1", "::1"}


def _warn_of_unknown(environment: Mapping[str, str], known: list[str]) -> None:
    for name in sorted(environment):
        if name.startswith(PREFIXES) and name not in known and name not in HOSTS_OWN:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else "."
            logging.getLogger(__name__).warning("The setting %s is not known%s", name, hint)


def _sentences(error: ValidationError) -> Iterable[str]:
    for item in error.errors(include_url=False, include_input=False):
        text = str(item["msg"]).removeprefix("Value error, ")
        yield f"The setting {'.'.join(map(str, item['loc']))}: {text}"


def _listed(names: list[str]) -> str:
    if len(names) == 1:
        return f"The setting {names[0]} is"
    return f"The settings {', '.join(names)} are"
