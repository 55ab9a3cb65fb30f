"""How the SDK of Cosmos DB is used: what it sends, what its errors become."""

import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from shared.documents.cosmos import CosmosAccount, CosmosDocuments
from shared.documents.port import (
    DocumentConflict,
    DocumentPreconditionFailed,
    DocumentsThrottled,
    DocumentsUnavailable,
)
from shared.kit.clock import ManualClock
from shared.telemetry.tracing import record_with
from tests.support.cosmos_server import (
    CONTAINER,
    DATABASE,
    CosmosServer,
    cosmos_server,
)
from tests.support.exporters import Spans


@pytest.fixture
def server() -> Iterator[CosmosServer]:
    with cosmos_server(ManualClock()) as running:
        yield running


@pytest.fixture
async def store(server: CosmosServer) -> AsyncIterator[CosmosDocuments]:
    account = CosmosAccount(None, server.connection_string, DATABASE, ("North Europe",))
    store = CosmosDocuments(account, CONTAINER)
    yield store
    await store.close()


@pytest.fixture
def spans() -> Iterator[Spans]:
    spans = Spans()
    record_with(spans)
    yield spans
    record_with(None)


async def test_what_a_call_costs_is_in_its_span(store: CosmosDocuments, spans: Spans) -> None:
    document = await store.create("a", {}, ttl=60)
    await store.read("a")
    await store.delete("a", document.etag)
    for operation in ("create_item", "read_item", "delete_item"):
        said = spans.attributes[f"{operation} {CONTAINER}"]
        assert said["azure.cosmosdb.operation.request_charge"] == 1.24
        assert said["db.system.name"] == "azure.cosmosdb"


async def test_what_a_refused_call_costs_is_in_its_span(
    store: CosmosDocuments, spans: Spans
) -> None:
    assert await store.read("a") is None
    said = spans.attributes[f"read_item {CONTAINER}"]
    assert said["azure.cosmosdb.operation.request_charge"] == 1.24
    assert said["db.response.status_code"] == "404"


async def test_what_was_sent_again_is_in_its_span(
    server: CosmosServer, store: CosmosDocuments, spans: Spans
) -> None:
    throttled = [(429, {"x-ms-retry-after-ms": "1"}, {"code": "TooManyRequests"})] * 2
    server.instead = lambda request: throttled.pop() if throttled else None
    await store.create("a", {}, ttl=None)
    assert spans.attributes[f"create_item {CONTAINER}"]["http.request.resend_count"] == 2
    await store.read("a")
    assert "http.request.resend_count" not in spans.attributes[f"read_item {CONTAINER}"]


async def test_a_write_whose_connection_broke_is_in_its_span_as_sent_again(
    server: CosmosServer, store: CosmosDocuments, spans: Spans
) -> None:
    server.lose.append("POST")
    await store.create("a", {}, ttl=None)
    assert spans.attributes[f"create_item {CONTAINER}"]["http.request.resend_count"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers at every 127.x.x.x")
async def test_the_preferred_region_is_read_and_the_accounts_own_written() -> None:
    # At 127.0.0.1 an emulator would be asked, which is told no regions.
    clock = ManualClock()
    with cosmos_server(clock, "127.0.0.2") as home, cosmos_server(clock, "127.0.0.3") as near:
        home.replicas["West Europe"] = near.url
        account = CosmosAccount(None, home.connection_string, DATABASE, ("West Europe",))
        store = CosmosDocuments(account, CONTAINER)
        await store.create("a", {}, ttl=None)
        assert await store.read("a") is None, "the other region has not got it yet"
        await store.close()
        assert [method for method, _, _ in home.requests] == ["POST"]
        assert [method for method, _, _ in near.requests] == ["GET"]


async def test_a_write_carries_its_precondition_and_its_time_to_live(
    server: CosmosServer, store: CosmosDocuments
) -> None:
    document = await store.create("a", {}, ttl=60)
    await store.replace("a", {}, document.etag, ttl=60)
    methods = [(method, headers.get("if-match")) for method, _, headers in server.requests]
    assert methods == [("POST", None), ("PUT", document.etag)]


async def test_a_throttled_call_is_tried_again(
    server: CosmosServer, store: CosmosDocuments
) -> None:
    throttled = [(429, {"x-ms-retry-after-ms": "1"}, {"code": "TooManyRequests"})]
    server.instead = lambda request: throttled.pop() if throttled else None
    await store.create("a", {}, ttl=None)
    assert len(server.requests) == 2


async def test_a_container_that_stays_throttled_says_so(
    server: CosmosServer, store: CosmosDocuments
) -> None:
    answer = (429, {"x-ms-retry-after-ms": "1"}, {"code": "TooManyRequests"})
    server.instead = lambda request: answer
    with pytest.raises(DocumentsThrottled):
        await store.read("a")
    assert len(server.requests) > 2


@pytest.mark.parametrize("answer", [(403, {}, {}), (404, {"x-ms-substatus": "1003"}, {})])
async def test_what_is_not_about_the_document_is_not_taken_for_its_absence(
    server: CosmosServer, store: CosmosDocuments, answer: tuple[int, dict[str, str], object]
) -> None:
    server.instead = lambda request: answer
    with pytest.raises(DocumentsUnavailable):
        await store.read("a")


async def test_a_write_whose_answer_was_lost_knows_its_own_result(
    server: CosmosServer, store: CosmosDocuments
) -> None:
    server.lose.append("POST")
    first = await store.create("a", {"n": 1}, ttl=None)
    server.lose.append("PUT")
    second = await store.replace("a", {"n": 2}, first.etag, ttl=None)
    assert second.content == {"n": 2}
    assert await store.read("a") == second
    assert server.lose == []
    assert [method for method, _, _ in server.requests].count("PUT") == 2


async def test_another_write_is_not_taken_for_ones_own(store: CosmosDocuments) -> None:
    first = await store.create("a", {"n": 1}, ttl=None)
    await store.replace("a", {"n": 1}, first.etag, ttl=None)
    with pytest.raises(DocumentPreconditionFailed):
        await store.replace("a", {"n": 1}, first.etag, ttl=None)
    with pytest.raises(DocumentConflict):
        await store.create("a", {"n": 1}, ttl=None)


async def test_an_account_that_was_away_is_opened_at_the_next_call(server: CosmosServer) -> None:
    gone = CosmosDocuments(
        CosmosAccount(None, "AccountEndpoint=http://127.0.0.1:9/;AccountKey=a2V5", DATABASE),
        CONTAINER,
    )
    with pytest.raises(DocumentsUnavailable):
        await gone.read("a")
    await gone.close()


async def test_a_connection_string_without_a_key_is_named_and_not_shown() -> None:
    store = CosmosDocuments(CosmosAccount(None, "AccountEndpoint=https://x", DATABASE), CONTAINER)
    with pytest.raises(ValueError, match="has no accountkey"):
        await store.read("a")
