"""Requests that no well-behaved client sends: a clear status, and a host that goes on."""

import pytest

APP = """
app = func.FunctionApp(http_auth_level="ANONYMOUS")
@app.route(route="x/{*rest}")
def x(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("called with %s", req.route_params.get("rest"))
    return func.HttpResponse(f"{sorted(req.params.items())}{len(req.get_body())}")
"""


@pytest.fixture(scope="module")
def host(hosts):
    return hosts.start(APP)


def head(target, *headers, version=b"1.1", host=True):
    lines = [b"GET " + target + b" HTTP/" + version, *headers, b"Connection: close"]
    if host:
        lines.insert(1, b"Host: h")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def status(host, sent):
    received = host.raw(sent)
    return int(received.split(b" ", 2)[1]) if received else None


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (head(b"/api/x/"), 200),
        (head(b"/api/x/%zz"), 200),
        (head(b"/api/x/%ff%fe"), 200),
        (head(b"/api/x/?a=%ff&b=%zz&c=%"), 200),
        (head(b"/api/x/?&&&=&=b&%00=1"), 200),
        (head(b"/api/x/%00"), 400),
        (head(b"/%00"), 400),
        (head(b"/api/x/\xff"), 400),
        (head(b"/api/x/?\xff"), 400),
        (head(b"/api/x/", b"X-A: \xff\xfe"), 400),
        (head(b"/api/x/", b"X-A: a\x00b"), 400),
        (head(b"/api/x/", b"Bad Name: 1"), 400),
        (head(b"/api/x/", host=False), 400),
        (head(b"/api/x/", b"Host: other"), 400),
        (head(b"/api/x/", b"Host: h/api/x/?a=", host=False), 400),
        (head(b"/api/x/", b"Host: h#", host=False), 400),
        (head(b"/api/x/", version=b"1.0", host=False), 200),
        (head(b"/api/x/", version=b"9.9"), 400),
        (head(b"/api/x/", b"X-A: " + b"a" * 40_000), 431),
        (head(b"/api/x/", *(b"X-%d: 1" % number for number in range(3000))), 431),
        (head(b"/api/x/", b"Content-Length: -1"), 400),
        (head(b"/api/x/", b"Content-Length: abc"), 400),
        (head(b"/api/x/", b"Content-Length: 1", b"Content-Length: 2"), 400),
        (head(b"/api/x/", b"Content-Length: 104857601"), 413),
        (head(b"/api/x/", b"Transfer-Encoding: chunked") + b"zz\r\n", 400),
        (head(b"http://h/api/x/absolute"), 200),
        (head(b"*"), 404),
        (head(b"nonsense"), 400),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        (head(b"/admin/functions/%2e%2e/x"), 404),
        (head(b"/admin/functions/\\..\\x"), 404),
        (head(b"/runtime/webhooks/"), 404),
        (head(b"//"), 404),
        (head(b"/."), 200),
        (head(b"/" + b"a/" * 3000), 404),
    ],
)
def test_each_bad_request_has_its_status_and_the_host_goes_on(host, sent, expected):
    assert status(host, sent) == expected
    assert host.get("/api/x/").status == 200


def test_a_connection_that_ends_within_a_body_runs_no_function(host):
    host.raw(b"POST /api/x/partial HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
    assert host.get("/api/x/whole").status == 200
    host.wait_for_log("called with whole")
    assert "called with partial" not in host.log


def test_a_body_that_is_too_long_is_refused_even_when_it_is_sent(host):
    announced = b"POST /api/x/ HTTP/1.1\r\nHost: h\r\nContent-Length: 104857601\r\n\r\n"
    assert status(host, announced + b"x" * 1_000_000) == 413


def test_pipelined_requests_are_answered_in_order(host):
    two = b"GET /api/x/?a=1 HTTP/1.1\r\nHost: h\r\n\r\n" + head(b"/api/x/?a=2")
    received = host.raw(two)
    assert received.index(b"('a', '1')") < received.index(b"('a', '2')")


def test_a_client_that_expects_100_is_told_to_continue(host):
    sent = (
        b"POST /api/x/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
    )
    assert b"[]3" in host.raw(sent)
