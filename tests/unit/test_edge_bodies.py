"""What the HTTP edge takes for a body, and what it says of the rest."""

import json
import threading

import azure.functions as func
import pytest

from tests.support.edge_app import App, an_app, problem


@pytest.fixture
def app() -> App:
    return an_app()


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
