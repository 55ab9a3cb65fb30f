"""From a cart to an order, over HTTP alone: each way that it can go but for the money's."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Shop
from tests.journeys.conftest import Arrive
from tests.support.backstage import Staff, Till
from tests.support.shopper import ADDRESS, CHECKOUT, at_once, until


def test_a_cart_becomes_an_order_that_is_paid_once(arrive: Arrive, staff: Staff) -> None:
    """The happy path."""
    first, second = staff.new_book(price=1099), staff.new_book(price=899)
    anna = arrive("anna")
    anna.add(first, 2)
    anna.add(second)
    started = anna.start()
    assert started.status_code == 202, started.text
    assert started.headers["location"] == f"/api/v1/checkouts/{started.json()['id']}"
    checkout = anna.follow(started.json(), "awaiting_payment")
    assert [(line["isbn"], line["quantity"]) for line in checkout["lines"]] == [
        (first, 2),
        (second, 1),
    ]
    totals = {name: money["amount"] for name, money in checkout["totals"].items()}
    assert totals["items"] == 2 * 1099 + 899
    assert totals["total"] == totals["items"] + totals["shipping"]
    assert checkout["order_id"] is None
    assert (staff.available(first), staff.available(second)) == (3, 4)

    assert anna.pay(checkout).json()["status"] == "succeeded"
    confirmed = anna.follow(checkout, "confirmed")
    assert (confirmed["payment"], confirmed["totals"]) == (None, checkout["totals"])

    order = anna.order(confirmed["order_id"])
    assert order["order_number"] == confirmed["order_number"]
    assert order["status"] == "placed"
    assert [entry["kind"] for entry in order["timeline"]][:4] == [
        "started",
        "payment_requested",
        "paid",
        "placed",
    ]
    [listed] = anna.ask("GET", "orders")["items"]
    assert (listed["id"], listed["total"]) == (order["id"], checkout["totals"]["total"])
    assert (staff.available(first), staff.available(second)) == (3, 4)
    until(anna.cart, lambda cart: cart == {})
    payment = staff.payment(order["id"])
    assert (payment["state"], payment["balance"]) == ("succeeded", totals["total"])
    assert [one["posting"].partition(":")[0] for one in payment["ledger"]] == ["capture", "capture"]


def test_a_guest_buys_without_an_account(arrive: Arrive, staff: Staff) -> None:
    isbn, guest = staff.new_book(), arrive()
    guest.add(isbn)
    confirmed = guest.buy()
    order_id = confirmed["order_id"]
    until(guest.cart, lambda cart: cart == {})
    assert staff.payment(order_id)["state"] == "succeeded"
    guest.ask("GET", f"orders/{order_id}", status=404)
    guest.ask("GET", "orders", status=401)
    arrive("ben").ask("GET", f"orders/{order_id}", status=404)


def test_one_call_buys_items_and_leaves_the_cart_as_it_is(arrive: Arrive, staff: Staff) -> None:
    """Buy now."""
    kept, wanted = staff.new_book(), staff.new_book()
    guest = arrive()
    guest.add(kept, 2)
    guest.add(wanted)
    bought = guest.buy(wanted)
    assert [line["isbn"] for line in bought["lines"]] == [wanted]
    # The cart hears of orders one after the other, so that of a later one says when it heard.
    later = arrive()
    later.add(kept)
    later.buy()
    until(later.cart, lambda cart: cart == {})
    assert guest.cart() == {kept: 2, wanted: 1}


def test_a_price_that_changed_since_is_told_and_not_charged(arrive: Arrive, staff: Staff) -> None:
    isbn, other, guest = staff.new_book(price=1000), staff.new_book(), arrive()
    guest.add(isbn)
    guest.add(other)
    staff.change_price(isbn, 1200)
    rejected = guest.follow(guest.start().json(), "rejected")
    dearer = {"amount": 1200, "currency": "GBP"}
    assert rejected["differences"] == [
        {"line": 1, "isbn": isbn, "reason": "price_changed", "available": None, "price": dearer}
    ]
    assert rejected["payment"] is None
    assert staff.available(isbn) == staff.available(other) == 5

    guest.ask("PUT", f"cart/items/{isbn}", {"quantity": 1})
    checkout = guest.check_out()
    assert checkout["totals"]["items"]["amount"] == 1200 + 1099


def test_a_book_that_sells_out_between_cart_and_checkout_is_told(
    arrive: Arrive, staff: Staff
) -> None:
    isbn, other, slow, quick = staff.new_book(stock=2), staff.new_book(), arrive(), arrive()
    slow.add(isbn, 2)
    slow.add(other)
    quick.buy(isbn)
    rejected = slow.follow(slow.start().json(), "rejected")
    assert [
        (one["line"], one["isbn"], one["reason"], one["available"])
        for one in rejected["differences"]
    ] == [(1, isbn, "not_enough", 1)]
    assert (staff.available(isbn), staff.available(other)) == (1, 5)
    assert slow.cart() == {isbn: 2, other: 1}


def test_of_two_shoppers_one_gets_the_only_copy(arrive: Arrive, staff: Staff) -> None:
    isbn = staff.new_book(stock=1)
    shoppers = [arrive(), arrive()]
    for shopper in shoppers:
        shopper.add(isbn)
    started = at_once([shopper.start for shopper in shoppers])
    ends = [
        shopper.follow(reply.json(), "awaiting_payment", "rejected")
        for shopper, reply in zip(shoppers, started, strict=True)
    ]
    [winner] = [place for place, end in enumerate(ends) if end["status"] == "awaiting_payment"]
    [difference] = ends[1 - winner]["differences"]
    assert (difference["reason"], difference["available"]) == ("not_enough", 0)
    shoppers[winner].pay(ends[winner])
    shoppers[winner].follow(ends[winner], "confirmed")
    assert staff.available(isbn) == 0


@pytest.mark.parametrize("subject", [None, "cleo"])
def test_the_same_key_twice_at_the_same_moment_is_one_checkout(
    arrive: Arrive, staff: Staff, subject: str | None
) -> None:
    isbn, shopper = staff.new_book(), arrive(subject)
    same = [lambda: shopper.start(isbn, key=f"twice-{subject}") for _ in range(2)]
    first, second = at_once(same)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert first.headers["location"] == second.headers["location"]
    replays = [reply.headers.get("idempotency-replayed") for reply in (first, second)]
    assert sorted(replays, key=str) == [None, "true"]
    checkout = shopper.follow(first.json(), "awaiting_payment")
    assert staff.available(isbn) == 4

    another = shopper.start(isbn, key=f"twice-{subject}", shipping_method="express")
    assert another.status_code == 422
    assert another.json()["type"].endswith("idempotency-mismatch")
    assert shopper.cancel(checkout).status_code == 200


def test_a_key_gives_the_same_answer_when_the_order_has_emptied_the_cart(
    arrive: Arrive, staff: Staff
) -> None:
    isbn, guest = staff.new_book(), arrive()
    guest.add(isbn)
    started = guest.start(key="once").json()
    guest.pay(guest.follow(started, "awaiting_payment"))
    guest.follow(started, "confirmed")
    until(guest.cart, lambda cart: cart == {})
    again = guest.start(key="once")
    assert (again.status_code, again.json()["id"]) == (202, started["id"])
    assert again.json()["status"] == "confirmed"
    assert guest.start(key="another").status_code == 400


def test_a_guests_cart_is_merged_at_sign_in_and_bought(arrive: Arrive, staff: Staff) -> None:
    at_home, on_the_way = staff.new_book(), staff.new_book()
    elsewhere, browser = arrive("dora"), arrive()
    elsewhere.add(at_home)
    browser.add(on_the_way, 2)
    browser.sign_in_like(elsewhere)
    bought = browser.buy()
    assert {line["isbn"]: line["quantity"] for line in bought["lines"]} == {
        at_home: 1,
        on_the_way: 2,
    }
    until(elsewhere.cart, lambda cart: cart == {})
    assert [one["id"] for one in elsewhere.ask("GET", "orders")["items"]] == [bought["order_id"]]


def test_a_second_checkout_of_the_same_cart_is_the_first_one(arrive: Arrive, staff: Staff) -> None:
    isbn, guest = staff.new_book(), arrive()
    guest.add(isbn, 2)
    checkout = guest.check_out()
    again = guest.start()
    assert (again.status_code, again.json()["id"]) == (200, checkout["id"])
    assert again.json()["payment"] == checkout["payment"]
    assert staff.available(isbn) == 3


def test_a_second_checkout_that_differs_takes_over_what_the_first_one_held(
    arrive: Arrive, staff: Staff, till: Till
) -> None:
    isbn, guest = staff.new_book(stock=2), arrive()
    guest.add(isbn, 2)
    former = guest.check_out()
    latter = guest.check_out(shipping_address={**ADDRESS, "line1": "2 Baker Street"})
    assert latter["id"] != former["id"]
    ended = guest.follow(former, "cancelled")
    assert ended["reason"] == "replaced"
    assert till.intent(former)["status"] == "canceled"
    assert "error" in guest.pay(former).json()
    assert staff.available(isbn) == 0
    guest.pay(latter)
    guest.follow(latter, "confirmed")
    assert staff.available(isbn) == 0


def test_waiting_for_a_checkout_ends_as_soon_as_its_row_changes(
    arrive: Arrive, staff: Staff
) -> None:
    guest, other_tab = arrive(), arrive()
    checkout = guest.check_out(staff.new_book())
    asked_at = time.monotonic()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(other_tab.ask, "GET", f"checkouts/{checkout['id']}?wait=20")
        # Again and again, since nobody sees from outside when the other tab has begun to wait.
        while not waiting.done():
            guest.pay(checkout, "pm_card_visa_chargeDeclined")
    assert time.monotonic() - asked_at < 20, "it was answered because its time was over"
    assert waiting.result()["version"] > checkout["version"]


def test_an_order_goes_to_a_kept_address_but_to_nobody_elses(arrive: Arrive, staff: Staff) -> None:
    isbn, anna, ben = staff.new_book(), arrive("anna"), arrive("ben")
    kept = anna.ask("POST", "addresses", ADDRESS, 201)["id"]
    sent_there = {"shipping_address": None, "address_id": kept}
    refused = ben.start(isbn, **sent_there)
    assert refused.status_code == 400
    assert [one["pointer"] for one in refused.json()["errors"]] == ["#/address_id"]
    order = anna.order(anna.buy(isbn, **sent_there)["order_id"])
    assert order["shipping_address"] == {**ADDRESS, "line2": None, "region": None}


def test_a_customer_has_three_open_checkouts_at_most(arrive: Arrive, staff: Staff) -> None:
    isbn, anna = staff.new_book(), arrive("anna")
    checkouts = [anna.check_out(isbn) for _ in range(3)]
    refused = anna.start(isbn)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    anna.cancel(checkouts[0])
    anna.follow(checkouts[0], "cancelled")
    anna.check_out(isbn)


def test_neither_a_checkouts_id_nor_what_pays_it_is_in_a_log(
    shop: Shop, arrive: Arrive, staff: Staff
) -> None:
    anna = arrive("anna")
    checkout = anna.check_out(staff.new_book())
    anna.call("GET", f"checkouts/{checkout['id']}?wait=nonsense")
    anna.pay(checkout)
    order_id = anna.follow(checkout, "confirmed")["order_id"]
    log = until(lambda: shop.log.read_text("utf-8"), lambda found: order_id in found)
    for secret in (checkout["id"], checkout["payment"]["client_secret"], "anna@example.org"):
        assert secret not in log


def test_a_page_of_another_site_cannot_check_a_cart_out(arrive: Arrive, staff: Staff) -> None:
    isbn, guest = staff.new_book(), arrive()
    guest.add(isbn)
    headers = {"Idempotency_Key": "elsewhere", "Origin": "https://elsewhere.example"}
    guest.ask("POST", "checkouts", CHECKOUT, 403, **headers)
    assert guest.start(key="elsewhere").status_code == 202
