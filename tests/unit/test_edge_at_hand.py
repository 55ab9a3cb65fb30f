"""Answers that lie at hand: the handler is not asked, and nobody can tell."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import azure.functions as func
import pytest

from shared.http.calls import Answer, Call, Look, Nothing
from shared.telemetry.metrics import measure_with
from shared.telemetry.tracing import record_with
from tests.support.edge_app import App, Listing
from tests.support.exporters import Meter, Spans


class Shop:
    """One read, whose answer is at hand once `held` has one; with the number of calls it took."""

    def __init__(self) -> None:
        self.app = App()
        self.held: Answer | None = None
        self.calls = 0
        self.app.api.route(
            "GET",
            "books",
            summary="List",
            query=Listing,
            answers={200: Listing},
            etag=True,
            look=self._look,
        )(self.books)

    async def books(self, call: Call[Nothing, Listing, Nothing]) -> Answer:
        self.calls += 1
        return Answer(call.query, etag='"asked"', cache="public, max-age=5")

    def _look(self, path: Nothing, query: Listing) -> Look:
        return lambda: self.held and self.held._replace(body=query)

    def get(self, **asked: str) -> func.HttpResponse:
        return self.app.send("shop_books", query=asked)


@pytest.fixture
def shop() -> Shop:
    found = Shop()
    found.get(limit="7")
    found.held = Answer(etag='"held"', cache="public, max-age=5")
    return found


def test_what_is_at_hand_is_answered_like_anything_else(shop: Shop) -> None:
    asked, held = shop.get(limit="8"), shop.get(limit="7")
    assert shop.calls == 2
    assert json.loads(held.get_body()) == {"q": None, "limit": 7}
    for response in (asked, held):
        assert response.status_code == 200
        assert response.mimetype == "application/json"
        assert [name for name, _ in response.headers] == [
            "x-correlation-id", "ETag", "Cache-Control",
        ]  # fmt: skip
        assert len(response.headers["x-correlation-id"]) == 32
    assert held.headers["ETag"] == '"held"'


def test_what_is_not_at_hand_any_more_is_asked_for(shop: Shop) -> None:
    shop.held = None
    assert shop.get(limit="7").headers["ETag"] == '"asked"'
    assert shop.calls == 2


def test_a_reader_who_has_it_is_told_so_and_keeps_the_correlation_id(shop: Shop) -> None:
    headers = {"if-none-match": '"held"', "x-correlation-id": "mine"}
    response = shop.app.send("shop_books", query={"limit": "7"}, headers=headers)
    assert response.status_code == 304
    assert response.get_body() == b""
    assert response.headers["x-correlation-id"] == "mine"
    assert shop.calls == 1


def test_a_url_that_was_wrong_stays_wrong(shop: Shop) -> None:
    assert [shop.get(limit="0").status_code for _ in range(2)] == [400, 400]


def test_where_the_host_keeps_the_query_out_of_the_url_only_the_bare_url_is_known(
    shop: Shop,
) -> None:
    def limit(**query: str) -> int:
        found = shop.app.send("shop_books", query=query, hides_query=True)
        return int(json.loads(found.get_body())["limit"])

    assert [limit(), limit(limit="5"), limit(), limit(limit="6")] == [20, 5, 20, 6]
    assert shop.calls == 4  # and one of the second calls for the bare URL was at hand


@contextmanager
def exported_to(spans: Spans | None, meter: Meter | None) -> Iterator[None]:
    record_with(spans)
    measure_with(meter)
    try:
        yield
    finally:
        record_with(None)
        measure_with(None)


def test_a_span_tells_of_each_request(shop: Shop) -> None:
    spans = Spans()
    with exported_to(spans, None):
        shop.get(limit="7")
    assert list(spans.attributes) == ["GET /api/books"]
    assert shop.calls == 2


def test_a_metric_tells_of_each_request(shop: Shop) -> None:
    meter = Meter()
    with exported_to(None, meter):
        shop.get(limit="7")
    assert [name for name, _, _ in meter.taken] == ["http.server.request.duration"]
    assert shop.calls == 2


@pytest.mark.parametrize("told", [{"role": "admin"}, {"sign_in": "optional"}])
def test_nothing_is_at_hand_where_it_matters_who_asks(shop: Shop, told: dict[str, str]) -> None:
    with pytest.raises(TypeError, match="no public read"):
        shop.app.api.route(
            "GET", "mine", summary="Mine", answers={}, look=lambda path, query: None, **told
        )
