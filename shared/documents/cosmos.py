"""Documents in a Cosmos DB container whose partition key is `/id`.

The container's own time to live must be on (`defaultTtl: -1`): a document carries its `ttl`, which
the account's clock counts from the last write on.

The SDK sends a write again when a connection broke, and the second may be refused because of the
first. So each write has an id, `write_id`, by which it knows its own result again.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4
from weakref import WeakKeyDictionary

from shared.documents.port import (
    OWN_NAMES,
    Content,
    Document,
    DocumentConflict,
    DocumentError,
    DocumentNotFound,
    DocumentPreconditionFailed,
    DocumentsThrottled,
    DocumentsUnavailable,
    checked_content,
    checked_id,
    checked_ttl,
)
from shared.telemetry import Span, get_logger, span

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.cosmos.aio import ContainerProxy, CosmosClient
    from azure.cosmos.exceptions import CosmosHttpResponseError

log = get_logger("documents")

_REQUEST_CHARGE = "x-ms-request-charge"
OPERATION_SECONDS = 10
"""For one call with all its retries."""
CONNECT_SECONDS = 3
READ_SECONDS = 5
RETRIES = 3
WRITE_RETRIES = 1
THROTTLED_RETRIES = 5
THROTTLED_SECONDS = 5
"""At most, between two tries of a call that is throttled."""


_observing: ContextVar["_Observed | None"] = ContextVar("cosmos_call", default=None)


@dataclass(frozen=True, slots=True)
class CosmosAccount:
    """`connection_string` holds a key; without one the app's own identity signs in at `endpoint`.

    `regions` are tried in this order; without them the account's write region serves.
    """

    endpoint: str | None
    connection_string: str | None
    database: str
    regions: tuple[str, ...] = ()


class CosmosDocuments:
    """A client belongs to the event loop that opened it: each loop gets one, when it first asks."""

    def __init__(
        self,
        account: CosmosAccount,
        container: str,
        *,
        read_seconds: float = READ_SECONDS,
        operation_seconds: float = OPERATION_SECONDS,
    ) -> None:
        self._account = account
        self._container = container
        self._read_seconds = read_seconds
        self._operation_seconds = operation_seconds
        self._opened: WeakKeyDictionary[asyncio.AbstractEventLoop, _Connection]
        self._opened = WeakKeyDictionary()

    async def read(self, document_id: str) -> Document | None:
        checked_id(document_id)
        try:
            return _document(await self._item(document_id))
        except DocumentNotFound:
            return None

    async def create(self, document_id: str, content: Content, *, ttl: int | None) -> Document:
        body = _item(document_id, content, ttl)
        try:
            async with self._call("create_item") as (container, observed):
                item: Mapping[str, Any] = await container.create_item(
                    body, timeout=self._operation_seconds, response_hook=observed
                )
        except DocumentConflict:
            own = await self._own(body)
            if own is None:
                raise
            item = own
        return _document(item)

    async def replace(
        self, document_id: str, content: Content, etag: str, *, ttl: int | None
    ) -> Document:
        from azure.core import MatchConditions

        body = _item(document_id, content, ttl)
        try:
            async with self._call("replace_item") as (container, observed):
                item: Mapping[str, Any] = await container.replace_item(
                    document_id,
                    body,
                    etag=etag,
                    match_condition=MatchConditions.IfNotModified,
                    timeout=self._operation_seconds,
                    response_hook=observed,
                )
        except DocumentPreconditionFailed:
            own = await self._own(body)
            if own is None:
                raise
            item = own
        return _document(item)

    async def delete(self, document_id: str, etag: str) -> None:
        from azure.core import MatchConditions

        checked_id(document_id)
        async with self._call("delete_item") as (container, observed):
            await container.delete_item(
                document_id,
                document_id,
                etag=etag,
                match_condition=MatchConditions.IfNotModified,
                timeout=self._operation_seconds,
                response_hook=observed,
            )

    async def check(self) -> None:
        await self.read("check")

    async def _item(self, document_id: str) -> Mapping[str, Any]:
        async with self._call("read_item") as (container, observed):
            item: Mapping[str, Any] = await container.read_item(
                document_id, document_id, timeout=self._operation_seconds, response_hook=observed
            )
            return item

    async def _own(self, written: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The document, where it is as this write left it."""
        try:
            item = await self._item(written["id"])
        except DocumentNotFound:
            return None
        return item if item.get("write_id") == written["write_id"] else None

    async def close(self) -> None:
        """Closes the client of this event loop."""
        connection = self._opened.pop(asyncio.get_running_loop(), None)
        if connection is not None:
            await connection.close()

    @asynccontextmanager
    async def _call(self, operation: str) -> AsyncIterator[tuple["ContainerProxy", "_Observed"]]:
        """One call of the SDK: a span with what it cost, and its errors as the port's."""
        attributes = {
            "db.system.name": "azure.cosmosdb",
            "db.namespace": self._account.database,
            "db.collection.name": self._container,
            "db.operation.name": operation,
        }
        with span(
            f"{operation} {self._container}", kind="client", attributes=attributes
        ) as current:
            observed = _Observed(current)
            loop = asyncio.get_running_loop()
            connection = self._opened.get(loop)
            if connection is None:
                connection = self._opened[loop] = _Connection(
                    self._account, self._container, self._read_seconds
                )
            counting = _observing.set(observed)
            try:
                with _port_errors(observed):
                    yield await connection.container(), observed
            finally:
                _observing.reset(counting)
                observed.ended()


class _Connection:
    def __init__(self, account: CosmosAccount, container: str, read_seconds: float) -> None:
        self._account = account
        self._name = container
        self._read_seconds = read_seconds
        self._opening = asyncio.Lock()
        self._client: CosmosClient | None = None
        self._credential: AsyncTokenCredential | None = None
        self._container: ContainerProxy | None = None

    async def container(self) -> "ContainerProxy":
        """Opens the client at the first call; a failure is tried again at the next."""
        if self._container is None:
            async with self._opening:
                if self._container is None:
                    self._container = await self._open()
        return self._container

    async def _open(self) -> "ContainerProxy":
        client, credential = _client_of(self._account, self._read_seconds)
        try:
            # Reads the account, and with it the addresses of its regions.
            await client.__aenter__()
        except BaseException:
            await _close(client, credential)
            raise
        self._client, self._credential = client, credential
        return client.get_database_client(self._account.database).get_container_client(self._name)

    async def close(self) -> None:
        if self._client is not None:
            await _close(self._client, self._credential)
        self._client = self._credential = self._container = None


def _client_of(
    account: CosmosAccount, read_seconds: float
) -> "tuple[CosmosClient, AsyncTokenCredential | None]":
    from azure.cosmos.aio import CosmosClient

    endpoint = account.endpoint
    credential: AsyncTokenCredential | None = None
    sign_in: Any
    if account.connection_string is not None:
        endpoint, sign_in = _parts(account.connection_string)
    else:
        from azure.identity.aio import DefaultAzureCredential

        sign_in = credential = DefaultAzureCredential()
    assert endpoint is not None, "an account has an endpoint or a connection string"
    # An emulator names itself by an address that is none outside of its container.
    discover = urlsplit(endpoint).hostname not in {"localhost", "127.0.0.1"}
    client = CosmosClient(
        endpoint,
        sign_in,
        preferred_locations=list(account.regions) if discover else [],
        enable_endpoint_discovery=discover,
        connection_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        retry_total=RETRIES,
        retry_throttle_total=THROTTLED_RETRIES,
        retry_throttle_backoff_max=THROTTLED_SECONDS,
        retry_write=WRITE_RETRIES,
        raw_request_hook=_count_request,
        enable_compact_utf8_item_writes=True,
    )
    return client, credential


def _parts(connection_string: str) -> tuple[str, str]:
    """Endpoint and key; raises ValueError, which shows neither."""
    pairs = (part.partition("=") for part in connection_string.strip().strip(";").split(";"))
    said = {name.strip().lower(): value.strip() for name, _, value in pairs}
    try:
        return said["accountendpoint"], said["accountkey"]
    except KeyError as error:
        raise ValueError(f"the connection string of Cosmos DB has no {error.args[0]}") from None


async def _close(client: "CosmosClient", credential: "AsyncTokenCredential | None") -> None:
    await client.close()
    if credential is not None:
        await credential.close()


class _Observed:
    """The SDK's `response_hook`: what a call cost goes into its span."""

    def __init__(self, current: Span) -> None:
        self._span = current
        self.requests = 0

    def __call__(self, headers: Mapping[str, Any], _result: object) -> None:
        charge = headers.get(_REQUEST_CHARGE)
        if charge is not None:
            self._span.set_attribute("azure.cosmosdb.operation.request_charge", float(charge))

    def failed(self, error: "CosmosHttpResponseError") -> None:
        self._span.set_attribute("db.response.status_code", str(error.status_code))
        self(error.headers, None)

    def ended(self) -> None:
        if self.requests > 1:
            self._span.set_attribute("http.request.resend_count", self.requests - 1)


def _count_request(request: Any) -> None:
    """Called by the SDK for each request of a call, those that it sends again included."""
    observed = _observing.get()
    if observed is not None and "/docs" in request.http_request.url:
        observed.requests += 1


@contextmanager
def _port_errors(observed: _Observed) -> Iterator[None]:
    from azure.core.exceptions import AzureError
    from azure.cosmos.exceptions import CosmosHttpResponseError

    try:
        yield
    except CosmosHttpResponseError as error:
        observed.failed(error)
        raise _translated(error) from error
    # Names that are not resolved, connections, time-outs, tokens.
    except (AzureError, OSError) as error:
        log.warning("cosmos.unavailable", reason=type(error).__name__)
        raise DocumentsUnavailable from error


def _translated(error: "CosmosHttpResponseError") -> DocumentError:
    status, detail = error.status_code, error.sub_status
    if status == 404 and not detail:
        return DocumentNotFound()
    if status == 409:
        return DocumentConflict()
    if status == 412:
        return DocumentPreconditionFailed()
    if status == 429:
        return DocumentsThrottled()
    # A 404 with a detail misses more than a document: its container, or a session's newest state.
    log.error("cosmos.refused", status=status, sub_status=detail)
    return DocumentsUnavailable()


def _item(document_id: str, content: Content, ttl: int | None) -> dict[str, Any]:
    checked_ttl(ttl)
    checked_content(content)
    return {
        **content,
        "id": checked_id(document_id),
        # -1 outlives whatever the container's default may be.
        "ttl": -1 if ttl is None else ttl,
        "write_id": uuid4().hex,
    }


def _document(item: Mapping[str, Any]) -> Document:
    content = {
        name: value
        for name, value in item.items()
        if name not in OWN_NAMES and not name.startswith("_")
    }
    return Document(item["id"], item["_etag"], content)
