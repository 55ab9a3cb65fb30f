"""What several services' parts are made of."""

from typing import TYPE_CHECKING

from shared.auth import TokenVerifier
from shared.config import Settings
from shared.kit.clock import Clock, MachineClock, SharedOffsetClock
from shared.kit.errors import NotConfigured

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.servicebus import ServiceBusClient

    from shared.blobs.azure import AzureStorage
    from shared.blobs.port import BlobStore
    from shared.messaging.dead_letters import ServiceBusDeadLetters
    from shared.messaging.publisher import Publisher


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


def service_bus(settings: Settings) -> "Publisher":
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
    return lambda: service_bus_client(connection, namespace)


def business_clock(settings: Settings) -> Clock:
    """Time can be moved on a developer's machine alone; there a file holds the offset."""
    file = settings.SHOP_CLOCK_FILE
    return MachineClock() if file is None else SharedOffsetClock(file)


def token_verifier(settings: Settings, clock: Clock) -> TokenVerifier:
    from shared.auth.jwks import IssuerKeys
    from shared.auth.jwt import JwtVerifier

    issuer = settings.require("AUTH_ISSUER")
    keys = IssuerKeys(issuer, clock)
    return JwtVerifier(issuer, settings.require("AUTH_AUDIENCE"), keys, clock)


def every_setting_is_there(settings: Settings) -> None:
    if missing := settings.missing():
        raise NotConfigured(f"Missing: {', '.join(missing)}.")
