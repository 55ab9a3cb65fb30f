"""What other shops fail at: many buyers of few copies, and one cart paid for many times at once."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from bench.audit import findings_of, money_kept, orders_with
from bench.browser import Browser, Reply, confirm, turn
from tests.conftest import ROOT, Shop, end, serve
from tests.support.shopping import new_book

T = TypeVar("T")

BUYERS, COPIES, TABS = 24, 5, 8


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    running = serve(tmp_path_factory.mktemp("two") / "state", "--no-covers", "--workers", "2")
    yield running
    end(running)


@pytest.fixture(params=["one process", "two processes"])
def any_shop(request: pytest.FixtureRequest) -> Shop:
    name = "shop" if request.param == "one process" else "two_processes"
    shop: Shop = request.getfixturevalue(name)
    return shop


@dataclass(frozen=True)
class Buyer:
    browser: Browser

    def put_in_cart(self, isbn: str) -> None:
        added = self.browser.ask("POST", "v1/cart/items", {"isbn": isbn, "quantity": 1})
        assert added.status == 200, added.content

    def check_out(self, key: str) -> Reply:
        return self.browser.ask("POST", "v1/checkouts", REQUEST, Idempotency_Key=key)

    def watch(self, checkout_id: str, *until: str) -> dict[str, Any]:
        """The checkout once it has one of these statuses."""
        while True:
            shown = self.browser.ask("GET", f"v1/checkouts/{checkout_id}?wait=20")
            assert shown.status == 200, shown.content
            checkout: dict[str, Any] = shown.json
            if checkout["status"] in until:
                return checkout

    def buy(self, key: str) -> dict[str, Any]:
        """The checkout once it is paid for, or refused."""
        started = self.check_out(key)
        assert started.status == 202, started.content
        checkout = self.watch(started.json["id"], "awaiting_payment", "rejected")
        if checkout["status"] == "rejected":
            return checkout
        assert confirm(checkout["payment"], "pm_card_visa").get("status") == "succeeded"
        return self.watch(checkout["id"], "confirmed", "cancelled", "expired")


REQUEST = {
    "email": "buyer@example.org",
    "shipping_address": {
        "name": "A Buyer",
        "line1": "1 Queue Street",
        "city": "London",
        "postcode": "NW1 6XE",
        "country": "GB",
    },
    "shipping_method": "standard",
}


def buyer(shop: Shop) -> Buyer:
    return Buyer(Browser([shop.base_url]))


def at_once(times: int, act: Callable[[int], T]) -> list[T]:
    together = threading.Barrier(times)

    def run(number: int) -> T:
        together.wait()
        return act(number)

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(run, range(times)))


def test_of_many_with_the_last_copies_in_their_carts_as_many_pay_as_there_are_copies(
    any_shop: Shop,
) -> None:
    isbn = new_book(any_shop, COPIES)
    buyers = [buyer(any_shop) for _ in range(BUYERS)]
    for one in buyers:
        one.put_in_cart(isbn)
    ends = at_once(BUYERS, lambda number: buyers[number].buy(f"{isbn}-{number}"))

    assert sorted(one["status"] for one in ends) == ["confirmed"] * COPIES + ["rejected"] * (
        BUYERS - COPIES
    )
    for refused in ends:
        if refused["status"] == "rejected":
            assert refused["differences"] == [
                {"line": 1, "isbn": isbn, "reason": "not_enough", "available": 0, "price": None}
            ]
    rows = orders_with(any_shop.state, isbn)
    assert len(rows) == BUYERS
    order_ids = [row["id"] for row in rows]
    assert findings_of(any_shop.state, order_ids) == []
    paid = [row for row in rows if row["status"] == "placed"]
    assert len(paid) == COPIES
    assert money_kept(any_shop.state, order_ids) == sum(row["total"] for row in paid)
    assert available(any_shop, isbn) == 0


@pytest.mark.parametrize("keys", [1, TABS])
def test_one_cart_that_is_checked_out_many_times_at_once_is_one_order(
    any_shop: Shop, keys: int
) -> None:
    isbn = new_book(any_shop, copies=3)
    shopper = buyer(any_shop)
    shopper.put_in_cart(isbn)
    answers = at_once(TABS, lambda number: shopper.check_out(f"{isbn}-{number % keys}"))

    assert {answer.status for answer in answers} <= {200, 202}, [a.content for a in answers]
    assert len({answer.json["id"] for answer in answers}) == 1
    checkout_id = answers[0].json["id"]
    payment = shopper.watch(checkout_id, "awaiting_payment")["payment"]
    tries = at_once(TABS, lambda _: confirm(payment, "pm_card_visa"))
    assert sum(tried.get("status") == "succeeded" for tried in tries) == 1
    shopper.watch(checkout_id, "confirmed")

    [order] = orders_with(any_shop.state, isbn)
    assert findings_of(any_shop.state, [order["id"]]) == []
    assert money_kept(any_shop.state, [order["id"]]) == order["total"]
    assert available(any_shop, isbn) == 2


def available(shop: Shop, isbn: str) -> int:
    shown = Browser([shop.base_url]).ask("GET", f"v1/books/{isbn}/availability").json
    return int(shown["available"])


def test_a_checkout_whose_saga_was_broken_off_is_taken_up_again(two_processes: Shop) -> None:
    isbn = new_book(two_processes, copies=1)
    shopper = buyer(two_processes)
    shopper.put_in_cart(isbn)
    checkout = shopper.watch(shopper.check_out(f"{isbn}-x").json["id"], "awaiting_payment")
    [order] = orders_with(two_processes.state, isbn)
    command = [sys.executable, "-m", "funchost", "durable", "terminate", order["id"]]
    subprocess.check_call([*command, "--state", str(two_processes.state)], cwd=ROOT)
    assert confirm(checkout["payment"], "pm_card_visa")["status"] == "succeeded"
    turn(two_processes.sandbox_url, "clock", advance="PT1M")
    shopper.watch(checkout["id"], "confirmed")
    assert findings_of(two_processes.state, [order["id"]]) == []
