"""What delivery costs, from request to answer."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.cart.model import LIFETIME
from functions.cart.service import Caller as Shopper
from functions.shipping.service.rates import ShippingRates
from functions.shipping.triggers.rates import register
from shared.contracts.carts import Carts
from shared.contracts.shipping import PACKING_GRAMS
from shared.http.cookies import CartCookie
from shared.kit.provider import Provider
from tests.support.calls import Caller
from tests.support.cart import CartBench, cart_bench
from tests.support.inventory import isbn


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[CartBench]:
    with cart_bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def caller(bench: CartBench) -> Caller:
    caller = Caller("shipping")
    rates = ShippingRates(bench.books, bench.clock, "GBP")
    carts: Provider[Carts] = Provider(lambda: bench.service)
    cookie = CartCookie("http://127.0.0.1:7071", LIFETIME)
    register(caller.api, Provider(lambda: rates), carts, Provider(lambda: cookie))
    return caller


def offered(caller: Caller, headers: dict[str, str] | None = None, **query: str) -> dict[str, Any]:
    response = caller.send("shipping_get_rates", query=query, **(headers or {}))
    assert response.status_code == 200, response.get_body()
    found: dict[str, Any] = json.loads(response.get_body())
    return found


def test_books_that_are_named_are_weighed_and_priced(caller: Caller) -> None:
    found = offered(caller, country="gb", postcode="sw1a1aa", isbn=f"{isbn(1)}:2,{isbn(2)}")
    assert found["weight_grams"] == 3 * 300 + PACKING_GRAMS
    assert found["free_over"] == {"amount": 2500, "currency": "GBP"}
    assert [(one["method"], one["price"]["amount"]) for one in found["items"]] == [
        ("standard", 0),
        ("express", 595),
    ]


def test_without_names_it_is_the_callers_cart(caller: Caller, bench: CartBench) -> None:
    average = offered(caller, country="GB")["weight_grams"]
    assert offered(caller, {"cookie": "cart=unknown"}, country="GB")["weight_grams"] == average
    guest = asyncio.run(bench.service.add(Shopper(), isbn(1), 2))
    asyncio.run(bench.service.add(Shopper(customer="anna"), isbn(1), 3))
    by_cookie = offered(caller, {"cookie": f"cart={guest.token}"}, country="GB")
    assert by_cookie["weight_grams"] == 2 * 300 + PACKING_GRAMS
    signed_in = offered(caller, {"token": "anna"}, country="GB")
    assert signed_in["weight_grams"] == 3 * 300 + PACKING_GRAMS


def test_a_book_that_nobody_knows_weighs_nothing_in_a_cart(
    caller: Caller, bench: CartBench
) -> None:
    guest = asyncio.run(bench.service.add(Shopper(), isbn(1), 2))
    bench.books.fault = RuntimeError("inventory is away")
    asyncio.run(bench.service.add(Shopper(guest.token), isbn(500), 1))
    bench.books.fault = None
    found = offered(caller, {"cookie": f"cart={guest.token}"}, country="GB")
    assert found["weight_grams"] == 2 * 300 + PACKING_GRAMS


def test_where_nothing_is_sent_to_the_answer_says_so(caller: Caller) -> None:
    found = offered(caller, country="RU")
    assert (found["served"], found["items"], found["free_over"]) == (False, [], None)


def test_downloads_are_sent_nowhere_and_cost_nothing(caller: Caller, bench: CartBench) -> None:
    bench.books.put(5, format="ebook")
    found = offered(caller, country="RU", isbn=isbn(5))
    assert (found["served"], found["weight_grams"]) == (True, 0)
    assert {one["price"]["amount"] for one in found["items"]} == {0}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({}, "country"),
        ({"country": "UK"}, "country"),
        ({"country": "GB", "postcode": "nonsense"}, "postcode"),
        ({"country": "GB", "isbn": "123"}, "isbn"),
        ({"country": "GB", "isbn": f"{isbn(1)}:0"}, "isbn"),
        ({"country": "GB", "isbn": f"{isbn(1)}:100"}, "isbn"),
        ({"country": "GB", "isbn": f"{isbn(1)}:60,{isbn(1)}:60"}, "isbn"),
        ({"country": "GB", "isbn": f"{isbn(1)}:-1"}, "isbn"),
        ({"country": "GB", "isbn": isbn(500)}, "isbn"),
        ({"country": "GB", "isbn": ",".join(isbn(n) for n in range(1, 102))}, "isbn"),
        ({"country": "GB", "weight": "1"}, "weight"),
    ],
)
def test_bad_input_names_its_field(caller: Caller, query: dict[str, str], named: str) -> None:
    response = caller.send("shipping_get_rates", query=query)
    assert response.status_code == 400
    errors = json.loads(response.get_body())["errors"]
    assert [(error["pointer"], error["in"]) for error in errors] == [(f"#/{named}", "query")]
