"""What the host makes of a function's result."""

import pytest

APP = """
import http

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
R = func.HttpResponse

def case(name, make, **route):
    def handler(req: func.HttpRequest):
        return make()
    handler.__name__ = name
    app.route(route=name, **route)(handler)

def cookies(*texts):
    response = R("ok")
    for text in texts:
        response.headers.add("Set-Cookie", text)
    return response

def twice():
    response = R("ok")
    response.headers.add("X-A", "1")
    response.headers.add("X-A", "2")
    return response

def raises():
    raise ValueError("secret")

def exits():
    raise SystemExit(3)

case("plain", lambda: R("hé"))
case("json", lambda: R("{}", mimetype="application/json"))
case("bytes", lambda: R(bytes(range(256)), mimetype="application/octet-stream"))
case("latin", lambda: R("é", charset="latin-1"))
case("typed", lambda: R("x", headers={"Content-Type": "text/html"}))
case("created", lambda: R(status_code=http.HTTPStatus.CREATED))
case("nocontent", lambda: R("ignored", status_code=204))
case("notmodified", lambda: R("ignored", status_code=304))
case("teapot", lambda: R("x", status_code=418))
case("twice", twice)
case("length", lambda: R("abc", headers={"Content-Length": "999", "Transfer-Encoding": "chunked"}))
case("server", lambda: R("x", headers={"Server": "mine", "Date": "never"}))
case("cookies", lambda: cookies("a=b; Max-Age=10; SameSite=Lax", "c=d; HttpOnly; Secure; Path=/x",
     'q="x y"; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Domain=example.com'))
case("badcookie", lambda: cookies("a=b c; HttpOnly"))
case("baddate", lambda: cookies("a=b; Expires=soon"))
case("badheader", lambda: R("x", headers={"X-A": "\\u20ac"}))
case("badname", lambda: R("x", headers={"X A": "1"}))
case("badstatus", lambda: R("x", status_code=1000))
case("none", lambda: None)
case("dict", lambda: {"a": 1})
case("number", lambda: 5)
case("rawbytes", lambda: b"x")
case("raises", raises)
case("exits", exits)
case("text", lambda: "hello")
case("object", lambda: '{"a":[1,true]}')
case("array", lambda: "[1,2]")
case("shaped", lambda: '{"Body":"hi","status":"202","headers":{"X-B":"1"}}')
case("true", lambda: "true")

@app.route(route="annotated")
def annotated(req: func.HttpRequest) -> str:
    return "text"

@app.route(route="named", binding_arg_name="resp")
def named(req: func.HttpRequest, resp: func.Out[func.HttpResponse]):
    if "set" in req.params:
        resp.set(R("named", status_code=201))

@app.route(route="namedreturns", binding_arg_name="resp")
def namedreturns(req: func.HttpRequest, resp: func.Out[func.HttpResponse]):
    return "not bound"

@app.generic_trigger(arg_name="req", type="httpTrigger", route="generic", auth_level="anonymous")
def generic(req: func.HttpRequest):
    return None

@app.generic_trigger(arg_name="req", type="httpTrigger", route="generic2")
@app.generic_output_binding(arg_name="$return", type="http")
def generic2(req: func.HttpRequest) -> func.HttpResponse:
    return R("generic")
"""


@pytest.fixture(scope="module")
def host(hosts):
    return hosts.start(APP, host_json={"extensions": {"http": {"customHeaders": {"X-Host": "h"}}}})


def test_text_is_sent_in_utf_8_by_default(host):
    answer = host.get("/api/plain")
    assert (answer.status, answer.text) == (200, "hé")
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert answer.header("content-length") == "3"


def test_a_charset_is_named_for_text_types_only(host):
    assert host.get("/api/json").header("content-type") == "application/json"
    assert host.get("/api/latin").header("content-type") == "text/plain; charset=latin-1"
    assert host.get("/api/latin").body == b"\xe9"
    assert host.get("/api/typed").all("content-type") == ["text/html"]


def test_bytes_are_sent_as_they_are(host):
    assert host.get("/api/bytes").body == bytes(range(256))


@pytest.mark.parametrize(
    ("name", "status"),
    [("created", 201), ("nocontent", 204), ("notmodified", 304), ("teapot", 418)],
)
def test_statuses_are_kept(host, name, status):
    answer = host.get(f"/api/{name}")
    assert answer.status == status
    assert answer.body == (b"x" if status == 418 else b"")


def test_a_header_that_was_added_twice_keeps_its_last_value(host):
    assert host.get("/api/twice").all("x-a") == ["2"]


def test_length_and_transfer_encoding_are_the_hosts(host):
    answer = host.get("/api/length")
    assert answer.all("content-length") == ["3"]
    assert answer.header("transfer-encoding") is None


def test_date_and_server_are_the_hosts_unless_the_function_sets_them(host):
    assert host.get("/api/plain").header("server") == "Kestrel"
    assert len(host.get("/api/plain").all("date")) == 1
    answer = host.get("/api/server")
    assert (answer.all("server"), answer.all("date")) == (["mine"], ["never"])


def test_custom_headers_of_host_json_are_added_to_every_response(host):
    assert host.get("/api/plain").header("x-host") == "h"
    assert host.get("/nowhere").header("x-host") == "h"


def test_cookies_are_written_as_aspnet_writes_them(host):
    assert host.get("/api/cookies").all("set-cookie") == [
        "a=b; max-age=10; path=/; samesite=lax",
        "c=d; path=/x; secure; httponly",
        "q=x%20y; expires=Wed, 21 Oct 2026 07:28:00 GMT; domain=example.com; path=/",
    ]


def test_a_cookie_that_cannot_be_parsed_vanishes(host):
    answer = host.get("/api/badcookie")
    assert answer.status == 200
    assert answer.all("set-cookie") == []


@pytest.mark.parametrize(
    "name",
    [
        *("none", "dict", "number", "rawbytes", "raises", "exits"),
        *("badheader", "badname", "badstatus", "baddate", "namedreturns"),
    ],
)
def test_what_cannot_be_sent_is_a_failure_without_any_text(host, name):
    answer = host.get(f"/api/{name}")
    assert (answer.status, answer.body) == (500, b"")


def test_the_log_says_why_a_result_could_not_be_sent(host):
    host.get("/api/none")
    host.wait_for_log(
        'TypeError: unable to encode outgoing TypedData: unsupported type "http" for Python type '
        '"NoneType"'
    )
    host.get("/api/namedreturns")
    host.wait_for_log(
        "RuntimeError: function 'namedreturns' without a \\$return binding returned a non-None value"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text", "hello"),
        ("annotated", "text"),
        ("true", "True"),
        ("array", "[\n  1,\n  2\n]"),
        ("object", '{\n  "a": [\n    1,\n    true\n  ]\n}'),
    ],
)
def test_a_string_is_read_as_json_first(host, name, expected):
    answer = host.get(f"/api/{name}")
    assert answer.text.replace("\r\n", "\n") == expected
    assert answer.header("content-type") == "text/plain; charset=utf-8"


def test_a_json_object_with_a_body_is_a_response(host):
    answer = host.get("/api/shaped")
    assert (answer.status, answer.text, answer.header("x-b")) == (202, "hi", "1")


def test_a_named_response_binding_may_stay_unset(host):
    assert (host.get("/api/named").status, host.get("/api/named").body) == (200, b"")
    answer = host.get("/api/named?set=1")
    assert (answer.status, answer.text) == (201, "named")


def test_an_http_function_without_an_http_output_answers_200(host):
    answer = host.get("/api/generic")
    assert (answer.status, answer.body) == (200, b"")
    assert host.get("/api/generic2").text == "generic"


def test_head_has_the_length_but_not_the_body(host):
    answer = host.request("HEAD", "/api/plain")
    assert (answer.status, answer.body, answer.header("content-length")) == (200, b"", "3")
