import logging

import pytest

from shared.config import Settings, SettingsError
from shared.config.settings import BLOBS, DOCUMENTS, MAIL, SERVICE_BUS, SERVICES
from shared.kit.errors import NotConfigured
from wiring.common import every_setting_is_there

COMPLETE = {
    "PUBLIC_BASE_URL": "https://books.example/",
    "CDN_BASE_URL": "https://books.example/cdn",
    "SHOP_CURRENCY": "GBP",
    "AUTH_ISSUER": "https://login.example/tenant/v2.0",
    "AUTH_AUDIENCE": "bookstore",
    "BlobConnection__blobServiceUri": "https://shop.blob.example",
    "SQL_INVENTORY": "mssql+pyodbc://shop:s3cret@db.example/inventory",
    "SQL_SHIPPING": "mssql+pyodbc://shop:s3cret@db.example/shipping",
    "CosmosConnection__accountEndpoint": "https://shop.documents.azure.com:443/",
    "SQL_PAYMENTS": "mssql+pyodbc://shop:s3cret@db.example/payments",
    "SQL_ORDERS": "mssql+pyodbc://shop:s3cret@db.example/orders",
    "SQL_NOTIFICATIONS": "mssql+pyodbc://shop:s3cret@db.example/notifications",
    "MAIL_FROM": "Bookstore <orders@books.example>",
    "MAIL_ENDPOINT": "https://shop.communication.azure.com",
    "SHOP_SECRET": "0123456789abcdef0123456789abcdef",
    "STRIPE_SECRET_KEY": "rk_live_abc",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_abc",
    "STRIPE_WEBHOOK_SECRET": "whsec_abc",
    "SHOP_SENDER": '{"name": "Books", "line1": "1 Quay", "city": "Hull", "postcode": "HU1 1AA",'
    ' "country": "GB", "phone": "+44 1632 960000"}',
    "EASYPOST_API_KEY": "EZAKabc",
    "EASYPOST_WEBHOOK_SECRET": "0123456789abcdef",
    "ServiceBusConnection__fullyQualifiedNamespace": "shop.servicebus.windows.net",
}
BLOB_NAME = "BlobConnection__blobServiceUri"
COSMOS_NAME = "CosmosConnection__accountEndpoint"
BUS_NAME = "ServiceBusConnection__fullyQualifiedNamespace"
ONE_OF_SEVERAL = {BLOB_NAME, BUS_NAME, COSMOS_NAME, "MAIL_ENDPOINT"}
AZURE = {"WEBSITE_INSTANCE_ID": "instance"}


def test_a_complete_environment_is_read() -> None:
    settings = Settings.from_env(COMPLETE)
    assert settings.PUBLIC_BASE_URL == "https://books.example"
    assert settings.require("SQL_INVENTORY") == COMPLETE["SQL_INVENTORY"]
    assert set(SERVICES) == settings.SERVICES
    assert settings.missing() == []


def test_an_issuer_keeps_its_last_slash() -> None:
    issuer = "https://sts.example/tenant/"
    assert Settings.from_env({**COMPLETE, "AUTH_ISSUER": issuer}).AUTH_ISSUER == issuer


def test_a_shop_without_a_client_id_has_no_sign_in_of_its_own() -> None:
    assert Settings.from_env(COMPLETE).AUTH_CLIENT_ID is None
    settings = Settings.from_env({**COMPLETE, "AUTH_CLIENT_ID": "storefront"})
    assert (settings.AUTH_CLIENT_ID, settings.AUTH_SCOPE) == ("storefront", "openid email")
    chosen = "openid email api://bookstore/shop"
    assert Settings.from_env({**COMPLETE, "AUTH_SCOPE": chosen}).AUTH_SCOPE == chosen


@pytest.mark.parametrize("name", sorted(set(COMPLETE) - ONE_OF_SEVERAL))
def test_a_missing_value_ends_the_start_on_a_developers_machine(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The setting {name} is not set"):
        Settings.from_env({**COMPLETE, name: ""})


@pytest.mark.parametrize("name", sorted(set(COMPLETE) - ONE_OF_SEVERAL))
def test_in_azure_a_missing_value_is_named_and_answers_503(name: str) -> None:
    settings = Settings.from_env({**COMPLETE, **AZURE, name: ""})
    assert settings.missing() == [name]
    with pytest.raises(NotConfigured, match=name) as caught:
        settings.require(name)
    assert caught.value.status == 503


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICES", "inventory,kitchen"),
        ("PUBLIC_BASE_URL", "books.example"),
        ("AUTH_ISSUER", "ftp://login.example"),
        ("SQL_INVENTORY", "postgresql://shop:s3cret@db.example/inventory"),
        ("SHOP_CURRENCY", "pounds"),
        ("STRIPE_SECRET_KEY", "pk_live_s3cret"),
        ("STRIPE_WEBHOOK_SECRET", "s3cret"),
        ("INVENTORY_CACHE", "maybe"),
        ("MAIL_FROM", "Bookstore"),
        ("MAIL_FROM", "Bookstore <s3cret@books.example>\nBcc: a@b.example"),
        ("MAIL_STAFF", "ada@books.example, s3cret"),
        ("MAIL_REPLY_TO", "a b@books.example"),
        ("MAIL_SMTP_URL", "http://shop:s3cret@mail.example"),
        ("EASYPOST_API_KEY", "s3cret"),
        ("EASYPOST_WEBHOOK_SECRET", "s3cret"),
        ("SHOP_SENDER", "1 s3cret Quay"),
        ("SHOP_SENDER", '{"name": "Books", "house": "s3cret"}'),
    ],
)
@pytest.mark.parametrize("host", [{}, AZURE])
def test_a_wrong_value_is_named_everywhere_and_not_shown(
    host: dict[str, str], name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        Settings.from_env({**COMPLETE, **host, name: value})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["BLOB_FOLDER", "BlobConnection", BLOB_NAME])
def test_one_of_three_ways_to_the_blobs_is_enough(name: str) -> None:
    without = {**COMPLETE, BLOB_NAME: ""}
    assert Settings.from_env({**without, name: "https://shop.blob.example"}).missing() == []
    assert Settings.from_env({**without, **AZURE}).missing() == [BLOBS]
    with pytest.raises(SettingsError, match="BLOB_FOLDER or BlobConnection"):
        Settings.from_env(without)


@pytest.mark.parametrize("name", ["DOCUMENTS_FILE", "CosmosConnection", COSMOS_NAME])
def test_one_of_three_ways_to_the_documents_is_enough(name: str) -> None:
    without = {**COMPLETE, COSMOS_NAME: ""}
    assert Settings.from_env({**without, name: "https://shop.documents.example"}).missing() == []
    assert Settings.from_env({**without, **AZURE}).missing() == [DOCUMENTS]
    with pytest.raises(SettingsError, match="DOCUMENTS_FILE or CosmosConnection"):
        Settings.from_env(without)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_ENDPOINT", "https://shop.communication.azure.com"),
        ("MAIL_CONNECTION", "endpoint=https://shop.communication.azure.com/;accesskey=s3cret"),
        ("MAIL_SMTP_URL", "smtps://shop:s3cret@mail.example"),
        ("MAIL_SANDBOX_URL", "http://127.0.0.1:7072/mailbox"),
    ],
)
def test_one_provider_of_mail_is_enough(name: str, value: str) -> None:
    without = {**COMPLETE, "MAIL_ENDPOINT": ""}
    settings = Settings.from_env({**without, name: value})
    assert settings.missing() == []
    assert "s3cret" not in repr(settings)
    assert Settings.from_env({**without, **AZURE}).missing() == [MAIL]


def test_the_staffs_addresses_are_a_list() -> None:
    staff = {"MAIL_STAFF": "ada@books.example, ben@books.example,"}
    assert Settings.from_env({**COMPLETE, **staff}).MAIL_STAFF == (
        "ada@books.example",
        "ben@books.example",
    )


def test_regions_are_a_list_in_order() -> None:
    regions = {"COSMOS_REGIONS": "North Europe, West Europe,"}
    assert Settings.from_env({**COMPLETE, **regions}).COSMOS_REGIONS == (
        "North Europe",
        "West Europe",
    )


@pytest.mark.parametrize(
    ("chosen", "lacking"),
    [("cart", "inventory"), ("inventory,shipping", "cart"), ("notifications", "checkout")],
)
def test_a_service_is_not_selected_without_those_that_it_calls(chosen: str, lacking: str) -> None:
    with pytest.raises(SettingsError, match=f"which calls {lacking}"):
        Settings.from_env({**COMPLETE, "SERVICES": chosen})
    assert Settings.from_env({**COMPLETE, "SERVICES": "inventory"}).SERVICES == {"inventory"}


def test_service_bus_is_reached_by_a_connection_string_or_by_identity() -> None:
    without = {**COMPLETE, BUS_NAME: ""}
    assert Settings.from_env({**without, "ServiceBusConnection": "Endpoint=sb://a"}).missing() == []
    with pytest.raises(SettingsError, match="ServiceBusConnection or"):
        Settings.from_env(without)
    assert Settings.from_env({**without, **AZURE}).missing() == [SERVICE_BUS]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("STRIPE_API_BASE", "https://api.stripe.com/"),
        ("EASYPOST_API_BASE", "https://api.easypost.com/v2"),
    ],
)
def test_a_third_partys_own_address_is_no_sandbox(name: str, address: str) -> None:
    assert Settings.from_env({**COMPLETE, **AZURE, name: address}).missing() == []


def test_a_secret_is_not_in_the_settings_text() -> None:
    settings = Settings.from_env(COMPLETE)
    assert "s3cret" not in repr(settings)
    assert "rk_live" not in repr(settings)
    assert "s3cret" not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTH_ISSUER", "http://127.0.0.1:7072/oidc"),
        ("SQL_INVENTORY", "sqlite:///.local/inventory.db"),
        ("CDN_BASE_URL", "http://localhost:7071/cdn"),
        ("BLOB_FOLDER", ".local/blobs"),
        ("BlobConnection", "UseDevelopmentStorage=true"),
        ("DOCUMENTS_FILE", ".local/documents.db"),
        ("CosmosConnection", "AccountEndpoint=https://localhost:8081/;AccountKey=abc"),
        ("STRIPE_SECRET_KEY", "sk_test_sandbox0123"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_test_sandbox0123"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_sandbox0123"),
        ("STRIPE_API_BASE", "https://sandbox.example"),
        ("MAIL_SANDBOX_URL", "https://sandbox.example/mailbox"),
        ("MAIL_SMTP_URL", "smtp://localhost:1025"),
        ("EASYPOST_API_KEY", "EZTK_sandbox0123"),
        ("EASYPOST_WEBHOOK_SECRET", "carrier_sandbox0123"),
        ("EASYPOST_API_BASE", "https://sandbox.example/carrier/v2"),
        ("ServiceBusConnection", "Endpoint=sb://bus.example;UseDevelopmentEmulator=true;"),
    ],
)
def test_azure_does_not_start_with_a_sandbox_value(name: str, value: str) -> None:
    Settings.from_env({**COMPLETE, name: value})
    with pytest.raises(SettingsError, match=f"{name} is set to a sandbox's value"):
        Settings.from_env({**COMPLETE, **AZURE, name: value})


def test_an_unknown_name_under_our_prefixes_is_a_warning_with_the_nearest_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        Settings.from_env({**COMPLETE, "SQL_INVENTRY": "x", "UNRELATED": "y"})
    assert [record.getMessage() for record in caplog.records] == [
        "The setting SQL_INVENTRY is not known; did you mean SQL_INVENTORY?"
    ]


REFERENCE = "@Microsoft.KeyVault(SecretUri=https://shop.vault.azure.net/secrets/s3cret/)"


@pytest.mark.parametrize(
    "name", ["SQL_INVENTORY", "STRIPE_SECRET_KEY", "SHOP_SECRET", "REDIS_URL", "SHOP_SENDER"]
)
def test_a_key_vault_reference_that_was_not_followed_is_named_and_not_shown(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SettingsError, match=f"The setting {name} is left to a Key Vault ref") as no:
        Settings.from_env({**COMPLETE, name: REFERENCE})
    settings = Settings.from_env({**COMPLETE, **AZURE, name: REFERENCE})
    with pytest.raises(NotConfigured, match=f"{name} is left to a Key Vault") as told:
        every_setting_is_there(settings)
    with pytest.raises(NotConfigured, match=f"{name} is left to a Key Vault"):
        settings.require(name)
    said = [str(no.value), told.value.detail, caplog.text]
    assert not any("s3cret" in text or "vault.azure" in text for text in said)


def test_a_name_without_its_value_in_azure_is_not_taken_for_a_wrong_one() -> None:
    settings = Settings.from_env({**COMPLETE, **AZURE, "STRIPE_SECRET_KEY": REFERENCE})
    assert settings.missing() == ["STRIPE_SECRET_KEY"]
    assert settings.unresolved == ("STRIPE_SECRET_KEY",)


def test_amqp_goes_over_web_sockets_where_that_is_said() -> None:
    name = "ServiceBusConnection__transportType"
    assert Settings.from_env(COMPLETE).ServiceBusConnection__transportType == "amqp"
    web = Settings.from_env({**COMPLETE, name: "amqpWebSockets"})
    assert web.ServiceBusConnection__transportType == "amqpWebSockets"
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({**COMPLETE, name: "carrier pigeon"})
