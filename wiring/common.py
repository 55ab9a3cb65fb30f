"""What several services' parts are made of."""

from typing import TYPE_CHECKING

from shared import telemetry
from shared.auth import TokenVerifier
from shared.config import Settings
from shared.kit.clock import Clock, MachineClock, SharedOffsetClock
from shared.kit.errors import NotConfigured
from shared.kit.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.servicebus.aio import ServiceBusClient

    from shared.blobs.azure import AzureStorage
    from shared.blobs.port import BlobStore
    from shared.messaging.dead_letters import ServiceBusDeadLetters
    from shared.messaging.service_bus import ServiceBusPublisher
    from shared.telemetry import DomainEvents


def blob_container(settings: Settings, name: str) -> "BlobStore":
    """A folder in `BLOB_FOLDER`, where that is set; else a container of the storage account."""
    folder = settings.BLOB_FOLDER
    if folder is not None:
        from shared.blobs.folder import FolderBlobs

        return FolderBlobs(folder / name, (folder / name).absolute().as_uri())
    from shared.blobs.azure import AzureBlobs

    return AzureBlobs(storage_account(settings), name)


def storage_account(settings: Settings) -> "AzureStorage":
    """By connection string, or by the app's own identity."""
    from shared.blobs.azure import AzureStorage, StorageAccount

    connection = settings.optional("BlobConnection")
    endpoint = settings.BlobConnection__blobServiceUri
    if connection is None and endpoint is None:
        raise NotConfigured("The setting BlobConnection__blobServiceUri is missing.")
    return AzureStorage(StorageAccount(endpoint, connection))


def service_bus(settings: Settings) -> "ServiceBusPublisher":
    from shared.messaging.service_bus import ServiceBusPublisher

    return ServiceBusPublisher(_connect_to_service_bus(settings))


def dead_letters(settings: Settings) -> "ServiceBusDeadLetters":
    from shared.messaging.dead_letters import ServiceBusDeadLetters

    return ServiceBusDeadLetters(_connect_to_service_bus(settings))


def _connect_to_service_bus(settings: Settings) -> "Callable[[], ServiceBusClient]":
    """By connection string, or by the app's own identity to a namespace."""
    from shared.messaging.service_bus import service_bus_client

    connection = settings.optional("ServiceBusConnection")
    namespace = settings.optional("ServiceBusConnection__fullyQualifiedNamespace")
    if connection is None and namespace is None:
        raise NotConfigured("The setting ServiceBusConnection is missing.")
    web = settings.ServiceBusConnection__transportType == "amqpWebSockets"
    return lambda: service_bus_client(connection, namespace, over_web_sockets=web)


def business_clock(settings: Settings) -> Clock:
    """Time can be moved on a developer's machine alone; there a file holds the offset."""
    file = settings.SHOP_CLOCK_FILE
    return MachineClock() if file is None else SharedOffsetClock(file)


def domain_events(settings: Settings) -> "Provider[DomainEvents]":
    return Provider(lambda: telemetry.domain_events(telemetry.application_insights(settings)))


def token_verifier(settings: Settings, clock: Clock) -> TokenVerifier:
    from shared.auth.jwks import IssuerKeys
    from shared.auth.jwt import JwtVerifier

    issuer = settings.require("AUTH_ISSUER")
    keys = IssuerKeys(issuer, clock)
    return JwtVerifier(issuer, settings.require("AUTH_AUDIENCE"), keys, clock)


def every_setting_is_there(settings: Settings) -> None:
    for name in settings.unresolved:
        settings.require(name)
    if missing := settings.missing():
        raise NotConfigured(f"Missing: {', '.join(missing)}.")
