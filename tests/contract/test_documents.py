"""What every store of documents keeps, in an SQLite file and through the SDK of Cosmos DB.

The SDK talks to a server of our own, which knows time, to an emulator that we did not write, and to
the account or emulator that `TEST_COSMOS` names, by its connection string.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient

from shared.documents.cosmos import CosmosAccount, CosmosDocuments
from shared.documents.port import (
    LARGEST,
    DocumentConflict,
    DocumentNotFound,
    DocumentPreconditionFailed,
    DocumentStore,
    DocumentsUnavailable,
)
from shared.documents.sqlite import SqliteDocuments
from shared.kit.clock import ManualClock
from tests.support.cosmos_server import CONTAINER, DATABASE, KEY, cosmos_server
from tests.support.emulators import cosmos_emulator
from tests.support.inventory import START

CONTENT = {"lines": [{"isbn": "9780141439518", "quantity": 2}], "note": "Brontë"}
DAY = 24 * 60 * 60
ACCOUNT = os.environ.get("TEST_COSMOS")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cosmos_emulator(tmp_path_factory.mktemp("cosmos")) as url:
        yield url


@asynccontextmanager
async def sqlite(clock: ManualClock, folder: Path) -> AsyncIterator[DocumentStore]:
    embedded = SqliteDocuments(folder / "documents.db", CONTAINER, clock)
    yield embedded
    await embedded.close()


@asynccontextmanager
async def cosmos(clock: ManualClock) -> AsyncIterator[DocumentStore]:
    with cosmos_server(clock) as server:
        store = CosmosDocuments(CosmosAccount(None, server.connection_string, DATABASE), CONTAINER)
        yield store
        await store.close()


class EmulatedDocuments(CosmosDocuments):
    """The emulator answers 500 where a document is missing, which Cosmos DB never does."""

    @asynccontextmanager
    async def _call(self, operation: str) -> AsyncIterator[Any]:
        try:
            async with super()._call(operation) as opened:
                yield opened
        except DocumentsUnavailable as error:
            if "reading 'id'" in str(error.__cause__):
                raise DocumentNotFound from error
            raise


@asynccontextmanager
async def emulated(url: str) -> AsyncIterator[DocumentStore]:
    name = f"shop-{uuid4().hex}"
    async with CosmosClient(url, KEY, enable_endpoint_discovery=False) as client:
        database = await client.create_database(name)
        await database.create_container(CONTAINER, PartitionKey("/id"), default_ttl=-1)
    account = CosmosAccount(None, f"AccountEndpoint={url};AccountKey={KEY};", name)
    store = EmulatedDocuments(account, CONTAINER)
    yield store
    await store.close()


@asynccontextmanager
async def account(connection_string: str) -> AsyncIterator[DocumentStore]:
    """A database of our own, and away with it. A certificate that an emulator signed itself must be
    among those that `SSL_CERT_FILE` names."""
    name = f"test-{uuid4().hex}"
    client = CosmosClient.from_connection_string(connection_string, enable_endpoint_discovery=False)
    async with client:
        database = await client.create_database(name)
        try:
            await database.create_container(CONTAINER, PartitionKey("/id"), default_ttl=-1)
            store = CosmosDocuments(CosmosAccount(None, connection_string, name), CONTAINER)
            yield store
            await store.close()
        finally:
            await client.delete_database(name)


@pytest.fixture(params=["sqlite", "cosmos", "emulator", *(["account"] if ACCOUNT else [])])
async def store(
    request: pytest.FixtureRequest,
    clock: ManualClock,
    tmp_path: Path,
) -> AsyncIterator[DocumentStore]:
    match request.param:
        case "sqlite":
            opened = sqlite(clock, tmp_path)
        case "cosmos":
            opened = cosmos(clock)
        case "account":
            opened = account(str(ACCOUNT))
        case _:
            opened = emulated(request.getfixturevalue("emulator"))
    async with opened as store:
        yield store


@pytest.fixture(params=["sqlite", "cosmos"])
async def timed_store(
    request: pytest.FixtureRequest, clock: ManualClock, tmp_path: Path
) -> AsyncIterator[DocumentStore]:
    """The emulator knows no time to live."""
    async with sqlite(clock, tmp_path) if request.param == "sqlite" else cosmos(clock) as store:
        yield store


async def test_what_was_created_is_read_back(store: DocumentStore) -> None:
    created = await store.create("a-1", CONTENT, ttl=None)
    assert created.content == CONTENT
    assert await store.read("a-1") == created


async def test_what_was_never_written_is_none(store: DocumentStore) -> None:
    assert await store.read("nobody") is None


async def test_an_id_is_created_once(store: DocumentStore) -> None:
    await store.create("a", CONTENT, ttl=None)
    with pytest.raises(DocumentConflict):
        await store.create("a", {}, ttl=None)
    document = await store.read("a")
    assert document is not None
    assert document.content == CONTENT


async def test_ids_differ_by_case(store: DocumentStore) -> None:
    await store.create("a", {"n": 1}, ttl=None)
    await store.create("A", {"n": 2}, ttl=None)
    document = await store.read("a")
    assert document is not None
    assert document.content == {"n": 1}


async def test_a_replacement_needs_the_newest_etag(store: DocumentStore) -> None:
    first = await store.create("a", {"n": 1}, ttl=None)
    second = await store.replace("a", {"n": 2}, first.etag, ttl=None)
    assert second.etag != first.etag
    with pytest.raises(DocumentPreconditionFailed):
        await store.replace("a", {"n": 3}, first.etag, ttl=None)
    assert await store.read("a") == second


async def test_the_same_content_again_is_a_new_version(store: DocumentStore) -> None:
    first = await store.create("a", CONTENT, ttl=None)
    second = await store.replace("a", CONTENT, first.etag, ttl=None)
    assert second.etag != first.etag


async def test_what_is_not_there_cannot_be_replaced_or_deleted(store: DocumentStore) -> None:
    document = await store.create("a", CONTENT, ttl=None)
    with pytest.raises(DocumentNotFound):
        await store.replace("b", CONTENT, document.etag, ttl=None)
    with pytest.raises(DocumentNotFound):
        await store.delete("b", document.etag)


async def test_a_deletion_needs_the_newest_etag(store: DocumentStore) -> None:
    first = await store.create("a", {"n": 1}, ttl=None)
    second = await store.replace("a", {"n": 2}, first.etag, ttl=None)
    with pytest.raises(DocumentPreconditionFailed):
        await store.delete("a", first.etag)
    await store.delete("a", second.etag)
    assert await store.read("a") is None
    assert (await store.create("a", CONTENT, ttl=None)).content == CONTENT


async def test_a_document_goes_when_its_time_is_over(
    timed_store: DocumentStore, clock: ManualClock
) -> None:
    store = timed_store
    document = await store.create("a", CONTENT, ttl=30 * DAY)
    clock.advance_business(timedelta(days=30, seconds=-1))
    assert await store.read("a") is not None
    clock.advance_business(timedelta(seconds=1))
    assert await store.read("a") is None
    with pytest.raises(DocumentNotFound):
        await store.replace("a", CONTENT, document.etag, ttl=None)
    with pytest.raises(DocumentNotFound):
        await store.delete("a", document.etag)
    again = await store.create("a", {"n": 2}, ttl=DAY)
    assert await store.read("a") == again


async def test_each_write_starts_the_time_again(
    timed_store: DocumentStore, clock: ManualClock
) -> None:
    store = timed_store
    document = await store.create("a", CONTENT, ttl=DAY)
    clock.advance_business(timedelta(hours=23))
    document = await store.replace("a", CONTENT, document.etag, ttl=DAY)
    clock.advance_business(timedelta(hours=23))
    assert await store.read("a") is not None
    await store.replace("a", CONTENT, document.etag, ttl=None)
    clock.advance_business(timedelta(days=10_000))
    assert await store.read("a") is not None


async def test_of_writers_with_the_same_etag_one_succeeds(store: DocumentStore) -> None:
    document = await store.create("a", {"n": 0}, ttl=None)
    results = await asyncio.gather(
        *(store.replace("a", {"n": n}, document.etag, ttl=None) for n in range(1, 9)),
        return_exceptions=True,
    )
    refused = [one for one in results if isinstance(one, DocumentPreconditionFailed)]
    assert len(refused) == 7
    assert await store.read("a") in results


@pytest.mark.parametrize("name", ["", "a/b", "a b", "ü", "x" * 201, "a?", "a#"])
async def test_an_id_that_some_store_cannot_hold_is_refused(
    store: DocumentStore, name: str
) -> None:
    with pytest.raises(ValueError, match="document's id"):
        await store.read(name)
    with pytest.raises(ValueError, match="document's id"):
        await store.create(name, CONTENT, ttl=None)


@pytest.mark.parametrize("name", ["id", "ttl", "write_id", "_etag", "_ts"])
async def test_a_name_that_the_store_needs_is_refused(store: DocumentStore, name: str) -> None:
    with pytest.raises(ValueError, match="for itself"):
        await store.create("a", {name: 1}, ttl=None)


@pytest.mark.parametrize("ttl", [0, -1, 2**31])
async def test_a_time_to_live_that_is_none_is_refused(store: DocumentStore, ttl: int) -> None:
    with pytest.raises(ValueError, match="seconds"):
        await store.create("a", CONTENT, ttl=ttl)


async def test_a_document_has_a_largest_size(store: DocumentStore) -> None:
    with pytest.raises(ValueError, match="bytes"):
        await store.create("a", {"text": "x" * LARGEST}, ttl=None)


async def test_a_store_that_answers_passes_its_check(store: DocumentStore) -> None:
    await store.check()
