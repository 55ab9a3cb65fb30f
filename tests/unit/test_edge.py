"""The HTTP edge, called as a Functions worker calls it."""

import json
import logging
import threading
from collections.abc import Mapping

import azure.functions as func
import pytest
from pydantic import BaseModel

from shared.http.calls import Answer, Call, Nothing
from shared.kit.errors import NotConfigured
from shared.kit.provider import Provider
from shared.telemetry import get_correlation_id
from tests.support.edge_app import App, OnlyAlice, Reason, an_app, pointers, problem


@pytest.fixture
def app() -> App:
    return an_app()


def test_a_call_reaches_its_handler_with_checked_values(app: App) -> None:
    response = app.send("shop_books", query={"limit": "5", "q": "Emma"})
    assert response.status_code == 200
    assert json.loads(response.get_body()) == {"q": "Emma", "limit": 5}
    assert response.mimetype == "application/json"


def test_wrong_and_unknown_query_parameters_are_all_named(app: App) -> None:
    response = app.send("shop_books", query={"limit": "1000", "colour": "red"})
    assert pointers(response) == [("query", "#/limit"), ("query", "#/colour")]
    detail = json.loads(response.get_body())["detail"]
    assert detail == (
        "The query is not valid: limit should be less than or equal to 100; "
        "colour is not known here."
    )


@pytest.mark.parametrize("value", ["a\x00b", "a\ufffdb", f"a{chr(0xD800)}b"])
def test_texts_that_cannot_be_stored_are_refused_in_query_and_path(app: App, value: str) -> None:
    assert pointers(app.send("shop_books", query={"q": value})) == [("query", "#/q")]
    assert pointers(app.send("shop_book", path={"isbn": value})) == [("path", "#/isbn")]


@pytest.mark.parametrize(
    ("raw_query", "pointer"),
    [("q=%ff", "#/q"), ("limit=5&q=a%C3", "#/q"), ("q=%ED%A0%80", "#/q"), ("%ff=1", "#/\ufffd")],
)
def test_bytes_that_are_not_utf_8_are_refused_however_the_host_hands_them_over(
    app: App, raw_query: str, pointer: str
) -> None:
    assert pointers(app.send("shop_books", raw_query=raw_query)) == [("query", pointer)]


def test_a_parameter_without_a_value_must_be_known_although_the_host_drops_it(app: App) -> None:
    assert app.send("shop_books", raw_query="q=&limit=").status_code == 200
    assert pointers(app.send("shop_books", raw_query="q=&colour=")) == [("query", "#/colour")]
    assert pointers(app.send("shop_books", raw_query="debug")) == [("query", "#/debug")]


def test_a_host_may_keep_the_query_out_of_the_url(app: App) -> None:
    def limit(**query: str) -> int:
        found = app.send("shop_books", query=query, hides_query=True)
        return int(json.loads(found.get_body())["limit"])

    assert [limit(), limit(limit="5"), limit(), limit(limit="6")] == [20, 5, 20, 6]


def test_a_request_model_that_would_swallow_unknown_fields_cannot_be_registered(app: App) -> None:
    class Lax(BaseModel):
        q: str = ""

    with pytest.raises(TypeError, match="Lax takes requests"):
        app.api.route("GET", "lax", summary="Lax", answers={}, query=Lax)
    with pytest.raises(TypeError, match="Lax takes requests"):
        app.api.route("POST", "lax", summary="Lax", answers={}, body=Lax)


def test_an_unknown_parameter_is_refused_where_a_route_takes_none(app: App) -> None:
    assert pointers(app.send("shop_broken", query={"debug": "1"})) == [("query", "#/debug")]


def admin(app: App, headers: Mapping[str, str], body: bytes = b"{}") -> func.HttpResponse:
    sound = {
        "Authorization": "Bearer alice",
        "Idempotency-Key": "k1",
        "If-Match": '"m1"',
        "Content-Type": "application/merge-patch+json",
    }
    merged = {k: v for k, v in {**sound, **headers}.items() if v != "(none)"}
    return app.send("shop_admin", method="PATCH", headers=merged, body=body)


def test_an_admin_call_with_all_its_headers_goes_through(app: App) -> None:
    response = admin(app, {"If-Match": '"m1", W/"m2", "m3,4"'})
    assert json.loads(response.get_body())["reason"] == "alice k1 ['\"m1\"', '\"m3,4\"']"


@pytest.mark.parametrize(
    "header",
    ["(none)", "", "Bearer", "Bearer ", "Basic YWxpY2U6eA==", "Bearer a b", "alice", "Bearer é",
     "Bearer alice, Bearer alice", "Bearer\talice", "Bearer bad"],
)  # fmt: skip
def test_a_missing_malformed_or_refused_token_is_a_401_with_a_challenge(
    app: App, header: str
) -> None:
    response = admin(app, {"Authorization": header})
    problem(response, 401, "unauthenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_scheme_of_a_token_may_have_any_case(app: App) -> None:
    assert admin(app, {"Authorization": "bEARER  alice "}).status_code == 200


def test_a_caller_without_the_role_is_a_403(app: App) -> None:
    problem(admin(app, {"Authorization": "Bearer bob"}), 403, "forbidden")


@pytest.mark.parametrize("key", ["(none)", "", "two words", "x" * 256, "é", "a\r\nb"])
def test_a_missing_or_odd_idempotency_key_is_a_400(app: App, key: str) -> None:
    assert pointers(admin(app, {"Idempotency-Key": key})) == [("header", "#/Idempotency-Key")]


def test_a_missing_if_match_is_a_428(app: App) -> None:
    problem(admin(app, {"If-Match": "(none)"}), 428, "precondition-required")


@pytest.mark.parametrize(
    "tag", ["", "m1", '"m1', '"m1" "m2"', '"m1",', '*, "m1"', '"m1"' + " " * 9_000 + "x"]
)
def test_an_if_match_that_is_no_entity_tag_is_a_400(app: App, tag: str) -> None:
    assert pointers(admin(app, {"If-Match": tag})) == [("header", "#/If-Match")]


def test_where_sign_in_is_ignored_a_token_is_not_looked_at(app: App) -> None:
    assert app.send("shop_books", headers={"authorization": "Bearer bad"}).status_code == 200
    assert app.verifier.threads == []


def test_optional_sign_in_takes_callers_with_and_without_a_token(app: App) -> None:
    assert json.loads(app.send("shop_me").get_body()) == {"reason": "nobody"}
    response = app.send("shop_me", headers={"Authorization": "Bearer bob"})
    assert json.loads(response.get_body()) == {"reason": "bob"}
    assert response.headers["Cache-Control"] == "no-store"
    problem(app.send("shop_me", headers={"Authorization": "Bearer bad"}), 401, "unauthenticated")


def test_the_event_loop_does_not_wait_for_the_identity_provider(app: App) -> None:
    app.send("shop_me", headers={"Authorization": "Bearer bob"})
    assert app.verifier.threads[0] != threading.get_ident()


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [
        ('"m1-s1"', 304),
        ('W/"m1-s1"', 304),
        ('"other", W/"m1-s1"', 304),
        ('"other","m1-s1"', 304),
        ("*", 304),
        ('"m1-s2"', 200),
        ('"m1-s1, other"', 200),
        ("m1-s1", 200),
        ("", 200),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match_is_compared_weakly_and_as_a_list(
    app: App, method: str, if_none_match: str, status: int
) -> None:
    response = app.send(
        "shop_book", method=method, path={"isbn": "1"}, headers={"If-None-Match": if_none_match}
    )
    assert response.status_code == status
    assert (response.get_body() == b"") == (status == 304)
    assert response.headers["ETag"] == '"m1-s1"'
    assert response.headers["Cache-Control"] == "max-age=5"


def test_an_error_that_nobody_foresaw_is_logged_and_shown_bare(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        response = app.send("shop_broken", headers={"x-correlation-id": "abc-1"})
    content = problem(response, 500, "internal")
    assert "hunter2" not in json.dumps(content)
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert [line["event"] for line in lines] == ["http.failed", "http.answered"]
    assert {line["correlation_id"] for line in lines} == {"abc-1"}
    assert (lines[1]["status"], lines[1]["problem"]) == (500, "internal")


def test_an_error_of_the_shop_keeps_its_extensions_and_headers(app: App) -> None:
    response = app.send("shop_conflict")
    assert problem(response, 409, "conflict")["available"] == 3
    assert response.headers["Retry-After"] == "1"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_read_that_went_well_writes_no_line(app: App, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        app.send("shop_books")
    assert caplog.records == []


def test_a_callers_correlation_id_comes_back_and_an_odd_one_does_not(app: App) -> None:
    for given in ("order-7", "a/b:c.d@e+f=_", "x" * 128):
        response = app.send("shop_books", headers={"X-Correlation-Id": given})
        assert response.headers["x-correlation-id"] == given
    for given in ("", "a b", "a\r\nSet-Cookie: x=1", "a\n", "é", "x" * 129, "a,b"):
        made = app.send("shop_books", headers={"x-correlation-id": given}).headers
        assert made["x-correlation-id"] != given
        assert len(made["x-correlation-id"]) == 32


def test_the_correlation_id_is_bound_while_the_handler_runs(app: App) -> None:
    @app.api.route("GET", "id", summary="Id", answers={200: Reason})
    def id_(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        return Answer(Reason(reason=get_correlation_id()))

    response = app.send("shop_id_", headers={"x-correlation-id": "abc"})
    assert json.loads(response.get_body()) == {"reason": "abc"}


def test_a_missing_setting_is_a_503_while_the_verifier_cannot_be_built() -> None:
    app = App()

    def build() -> OnlyAlice:
        raise NotConfigured("The setting AUTH_ISSUER is missing.")

    app.edge.verifier = Provider(build)

    @app.api.route("GET", "me", summary="Me", answers={200: None}, sign_in="required")
    def me(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        return Answer()

    response = app.send("shop_me", headers={"Authorization": "Bearer alice"})
    assert "AUTH_ISSUER" in problem(response, 503, "not-configured")["detail"]


def test_a_get_route_takes_head_as_well_and_other_routes_their_method_alone(app: App) -> None:
    functions = func.FunctionApp()
    functions.register_functions(app.api.blueprint)
    methods = {}
    for function in functions.get_functions():
        trigger = function.get_trigger()
        assert trigger is not None
        found = trigger.get_dict_repr()["methods"]
        methods[function.get_function_name()] = [method.value for method in found]
    assert methods["shop_books"] == ["GET", "HEAD"]
    assert methods["shop_order"] == ["POST"]
