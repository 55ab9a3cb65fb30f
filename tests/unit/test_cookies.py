"""The cart's cookie and the same-origin rule."""

from datetime import timedelta
from http.cookies import SimpleCookie

import azure.functions as func
import pytest
from azure.functions import get_binding_registry

from shared.http.cookies import CartCookie, CrossOrigin

LIFETIME = timedelta(days=30)
SECURE = CartCookie("https://books.example", LIFETIME)
LOCAL = CartCookie("http://127.0.0.1:7071", LIFETIME)


def as_the_worker_sends_it(headers: dict[str, str]) -> SimpleCookie:
    """The cookie that a Functions host is handed (its `http` output conversion)."""
    converter = get_binding_registry().get("http")  # type: ignore[no-untyped-call]
    datum = converter.encode(func.HttpResponse(b"", headers=headers), expected_type=None)
    (cookie,) = datum.value["cookies"]
    assert isinstance(cookie, SimpleCookie)
    return cookie


def test_behind_https_the_cookie_is_bound_to_the_host_and_secure() -> None:
    assert SECURE.write("abc") == {
        "Set-Cookie": "__Host-cart=abc; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax; Secure"
    }


def test_behind_http_it_is_plain_so_that_a_browser_keeps_it() -> None:
    assert LOCAL.write("abc") == {
        "Set-Cookie": "cart=abc; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax"
    }


@pytest.mark.parametrize("cookie", [SECURE, LOCAL])
def test_every_attribute_survives_the_workers_conversion(cookie: CartCookie) -> None:
    value = "aZ09._~-"
    morsel = as_the_worker_sends_it(cookie.write(value))[cookie.name]
    assert morsel.value == value
    assert morsel["path"] == "/"
    assert morsel["max-age"] == "2592000"
    assert morsel["httponly"] is True
    assert morsel["samesite"] == "Lax"
    assert bool(morsel["secure"]) == (cookie is SECURE)
    assert morsel["domain"] == ""


def test_forgetting_the_cookie_survives_the_workers_conversion() -> None:
    morsel = as_the_worker_sends_it(SECURE.forget())["__Host-cart"]
    assert (morsel.value, morsel["max-age"]) == ("", "0")
    assert morsel["expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert SECURE.read({"cookie": "__Host-cart="}) is None


@pytest.mark.parametrize("value", ["", "a b", "a;b", "a%20b", "ü", "x" * 257, 'a"b', "a\r\nb"])
def test_a_value_that_would_be_escaped_is_never_sent(value: str) -> None:
    with pytest.raises(ValueError, match="cookie's value"):
        LOCAL.write(value)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("cart=abc", "abc"),
        ("a=1; cart=abc; b=2", "abc"),
        ("broken cookie{}; cart=abc", "abc"),
        ("a=1,cart=abc", "abc"),
        ("cart=first; cart=second", "first"),
        ("cart", None),
        ("cart=a%20b", None),
        ('cart="abc"', None),
        ("cart=" + "x" * 300, None),
        ("xcart=abc", None),
        ("CART=abc", None),
        ("__Host-cart=abc", None),
        ("", None),
    ],
)
def test_the_cookie_is_found_among_others_and_odd_values_count_as_none(
    header: str, value: str | None
) -> None:
    assert LOCAL.read({"cookie": header}) == value


def test_without_a_cookie_header_there_is_no_cart() -> None:
    assert LOCAL.read({}) is None


@pytest.mark.parametrize(
    "origin", ["https://books.example", "HTTPS://BOOKS.example", "https://books.example:443"]
)
def test_a_call_from_our_own_pages_goes_through(origin: str) -> None:
    SECURE.refuse_other_origins({"origin": origin})


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://books.example",
        "https://books.example:8443",
        "https://books.example.evil.example",
        "https://sub.books.example",
        "null",
        "",
        "https://",
        "https://books.example:port",
        "https://[",
    ],
)
def test_a_call_from_any_other_page_is_refused(origin: str) -> None:
    with pytest.raises(CrossOrigin):
        SECURE.refuse_other_origins({"origin": origin})


def test_a_call_from_a_program_has_no_origin_and_goes_through() -> None:
    SECURE.refuse_other_origins({})


def test_no_request_header_decides_what_our_origin_is() -> None:
    forged = {"origin": "https://evil.example", "host": "evil.example"}
    forged |= {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}
    with pytest.raises(CrossOrigin):
        SECURE.refuse_other_origins(forged)
