"""What `ready` asks: of what the shop cannot be without, and of what it goes on without.

Others' services are asked for any answer at all, without a key: that spends nothing of what they
allow us, and a wrong key shows where it is used.
"""

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

from functions.ops.service import Check
from shared.config import Settings
from shared.contracts.orders import TOPIC
from shared.kit.errors import AppError
from shared.kit.provider import Provider
from wiring.common import service_bus
from wiring.inventory import Inventory

_PATIENCE_SECONDS = 2.0
_STRIPE = "https://api.stripe.com"
_EASYPOST = "https://api.easypost.com"


class NoAnswer(AppError):
    status = 503
    kind = "busy"
    title = "The shop is busy"


def bus_check(settings: Settings) -> Check:
    publisher = Provider(lambda: service_bus(settings))
    return lambda: publisher().check(TOPIC)


def optional_checks(settings: Settings, inventory: Inventory) -> dict[str, Check]:
    """By name, for what the selected services use and the settings name."""
    chosen, checks = settings.SERVICES, dict[str, Check]()
    if settings.REDIS_URL is not None and settings.INVENTORY_CACHE == "on":
        checks["redis"] = lambda: _redis(inventory)
    if settings.AUTH_ISSUER is not None:
        address = settings.AUTH_ISSUER.rstrip("/")
        checks["sign-in"] = _answers(f"{address}/.well-known/openid-configuration")
    if "payments" in chosen:
        checks["stripe"] = _answers(settings.STRIPE_API_BASE or _STRIPE)
    if "shipping" in chosen:
        checks["carrier"] = _answers(settings.EASYPOST_API_BASE or _EASYPOST)
    if "notifications" in chosen and (mail := _mail(settings)) is not None:
        checks["mail"] = mail
    return checks


def _redis(inventory: Inventory) -> None:
    redis = inventory.redis()
    assert redis is not None, "the setting is there"
    redis.check()


def _mail(settings: Settings) -> Check | None:
    smtp: str | None = settings.optional("MAIL_SMTP_URL")
    if settings.MAIL_SANDBOX_URL is not None:
        return _answers(settings.MAIL_SANDBOX_URL)
    if smtp is not None:
        return _greets(smtp)
    endpoint = settings.MAIL_ENDPOINT
    connection: str | None = settings.optional("MAIL_CONNECTION")
    if connection is not None:
        parts = (part.partition("=") for part in connection.split(";"))
        endpoint = {name.strip().lower(): value for name, _, value in parts}.get("endpoint")
    return None if endpoint is None else _answers(endpoint)


def _answers(url: str) -> Callable[[], None]:
    def check() -> None:
        try:
            # Not by httpx, which reads all certificates of authorities even for plain http.
            urllib.request.urlopen(url, timeout=_PATIENCE_SECONDS).close()  # noqa: S310
        except urllib.error.HTTPError as answer:
            answer.close()
            if answer.code >= 500:
                raise NoAnswer(f"It answers {answer.code}.") from None
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"It does not answer ({type(error).__name__}).") from None

    return check


def _greets(smtp: str) -> Callable[[], None]:
    parts = urlsplit(smtp)
    port = parts.port or (465 if parts.scheme == "smtps" else 587)

    def check() -> None:
        try:
            socket.create_connection((parts.hostname or "", port), _PATIENCE_SECONDS).close()
        except OSError as error:
            raise NoAnswer(f"It does not answer ({type(error).__name__}).") from None

    return check
