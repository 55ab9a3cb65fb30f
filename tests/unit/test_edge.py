"""The HTTP edge, called as a Functions worker calls it."""

import asyncio
import json
import logging
import threading
from collections.abc import Mapping
from datetime import date
from types import SimpleNamespace
from typing import Annotated, Any

import azure.functions as func
import pytest
from pydantic import BaseModel, ConfigDict, Field

from shared.auth import InvalidToken, Principal
from shared.http.calls import Answer, Call, Nothing, RawBody
from shared.http.edge import Edge
from shared.kit.errors import Conflict, NotConfigured
from shared.kit.provider import Provider
from shared.telemetry import get_correlation_id


class Isbn(BaseModel):
    isbn: Annotated[str, Field(max_length=20)]


class Listing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    q: str | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    sku: str
    quantity: Annotated[int, Field(ge=1, le=99)]


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lines: list[Line]
    wanted_on: date | None = None
    note: Any = None


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = "none"


class OnlyAlice:
    """A verifier for which the token is the caller's name."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def verify(self, token: str) -> Principal:
        self.threads.append(threading.get_ident())
        if token not in {"alice", "bob"}:
            raise InvalidToken("The token is not valid.")
        roles = frozenset({"catalogue.write"} if token == "alice" else ())
        return Principal(subject=token, roles=roles, email=None)


class App:
    """A small app on one edge; `send` is one request to one of its functions."""

    def __init__(self) -> None:
        self.verifier = OnlyAlice()
        self.edge = Edge(Provider(lambda: self.verifier))
        self.api = self.edge.api("shop")
        self._functions: dict[str, Any] | None = None

    def send(
        self,
        name: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        path: Mapping[str, str] | None = None,
        body: bytes = b"",
        raw_query: str = "",
    ) -> func.HttpResponse:
        request = func.HttpRequest(
            method,
            f"http://shop.example/api/x?{raw_query}",
            headers=headers or {},
            params=query or {},
            route_params=path or {},
            body=body,
        )
        context = SimpleNamespace(
            trace_context=SimpleNamespace(trace_parent=None, trace_state=None)
        )
        result = self._function(name)(request, context)
        if asyncio.iscoroutine(result):
            result = asyncio.run(result)
        assert isinstance(result, func.HttpResponse)
        return result

    def post(self, name: str, body: bytes, **more: Any) -> func.HttpResponse:
        headers = {"content-type": "application/json", **more.pop("headers", {})}
        return self.send(name, method="POST", headers=headers, body=body, **more)

    def _function(self, name: str) -> Any:
        if self._functions is None:
            app = func.FunctionApp()
            app.register_functions(self.api.blueprint)
            self._functions = {str(f.get_function_name()): f for f in app.get_functions()}
        return self._functions[name].get_user_function()


@pytest.fixture
def app() -> App:
    app = App()
    route = app.api.route

    @route("GET", "books", summary="List", query=Listing, answers={200: Listing})
    def books(call: Call[Nothing, Listing, Nothing]) -> Answer:
        return Answer(call.query)

    @route("GET", "books/{isbn}", summary="One", path_model=Isbn, answers={200: Isbn}, etag=True)
    def book(call: Call[Isbn, Nothing, Nothing]) -> Answer:
        return Answer(call.path, etag='"m1-s1"', cache="max-age=5")

    @route(
        "POST", "orders", summary="Order", body=Order, answers={201: Order}, largest_body=200_000
    )
    def order(call: Call[Nothing, Nothing, Order]) -> Answer:
        return Answer(call.body, status=201)

    @route("POST", "cancel", summary="Cancel", body=Reason, answers={200: Reason})
    def cancel(call: Call[Nothing, Nothing, Reason]) -> Answer:
        return Answer(call.body)

    @route("PUT", "cover", summary="Cover", body=RawBody, takes=("image/png",), answers={204: None})
    def cover(call: Call[Nothing, Nothing, RawBody]) -> Answer:
        return Answer(status=204, headers={"x-size": str(len(call.body.content))})

    @route("PATCH", "admin", summary="Admin", answers={200: Reason}, role="catalogue.write",
           body=Reason, idempotent=True, if_match=True)  # fmt: skip
    def admin(call: Call[Nothing, Nothing, Reason]) -> Answer:
        seen = f"{call.signed_in.subject} {call.idempotency_key} {sorted(call.if_match)}"
        return Answer(Reason(reason=seen))

    @route("GET", "me", summary="Me", answers={200: Reason}, sign_in="optional")
    async def me(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        return Answer(Reason(reason=call.principal.subject if call.principal else "nobody"))

    @route("GET", "broken", summary="Broken", answers={200: None})
    def broken(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        raise RuntimeError("password=hunter2")

    @route("GET", "conflict", summary="Conflict", answers={200: None})
    async def conflict(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        raise Conflict("No.", extensions={"available": 3}, headers={"Retry-After": "1"})

    return app


def problem(response: func.HttpResponse, status: int, kind: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(response.get_body())
    assert (response.status_code, content["type"]) == (status, f"/problems/{kind}"), content
    assert response.mimetype == "application/problem+json"
    assert content["status"] == status
    assert content["correlation_id"] == response.headers["x-correlation-id"]
    return content


def pointers(response: func.HttpResponse) -> list[tuple[str, str]]:
    return [(item["in"], item["pointer"]) for item in problem(response, 400, "bad-input")["errors"]]


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


def test_a_request_model_that_would_swallow_unknown_fields_cannot_be_registered(app: App) -> None:
    class Lax(BaseModel):
        q: str = ""

    with pytest.raises(TypeError, match="Lax takes requests"):
        app.api.route("GET", "lax", summary="Lax", answers={}, query=Lax)
    with pytest.raises(TypeError, match="Lax takes requests"):
        app.api.route("POST", "lax", summary="Lax", answers={}, body=Lax)


def test_an_unknown_parameter_is_refused_where_a_route_takes_none(app: App) -> None:
    assert pointers(app.send("shop_broken", query={"debug": "1"})) == [("query", "#/debug")]


GOOD_LINE = b'{"lines":[{"sku":"a","quantity":1}],"note":%s}'


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        (b"", "#", "is missing"),
        (b"{", "#", "is not JSON: expecting property name"),
        (b"\xef\xbb\xbf{}", "#", "byte order mark"),
        (b'{"note":"\xff"}', "#", "is not valid UTF-8 at byte 9"),
        (b'{"note":"\xed\xa0\x80"}', "#", "is not valid UTF-8"),
        (b'"\x01"', "#", "is not JSON: invalid control character"),
        (b"[]", "#", "should be"),
        (b"null", "#", "should be"),
        (b"{}", "#/lines", "is missing"),
        (b'{"lines":[],"x":1}', "#/x", "is not known here"),
        (b'{"lines":[{"sku":"a","quantity":0}]}', "#/lines/0/quantity", "greater than or equal"),
        (b'{"lines":[{"sku":"a","quantity":"1"}]}', "#/lines/0/quantity", "valid integer"),
        (b'{"lines":[{"sku":"a","quantity":1%s}]}' % (b"0" * 30), "#/lines/0/quantity", "large"),
        (b'{"lines":[{"sku":"a","quantity":1%s}]}' % (b"0" * 5000), "#", "too many digits"),
        (b'{"lines":[{"sku":"a","quantity":1e400}]}', "#/lines/0/quantity", "large"),
        (GOOD_LINE % b"NaN", "#", "NaN is not a JSON number"),
        (GOOD_LINE % b"-Infinity", "#", "-Infinity is not a JSON number"),
        (GOOD_LINE % b"-9223372036854775809", "#/note", "large"),
        (GOOD_LINE % b'{"a/b":["x","\\u0000"]}', "#/note/a~1b/1", "NUL"),
        (GOOD_LINE % b'"\\ud800"', "#/note", "unpaired surrogate"),
        (GOOD_LINE % b'{"\\ud800":1}', "#/note", "name with NUL or an unpaired surrogate"),
        (GOOD_LINE % b'{"a":1,"b":2,"a":3}', "#", 'the name "a" twice'),
        (GOOD_LINE % (b"[" * 10_000 + b"]" * 10_000), "#", "nested too deeply"),
        (b"[" * 90_000, "#", "nested too deeply"),
        (b'{"a":' * 20_000, "#", "nested too deeply"),
        (GOOD_LINE % (b"[" * 300 + b"]" * 300), "#", "nested too deeply"),
    ],
)
def test_a_bad_body_is_a_400_that_names_the_field(
    app: App, body: bytes, pointer: str, says: str
) -> None:
    response = app.post("shop_order", body)
    first = problem(response, 400, "bad-input")["errors"][0]
    assert (first["in"], first["pointer"]) == ("body", pointer)
    assert says in first["detail"]


def test_deep_nesting_is_refused_in_a_worker_thread_too(app: App) -> None:
    answers: list[func.HttpResponse] = []
    thread = threading.Thread(
        target=lambda: answers.append(app.post("shop_order", GOOD_LINE % (b"[" * 10_000)))
    )
    thread.start()
    thread.join()
    problem(answers[0], 400, "bad-input")


@pytest.mark.parametrize(
    "note",
    [b'"\\ud83d\\ude00 \\u00e9"', b"9223372036854775807", b"1.5e30", b'"e99"', b"[[[[[[1]]]]]]"],
)
def test_unusual_but_sound_json_is_taken(app: App, note: bytes) -> None:
    response = app.post("shop_order", GOOD_LINE % note)
    assert response.status_code == 201
    assert json.loads(response.get_body())["note"] == json.loads(note)


def test_values_that_json_writes_as_text_are_read_in_strict_models(app: App) -> None:
    body = b'{"lines":[{"sku":"a","quantity":1}],"wanted_on":"2026-12-24"}'
    response = app.post("shop_order", body)
    assert json.loads(response.get_body())["wanted_on"] == "2026-12-24"


def test_a_crowd_of_faults_is_counted_not_listed(app: App) -> None:
    response = app.post("shop_order", b'{"lines":[%s 1]}' % (b"1," * 5000))
    errors = problem(response, 400, "bad-input")["errors"]
    assert errors == [{"pointer": "#", "detail": "has 5001 faults, too many to list", "in": "body"}]


def test_a_body_over_the_limit_is_a_413(app: App) -> None:
    content = problem(app.post("shop_order", b" " * 200_001), 413, "body-too-large")
    assert "200000 bytes" in content["detail"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_of_another_type_is_a_415(app: App, content_type: str) -> None:
    headers = {"content-type": content_type}
    problem(app.post("shop_order", b"{}", headers=headers), 415, "unsupported-media-type")


def test_a_compressed_body_is_a_415(app: App) -> None:
    headers = {"content-encoding": "gzip"}
    problem(app.post("shop_order", b"{}", headers=headers), 415, "unsupported-media-type")


def test_the_content_type_may_have_parameters_and_any_case(app: App) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    response = app.send("shop_order", method="POST", headers=headers, body=b'{"lines":[]}')
    assert response.status_code == 201


def test_an_empty_body_stands_for_no_fields_where_none_is_required(app: App) -> None:
    response = app.send("shop_cancel", method="POST")
    assert json.loads(response.get_body()) == {"reason": "none"}


def test_a_raw_body_comes_as_it_was_sent(app: App) -> None:
    sent = b"\x89PNG\xff\x00"
    response = app.send(
        "shop_cover", method="PUT", headers={"content-type": "image/png"}, body=sent
    )
    assert (response.status_code, response.headers["x-size"]) == (204, "6")
    refused = app.send("shop_cover", method="PUT", headers={"content-type": "text/html"}, body=sent)
    problem(refused, 415, "unsupported-media-type")


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
