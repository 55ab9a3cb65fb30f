"""What of an HTTP request reaches `func.HttpRequest`."""

import json

import pytest

ECHO = """
import json

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="echo/{*rest}")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    try:
        parsed = req.get_json()
    except ValueError as error:
        parsed = f"ValueError: {error}"
    return func.HttpResponse(json.dumps({
        "class": type(req).__module__ + "." + type(req).__name__,
        "method": req.method, "url": req.url, "params": dict(req.params),
        "headers": dict(req.headers), "route": dict(req.route_params),
        "body": req.get_body().decode("latin-1"), "json": parsed,
        "lookup": req.headers.get("X-MiXed"),
    }), mimetype="application/json")

@app.route(route="form", methods=["POST"])
def form(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({
        "form": {key: req.form.getlist(key) for key in req.form},
        "files": {key: [file.filename, file.read().decode()] for key, file in req.files.items()},
    }))
"""


@pytest.fixture(scope="module")
def host(hosts):
    return hosts.start(ECHO)


def test_a_request_arrives_as_the_libraries_own_class(host):
    assert host.get("/api/echo/").json["class"] == "azure.functions.http.HttpRequest"


def test_the_url_holds_the_decoded_path_and_the_query_as_it_was_sent(host):
    got = host.get("/api/echo/a%20b?x=%41&y=1").json
    assert got["url"] == f"http://127.0.0.1:{host.port}/api/echo/a b?x=%41&y=1"


def test_repeated_query_keys_are_joined_and_their_case_is_ignored(host):
    assert host.get("/api/echo/?a=1&A=2&b=3&a=4").json["params"] == {"a": "1,2,4", "b": "3"}


def test_query_keys_without_a_value_are_dropped(host):
    assert host.get("/api/echo/?a=&b=1&c&d=&d=2").json["params"] == {"b": "1", "d": "2"}


def test_query_escapes_and_plus_signs_are_decoded_and_broken_ones_stay(host):
    params = host.get("/api/echo/?a=x+y%21&b=%ZZ&c=%FFz&d=%C3%A9&e=%2F").json["params"]
    assert params == {"a": "x y!", "b": "%ZZ", "c": "%FFz", "d": "é", "e": "/"}


def test_header_names_are_lower_case_and_looked_up_in_any_case(host):
    got = host.request("GET", "/api/echo/", headers={"X-Mixed": "Yes"}).json
    assert got["headers"]["x-mixed"] == "Yes"
    assert got["lookup"] == "Yes"


def test_repeated_headers_are_joined_and_empty_ones_are_kept(host):
    pairs = [("x-a", "1"), ("x-a", "2"), ("x-empty", "")]
    headers = host.request("GET", "/api/echo/", headers=pairs).json["headers"]
    assert headers["x-a"] == "1,2"
    assert headers["x-empty"] == ""


def test_a_body_is_delivered_byte_for_byte(host):
    body = bytes(range(256))
    assert host.post("/api/echo/", body).json["body"].encode("latin-1") == body


def test_a_large_body_arrives_whole(host):
    body = b"0123456789abcdef" * 200_000
    answer = host.post("/api/echo/", body)
    assert len(answer.json["body"]) == len(body)


def test_a_json_body_is_parsed(host):
    assert host.post("/api/echo/", json.dumps({"a": [1, "é"]})).json["json"] == {"a": [1, "é"]}


@pytest.mark.parametrize("body", ["{bad", "", b"\xff"])
def test_a_body_that_is_no_json_raises_value_error(host, body):
    parsed = host.post("/api/echo/", body).json["json"]
    assert parsed == "ValueError: HTTP request does not contain valid JSON data"


def test_a_chunked_body_without_a_length_arrives_empty(host):
    sent = (
        b"POST /api/echo/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    answer = host.raw(sent)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["body"] == ""


@pytest.mark.parametrize(
    "setting",
    [
        {"enableChunkedRequestBinding": "true"},
        {"AzureWebJobsFeatureFlags": "A, EnableChunkedRequestBinding"},
    ],
)
def test_a_chunked_body_arrives_when_a_setting_asks_for_it(hosts, setting):
    host = hosts.start(ECHO, environment=setting)
    sent = (
        b"POST /api/echo/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert json.loads(host.raw(sent).partition(b"\r\n\r\n")[2])["body"] == "abcde"


def test_route_values_are_decoded_but_an_escaped_slash_stays(host):
    assert host.get("/api/echo/a%20b%2Fc/%C3%A9").json["route"] == {"rest": "a b%2Fc/é"}


def test_an_absent_optional_route_value_is_not_delivered(host):
    assert host.get("/api/echo").json["route"] == {}


def test_forms_are_parsed(host):
    content_type = {"Content-Type": "application/x-www-form-urlencoded"}
    assert host.post("/api/form", "a=1&a=2&b=%C3%A9", content_type).json["form"] == {
        "a": ["1", "2"],
        "b": ["é"],
    }


def test_uploaded_files_are_parsed(host):
    body = "--X\r\nContent-Disposition: form-data; name=f; filename=n.txt\r\n\r\nhello\r\n--X--\r\n"
    answer = host.post("/api/form", body, {"Content-Type": "multipart/form-data; boundary=X"})
    assert answer.json["files"] == {"f": ["n.txt", "hello"]}
