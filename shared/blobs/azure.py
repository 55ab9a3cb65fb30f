"""Blobs and uploads in an Azure Storage account, by its own SDK.

The app's identity needs the roles Storage Blob Data Contributor at the containers and Storage Blob
Delegator at the account, which user-delegation keys are asked of.
https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from shared.blobs.port import Blob, BlobExists, BlobsUnavailable, checked, content_type_of
from shared.blobs.uploads import SignedAddress, checked_upload

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient

CONNECT_SECONDS = 3
READ_SECONDS = 10
RETRIES = 2
PAUSE_SECONDS = 1
"""Before each try but the first, on average; the SDK's own begin at a quarter of a minute."""
_READ_BYTES = 4 * 1024 * 1024
_KEY_LIFETIME = timedelta(hours=6)
_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """`connection_string` holds a key; without one the app's own identity signs in at `endpoint`,
    such as `https://name.blob.core.windows.net`."""

    endpoint: str | None
    connection_string: str | None


class AzureStorage:
    """The client of an account, made when it is first needed; threads share it."""

    def __init__(
        self,
        account: StorageAccount,
        *,
        retries: int = RETRIES,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._account = account
        self._retries = retries
        self._read_seconds = read_seconds
        self._lock = threading.Lock()
        self._client: BlobServiceClient | None = None
        self._key: Any = None
        self._key_ends = datetime.min.replace(tzinfo=UTC)

    def container(self, name: str) -> "ContainerClient":
        return self._service().get_container_client(name)

    def signed(self, blob: "BlobClient", expires_at: datetime) -> str:
        """The address at which anybody may write this blob until then, and nothing else."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        token = generate_blob_sas(
            account_name=str(blob.account_name),
            container_name=blob.container_name,
            blob_name=blob.blob_name,
            permission=BlobSasPermissions(create=True, write=True),
            expiry=expires_at,
            protocol="https" if blob.url.startswith("https:") else None,
            **self._signing(expires_at),
        )
        return f"{blob.url}?{token}"

    def _signing(self, expires_at: datetime) -> dict[str, Any]:
        client = self._service()
        if self._account.connection_string is not None:
            return {"account_key": client.credential.account_key}
        with self._lock:
            if self._key_ends < expires_at:
                now = datetime.now(UTC)
                ends = max(now + _KEY_LIFETIME, expires_at)
                with _port_errors():
                    self._key = client.get_user_delegation_key(now - _CLOCK_SKEW, ends)
                self._key_ends = ends
            return {"user_delegation_key": self._key}

    def _service(self) -> "BlobServiceClient":
        with self._lock:
            if self._client is None:
                self._client = self._open()
            return self._client

    def _open(self) -> "BlobServiceClient":
        from azure.storage.blob import BlobServiceClient, LinearRetry

        pauses = LinearRetry(
            PAUSE_SECONDS, retry_total=self._retries, random_jitter_range=PAUSE_SECONDS
        )
        options: dict[str, Any] = {
            "connection_timeout": CONNECT_SECONDS,
            "read_timeout": self._read_seconds,
            "retry_policy": pauses,
        }
        if self._account.connection_string is not None:
            return BlobServiceClient.from_connection_string(
                self._account.connection_string, **options
            )
        from azure.identity import DefaultAzureCredential

        assert self._account.endpoint is not None, "an account has an endpoint or a key"
        return BlobServiceClient(self._account.endpoint, DefaultAzureCredential(), **options)


class AzureBlobs:
    def __init__(self, storage: AzureStorage, container: str) -> None:
        self._storage = storage
        self._container = container

    def put(self, name: str, data: bytes, content_type: str, cache_control: str) -> None:
        from azure.core.exceptions import ResourceExistsError
        from azure.storage.blob import ContentSettings

        blob = self._blob(name)
        if content_type != content_type_of(name):
            raise ValueError(f"{name} is not named as {content_type}")
        settings = ContentSettings(content_type=content_type, cache_control=cache_control)
        with _port_errors():
            try:
                blob.upload_blob(data, overwrite=False, content_settings=settings)
            except ResourceExistsError:
                # Also where the SDK sent it twice, since the first answer was lost.
                if _content_of(blob) != data:
                    raise BlobExists(name) from None

    def get(self, name: str) -> Blob | None:
        blob = self._blob(name)
        with _port_errors():
            data = _content_of(blob)
        return None if data is None else Blob(data, content_type_of(name))

    def exists(self, name: str) -> bool:
        blob = self._blob(name)
        with _port_errors():
            return blob.exists()

    def delete(self, name: str) -> None:
        blob = self._blob(name)
        with _port_errors():
            _deleted(blob)

    def url(self, name: str) -> str:
        return self._blob(name).url

    def _blob(self, name: str) -> "BlobClient":
        return self._storage.container(self._container).get_blob_client(checked(name))


class AzureUploads:
    """Clients put files to the storage account itself, past the gateway and its body limits."""

    def __init__(self, storage: AzureStorage, container: str) -> None:
        self._storage = storage
        self._container = container

    def address(self, name: str, expires_at: datetime) -> SignedAddress:
        url = self._storage.signed(self._blob(name), expires_at)
        return SignedAddress(url, {"x-ms-blob-type": "BlockBlob"})

    def put(self, name: str, content: bytes) -> None:
        blob = self._blob(name)
        with _port_errors():
            blob.upload_blob(content, overwrite=True)

    def open(self, name: str) -> BinaryIO | None:
        from azure.core.exceptions import ResourceNotFoundError

        blob = self._blob(name)
        with _port_errors():
            try:
                properties = blob.get_blob_properties()
            except ResourceNotFoundError:
                return None
        remote = _RemoteFile(blob, properties.size, properties.etag)
        return cast(BinaryIO, io.BufferedReader(remote, _READ_BYTES))

    def delete(self, name: str) -> None:
        blob = self._blob(name)
        with _port_errors():
            _deleted(blob)

    def _blob(self, name: str) -> "BlobClient":
        return self._storage.container(self._container).get_blob_client(checked_upload(name))


class _RemoteFile(io.RawIOBase):
    """A blob as it was when it was opened, read by ranges; it raises BlobsUnavailable once the
    blob is another."""

    def __init__(self, blob: "BlobClient", size: int, etag: str) -> None:
        self._blob = blob
        self._size = size
        self._etag = etag
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"there is nothing at {start + offset}")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        from azure.core import MatchConditions

        view = memoryview(buffer).cast("B")
        length = min(len(view), self._size - self._at)
        if length <= 0:
            return 0
        with _port_errors():
            data = self._blob.download_blob(
                offset=self._at,
                length=length,
                etag=self._etag,
                match_condition=MatchConditions.IfNotModified,
            ).readall()
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def _content_of(blob: "BlobClient") -> bytes | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return blob.download_blob().readall()
    except ResourceNotFoundError:
        return None


def _deleted(blob: "BlobClient") -> None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        blob.delete_blob()
    except ResourceNotFoundError:
        return


@contextmanager
def _port_errors() -> Iterator[None]:
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        raise BlobsUnavailable from error
