"""Health, the fallback, and the description of the API."""

import asyncio
import json
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from functions.ops.model import ShopFacts
from functions.ops.service import Readiness
from functions.ops.triggers import FALLBACK, blueprint
from shared.auth import Principal
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Edge
from shared.kit.errors import NotConfigured
from shared.kit.provider import Provider
from shared.messaging.dead_letters import ServiceBusDeadLetters


class NobodyCalls:
    def verify(self, token: str) -> Principal:
        raise AssertionError


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def fine() -> None:
    pass


def broken() -> None:
    raise ConnectionError("sql://user:hunter2@db.internal:1433")


def not_set() -> None:
    raise NotConfigured("The setting REDIS_URL is missing.")


def test_the_shop_is_ready_when_every_check_passes() -> None:
    report = Readiness({"inventory": fine, "cache": fine}).report()
    assert report.status == "ready"
    assert [(check.name, check.status) for check in report.checks] == [
        ("inventory", "ok"),
        ("cache", "ok"),
    ]


def test_each_failure_is_named_and_no_secret_is_shown() -> None:
    report = Readiness({"good": fine, "bad": broken, "unset": not_set}).report()
    assert report.status == "not-ready"
    assert [(check.status, check.detail) for check in report.checks] == [
        ("ok", None),
        ("failed", "It cannot be used (ConnectionError)."),
        ("missing", "The setting REDIS_URL is missing."),
    ]


def test_without_what_is_optional_the_shop_is_degraded_and_goes_on() -> None:
    report = Readiness({"good": fine}, {"mail": broken}).report()
    assert report.status == "degraded"
    assert [(check.name, check.required, check.status) for check in report.checks] == [
        ("good", True, "ok"),
        ("mail", False, "failed"),
    ]
    both = Readiness({"bad": broken}, {"mail": broken}).report()
    assert both.status == "not-ready"


def test_others_are_asked_twice_a_minute_at_most() -> None:
    seconds, runs = Seconds(), list[str]()
    readiness = Readiness(
        {"own": lambda: runs.append("own")}, {"other": lambda: runs.append("other")}, now=seconds
    )
    for seconds.now in (0.0, 5.0, 29.0, 30.0):
        readiness.report()
    assert runs.count("own") == 4
    assert runs.count("other") == 2


def test_checks_run_side_by_side() -> None:
    together = threading.Barrier(3)

    def meet() -> None:
        together.wait(10)

    report = Readiness({"a": meet, "b": meet, "c": meet}, limit=10).report()
    assert report.status == "ready"


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Set at the end, so that no thread outlives its test."""
    release = threading.Event()
    yield release
    release.set()


def test_a_check_that_hangs_counts_as_failed_and_is_not_started_again(
    held: threading.Event,
) -> None:
    starts: list[int] = []

    def hang() -> None:
        starts.append(1)
        held.wait(30)

    readiness = Readiness({"slow": hang, "good": fine}, limit=0.01, fresh_for=0)
    for _ in range(3):
        slow, good = readiness.report().checks
        assert (slow.status, good.status) == ("failed", "ok")
        assert slow.detail == "It has not answered within 0.01 seconds."
    assert len(starts) == 1


def test_a_report_serves_all_who_ask_within_a_second() -> None:
    seconds = Seconds()
    runs: list[int] = []
    readiness = Readiness({"counted": lambda: runs.append(1)}, now=seconds)
    readiness.report()
    seconds.now = 0.9
    readiness.report()
    assert len(runs) == 1
    seconds.now = 1.0
    readiness.report()
    assert len(runs) == 2


def test_a_dependency_that_comes_back_makes_the_shop_ready_again() -> None:
    states = iter([broken, fine])
    readiness = Readiness({"db": lambda: next(states)()}, fresh_for=0)
    assert readiness.report().status == "not-ready"
    assert readiness.report().status == "ready"


def test_a_change_is_logged_once_not_at_each_question(caplog: pytest.LogCaptureFixture) -> None:
    readiness = Readiness({"unset": not_set}, fresh_for=0)
    readiness.report()
    readiness.report()
    events = [json.loads(record.getMessage()) for record in caplog.records]
    assert [(item["event"], item["dependency"]) for item in events] == [
        ("dependency.changed", "unset")
    ]


def no_letters() -> ServiceBusDeadLetters:
    raise AssertionError("nobody asks for dead letters here")


class App:
    def __init__(self, readiness: Readiness) -> None:
        edge = Edge(Provider(NobodyCalls))
        shop = edge.api("shop")
        ops = blueprint(
            edge, readiness, ShopFacts(currency="GBP", sign_in=None), Provider(no_letters)
        )

        @shop.route("GET", "v1/books/{isbn:length(13)}", summary="One", answers={200: None})
        def book(call: Call[Nothing, Nothing, Nothing]) -> Answer:
            return Answer()

        @shop.route("PUT", "v1/books/{isbn}", summary="Put", answers={204: None})
        def put_book(call: Call[Nothing, Nothing, Nothing]) -> Answer:
            return Answer()

        @shop.route("POST", "v1/books/find", summary="Find", answers={204: None})
        def find_book(call: Call[Nothing, Nothing, Nothing]) -> Answer:
            return Answer()

        @shop.route("POST", "v1/books", summary="Post", answers={204: None})
        def post_book(call: Call[Nothing, Nothing, Nothing]) -> Answer:
            return Answer()

        app = func.FunctionApp()
        app.register_functions(shop.blueprint)
        app.register_functions(ops)
        self.functions = {f.get_function_name(): f for f in app.get_functions()}

    def send(self, name: str, *, method: str = "GET", headers: Any = None) -> func.HttpResponse:
        context = SimpleNamespace(
            trace_context=SimpleNamespace(trace_parent=None, trace_state=None)
        )
        request = func.HttpRequest(method, "http://x/api", headers=headers, body=b"")
        answer = self.functions[name].get_user_function()(request, context)
        if asyncio.iscoroutine(answer):
            answer = asyncio.run(answer)
        assert isinstance(answer, func.HttpResponse)
        return answer

    def fallback(self, method: str, path: str) -> func.HttpResponse:
        request = func.HttpRequest(
            method, f"http://x/api/{path}", route_params={"path": path}, body=b""
        )
        answer = self.functions[FALLBACK].get_user_function()(request)
        assert isinstance(answer, func.HttpResponse)
        return answer


@pytest.fixture(scope="module")
def app() -> App:
    return App(Readiness({"inventory": fine}))


def test_live_answers_without_asking_anything(app: App) -> None:
    response = app.send("ops_live")
    assert json.loads(response.get_body()) == {"status": "live"}
    assert response.headers["Cache-Control"] == "no-store"


def test_ready_answers_200_or_503_with_the_same_report(app: App) -> None:
    response = app.send("ops_ready")
    assert response.status_code == 200
    red = App(Readiness({"inventory": not_set})).send("ops_ready")
    assert red.status_code == 503
    degraded = App(Readiness({"inventory": fine}, {"mail": broken})).send("ops_ready")
    assert degraded.status_code == 200
    content = json.loads(red.get_body())
    assert content["status"] == "not-ready"
    assert content["checks"][0]["detail"] == "The setting REDIS_URL is missing."
    assert red.mimetype == "application/json"


@pytest.mark.parametrize("name", ["ops_openapi_document", "ops_read_docs"])
def test_the_description_is_kept_by_browsers_until_it_changes(app: App, name: str) -> None:
    first = app.send(name)
    assert first.status_code == 200
    again = app.send(name, headers={"if-none-match": first.headers["ETag"]})
    assert (again.status_code, again.get_body()) == (304, b"")


def test_the_document_holds_every_route_but_the_fallback(app: App) -> None:
    document = json.loads(app.send("ops_openapi_document").get_body())
    described = {
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
    }
    assert described == set(app.functions) - {FALLBACK}


def test_the_page_is_html_with_a_policy(app: App) -> None:
    response = app.send("ops_read_docs")
    assert response.get_body().startswith(b"<!doctype html>")
    assert response.mimetype == "text/html"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def test_the_fallback_comes_after_every_other_function(app: App) -> None:
    assert max(app.functions, key=lambda name: str(name).lower()) == FALLBACK


@pytest.mark.parametrize("path", ["", "v1", "v1/nothing", "v1/books/1/2", "../x"])
def test_an_unknown_address_is_a_404_problem(app: App, path: str) -> None:
    response = app.fallback("GET", path)
    assert response.status_code == 404
    assert json.loads(response.get_body())["type"] == "/problems/no-route"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "v1/books/9780141439587", "GET, HEAD, PUT"),
        ("OPTIONS", "v1/books/9780141439587", "GET, HEAD, PUT"),
        ("GET", "v1/books", "POST"),
        ("GET", "V1/Books/", "POST"),
        ("GET", "v1/books/find", "POST"),
        ("POST", "health/live", "GET, HEAD"),
        ("PROPFIND", "docs", "GET, HEAD"),
    ],
)
def test_a_known_address_with_another_method_is_a_405_with_allow(
    app: App, method: str, path: str, allowed: str
) -> None:
    response = app.fallback(method, path)
    assert response.status_code == 405
    assert json.loads(response.get_body())["type"] == "/problems/method-not-allowed"
    assert response.headers["Allow"] == allowed


def test_a_value_that_a_routes_constraint_refuses_is_a_404(app: App) -> None:
    assert app.fallback("GET", "v1/books/short").status_code == 404
