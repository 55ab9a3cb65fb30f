"""The cart's routes, from request to answer: cookies, origins, problems."""

import json
from collections.abc import Iterator
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from functions.cart.model import LIFETIME
from functions.cart.triggers import register
from shared.http.cookies import CartCookie
from shared.kit.provider import Provider
from tests.support.calls import Caller
from tests.support.cart import CartBench, cart_bench
from tests.support.inventory import isbn

ORIGINS = {"https": "https://books.example", "http": "http://127.0.0.1:7071"}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[CartBench]:
    with cart_bench(tmp_path) as bench:
        yield bench


def caller_of(bench: CartBench, origin: str) -> Caller:
    caller = Caller("cart")
    cookie = CartCookie(origin, LIFETIME)
    register(caller.api, Provider(lambda: bench.service), Provider(lambda: cookie))
    return caller


@pytest.fixture
def caller(bench: CartBench) -> Caller:
    return caller_of(bench, ORIGINS["https"])


def add(caller: Caller, number: int = 1, quantity: int = 1, **headers: Any) -> func.HttpResponse:
    body = {"isbn": isbn(number), "quantity": quantity}
    return caller.send("cart_add_item", body, **headers)


def cookie_of(response: func.HttpResponse) -> str:
    """As a browser sends it back."""
    [morsel] = SimpleCookie(response.headers["Set-Cookie"]).values()
    return f"{morsel.key}={morsel.value}"


def shown(response: func.HttpResponse) -> dict[str, int]:
    assert response.status_code == 200, response.get_body()
    return {item["isbn"]: item["quantity"] for item in json.loads(response.get_body())["items"]}


def problem(response: func.HttpResponse) -> tuple[int, str, list[str]]:
    content = json.loads(response.get_body())
    pointers = [error["pointer"] for error in content.get("errors", [])]
    return response.status_code, content["type"].removeprefix("/problems/"), pointers


@pytest.mark.parametrize(("scheme", "name"), [("https", "__Host-cart"), ("http", "cart")])
def test_the_cookie_is_named_and_guarded_by_the_shops_own_address(
    bench: CartBench, scheme: str, name: str
) -> None:
    caller = caller_of(bench, ORIGINS[scheme])
    response = add(caller, host="evil.example", x_forwarded_proto="http")
    [morsel] = SimpleCookie(response.headers["Set-Cookie"]).values()
    assert morsel.key == name
    assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Lax", "/")
    assert bool(morsel["secure"]) == (scheme == "https")
    assert morsel["max-age"] == str(int(timedelta(days=30).total_seconds()))
    assert response.headers["Cache-Control"] == "no-store"


def test_the_cookie_opens_the_cart_and_nothing_else_does(caller: Caller) -> None:
    cookie = cookie_of(add(caller, 1, 2))
    assert shown(caller.send("cart_get_cart", cookie=cookie)) == {isbn(1): 2}
    assert shown(caller.send("cart_get_cart")) == {}
    assert shown(caller.send("cart_get_cart", cookie="__Host-cart=guessed")) == {}
    assert shown(caller.send("cart_get_cart", cookie=cookie, token="anna")) == {isbn(1): 2}


def test_who_only_looks_gets_no_cookie(caller: Caller) -> None:
    response = caller.send("cart_get_cart")
    assert "Set-Cookie" not in response.headers
    assert json.loads(response.get_body()) == {
        "items": [],
        "quantity": 0,
        "subtotal": {"amount": 0, "currency": "GBP"},
        "verified": True,
        "changes": [],
        "expires_at": None,
    }


def test_every_change_goes_through_the_routes(caller: Caller) -> None:
    cookie = cookie_of(add(caller, 1, 2))
    assert shown(add(caller, 2, cookie=cookie)) == {isbn(1): 2, isbn(2): 1}
    hyphened = {"isbn": f"{isbn(1)[:3]}-{isbn(1)[3:]}"}
    changed = caller.send("cart_set_item", {"quantity": 5}, path=hyphened, cookie=cookie)
    assert shown(changed)[isbn(1)] == 5
    assert shown(caller.send("cart_remove_item", path=hyphened, cookie=cookie)) == {isbn(2): 1}
    emptied = caller.send("cart_empty_cart", cookie=cookie)
    assert (emptied.status_code, emptied.get_body()) == (204, b"")
    assert shown(caller.send("cart_get_cart", cookie=cookie)) == {}


def test_a_quantity_left_out_is_one_and_an_old_isbn_will_do(caller: Caller) -> None:
    response = caller.send("cart_add_item", {"isbn": f"{isbn(3)[3:12]}X"})
    assert problem(response) == (400, "bad-input", ["#/isbn"])
    ten = next(f"{isbn(3)[3:12]}{last}" for last in "0123456789X" if _is_right(isbn(3), last))
    assert shown(caller.send("cart_add_item", {"isbn": ten})) == {isbn(3): 1}


def _is_right(thirteen: str, last: str) -> bool:
    value = 10 if last == "X" else int(last)
    digits = [*map(int, thirteen[3:12]), value]
    return sum(digit * (10 - place) for place, digit in enumerate(digits)) % 11 == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"isbn": isbn(1), "quantity": 0}, "#/quantity"),
        ({"isbn": isbn(1), "quantity": -1}, "#/quantity"),
        ({"isbn": isbn(1), "quantity": 100}, "#/quantity"),
        ({"isbn": isbn(1), "quantity": 1.5}, "#/quantity"),
        ({"isbn": isbn(1), "quantity": "2"}, "#/quantity"),
        ({"isbn": isbn(1), "quantity": True}, "#/quantity"),
        ({"isbn": "123"}, "#/isbn"),
        ({"quantity": 1}, "#/isbn"),
        ({"isbn": isbn(1), "price": {"amount": 1, "currency": "GBP"}}, "#/price"),
    ],
)
def test_bad_input_names_its_field(caller: Caller, body: object, pointer: str) -> None:
    response = caller.send("cart_add_item", body)
    assert problem(response) == (400, "bad-input", [pointer])
    assert "Set-Cookie" not in response.headers


def test_a_book_that_does_not_exist_is_named(caller: Caller) -> None:
    assert problem(add(caller, 500)) == (404, "unknown-book", ["#/isbn"])


def test_limits_are_clear_problems(caller: Caller) -> None:
    cookie = cookie_of(add(caller, 1, 99))
    assert problem(add(caller, 1, cookie=cookie)) == (409, "quantity-limit", ["#/quantity"])
    for number in range(2, 101):
        add(caller, number, cookie=cookie)
    assert problem(add(caller, 101, cookie=cookie)) == (409, "cart-full", [])
    path = {"isbn": isbn(101)}
    missing = caller.send("cart_set_item", {"quantity": 1}, path=path, cookie=cookie)
    assert problem(missing) == (404, "not-in-cart", [])


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://books.example"])
def test_a_page_of_another_origin_changes_nothing(caller: Caller, origin: str) -> None:
    cookie = cookie_of(add(caller, 1, 2, origin=ORIGINS["https"]))
    path = {"isbn": isbn(1)}
    for response in (
        add(caller, 2, cookie=cookie, origin=origin),
        add(caller, 2, token="anna", origin=origin),
        caller.send("cart_set_item", {"quantity": 9}, path=path, cookie=cookie, origin=origin),
        caller.send("cart_remove_item", path=path, cookie=cookie, origin=origin),
        caller.send("cart_empty_cart", cookie=cookie, origin=origin),
    ):
        assert problem(response) == (403, "cross-origin", [])
    assert shown(caller.send("cart_get_cart", cookie=cookie)) == {isbn(1): 2}
    assert shown(caller.send("cart_get_cart", token="anna")) == {}


def test_a_sign_in_takes_the_guests_cart_along_and_the_cookie_goes(caller: Caller) -> None:
    add(caller, 1, 1, token="anna")
    cookie = cookie_of(add(caller, 2, 2))
    both = caller.send("cart_get_cart", cookie=cookie, token="anna")
    assert shown(both) == {isbn(1): 1, isbn(2): 2}
    assert "Max-Age=0" in both.headers["Set-Cookie"]
    assert shown(caller.send("cart_get_cart", token="anna")) == {isbn(1): 1, isbn(2): 2}
    assert shown(caller.send("cart_get_cart", cookie=cookie)) == {}
    assert "Set-Cookie" not in add(caller, 3, token="anna").headers


def test_nobody_sees_or_changes_anothers_cart(caller: Caller) -> None:
    add(caller, 1, 1, token="anna")
    assert shown(caller.send("cart_get_cart", token="ben")) == {}
    path = {"isbn": isbn(1)}
    assert caller.send("cart_set_item", {"quantity": 5}, path=path, token="ben").status_code == 404
    assert caller.send("cart_empty_cart", token="ben").status_code == 204
    assert shown(caller.send("cart_get_cart", token="anna")) == {isbn(1): 1}


def test_a_bad_token_is_not_taken_for_a_guest(caller: Caller) -> None:
    response = caller.send("cart_get_cart", authorization="Bearer -")
    assert response.status_code == 401
