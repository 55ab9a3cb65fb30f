"""Money on its way: declined, authenticated, late, lost and raced, with Stripe's side played by the
sandbox and the shop asked over HTTP alone."""

import pytest

from tests.conftest import Shop
from tests.journeys.conftest import Arrive
from tests.support.backstage import Staff, Till, advance_clock
from tests.support.shopper import Json, at_once, until


@pytest.fixture(scope="module")
def shop(later_shop: Shop) -> Shop:
    """What is late here is made late by moving the clock."""
    return later_shop


def test_a_declined_card_keeps_the_checkout_open_for_another_one(
    arrive: Arrive, staff: Staff
) -> None:
    isbn, guest = staff.new_book(), arrive()
    checkout = guest.check_out(isbn)
    refused = guest.pay(checkout, "pm_card_visa_chargeDeclinedInsufficientFunds")
    assert refused.status_code == 402
    assert refused.json()["error"]["decline_code"] == "insufficient_funds"
    declined = until(
        lambda: guest.look(checkout), lambda found: found["payment"]["declined"] is not None
    )
    assert (declined["status"], declined["payment"]["declined"]) == (
        "awaiting_payment",
        "insufficient_funds",
    )
    assert staff.available(isbn) == 4
    assert guest.pay(declined).json()["status"] == "succeeded"
    confirmed = guest.follow(checkout, "confirmed")
    payment = staff.payment(confirmed["order_id"])
    assert payment["received"] == payment["balance"] == checkout["totals"]["total"]["amount"]


@pytest.mark.parametrize("passes", [True, False])
def test_three_d_secure_asks_the_payer_before_money_moves(
    arrive: Arrive, staff: Staff, till: Till, passes: bool
) -> None:
    isbn, guest = staff.new_book(), arrive()
    checkout = guest.check_out(isbn)
    asked = guest.pay(checkout, "pm_card_threeDSecure2Required").json()
    assert asked["status"] == "requires_action"
    assert guest.look(checkout)["status"] == "awaiting_payment"
    till.answer_bank(asked["next_action"]["redirect_to_url"]["url"], passes=passes)
    if not passes:
        declined = until(
            lambda: guest.look(checkout), lambda found: found["payment"]["declined"] is not None
        )
        assert declined["payment"]["declined"] == "payment_intent_authentication_failure"
        guest.pay(checkout)
    confirmed = guest.follow(checkout, "confirmed")
    total = checkout["totals"]["total"]["amount"]
    assert staff.payment(confirmed["order_id"])["balance"] == total


def test_at_its_time_limit_an_unpaid_checkout_gives_its_copies_back(
    shop: Shop, arrive: Arrive, staff: Staff, till: Till
) -> None:
    isbn, guest = staff.new_book(), arrive()
    checkout = guest.check_out(isbn)
    assert staff.available(isbn) == 4
    advance_clock(shop, "PT29M")
    assert guest.look(checkout)["status"] == "awaiting_payment"
    advance_clock(shop, "PT2M")
    expired = guest.follow(checkout, "expired")
    assert (expired["reason"], expired["payment"]) == ("time_limit", None)
    until(lambda: till.intent(checkout)["status"], lambda found: found == "canceled")
    assert guest.pay(checkout).status_code == 400
    staff.until_available(isbn, 5)
    assert staff.payment(till.order_id(checkout))["state"] == "cancelled"


def test_a_payment_after_the_limit_goes_back_in_full(
    shop: Shop, arrive: Arrive, staff: Staff, till: Till
) -> None:
    isbn, guest = staff.new_book(), arrive()
    checkout = guest.check_out(isbn)
    cancel = f"/v1/payment_intents/{checkout['payment']['payment_intent']}/cancel"
    # Stripe is too busy to take the shop's cancel, so that the payer's browser comes first.
    with till.turned("faults", kind="rate_limit", path=cancel, calls=10_000):
        advance_clock(shop, "PT31M")
        guest.follow(checkout, "expired")
        assert guest.pay(checkout).json()["status"] == "succeeded"
        order_id = till.order_id(checkout)
        refunded_in_full(staff, checkout, order_id)
    staff.until_available(isbn, 5)
    assert guest.look(checkout)["status"] == "expired"
    guest.ask("GET", f"orders/{order_id}", status=404)


def test_a_payment_whose_webhook_was_lost_is_found_by_asking_stripe(
    shop: Shop, arrive: Arrive, staff: Staff, till: Till
) -> None:
    isbn, guest = staff.new_book(), arrive()
    checkout = guest.check_out(isbn)
    with till.turned("webhooks", drop=1):
        assert guest.pay(checkout).json()["status"] == "succeeded"
        advance_clock(shop, "PT3M")
        confirmed = guest.follow(checkout, "confirmed")
    [delivery] = till.deliveries(checkout, "payment_intent.succeeded")
    assert delivery["state"] == "dropped"
    payment = staff.payment(confirmed["order_id"])
    assert payment["state"] == "succeeded"
    assert "payment_intent.succeeded" not in [event["type"] for event in payment["events"]]
    assert payment["balance"] == checkout["totals"]["total"]["amount"]


def test_a_cancel_that_comes_before_the_payment_leaves_nothing_to_pay(
    arrive: Arrive, staff: Staff, till: Till
) -> None:
    isbn, guest = staff.new_book(), arrive()
    checkout = guest.check_out(isbn)
    assert guest.cancel(checkout).json()["status"] in ("awaiting_payment", "cancelled")
    assert guest.follow(checkout, "cancelled")["reason"] == "cancelled"
    until(lambda: till.intent(checkout)["status"], lambda found: found == "canceled")
    assert guest.pay(checkout).status_code == 400
    staff.until_available(isbn, 5)
    assert guest.cancel(checkout).status_code == 200, "repeated, it is harmless"
    assert staff.payment(till.order_id(checkout))["ledger"] == []


def test_a_cancel_that_comes_after_the_payment_but_before_its_webhook_gives_it_back(
    arrive: Arrive, staff: Staff, till: Till
) -> None:
    isbn, guest = staff.new_book(), arrive()
    checkout = guest.check_out(isbn)
    with till.turned("webhooks", paused=True):
        assert guest.pay(checkout).json()["status"] == "succeeded"
        assert guest.cancel(checkout).status_code == 200
        assert guest.follow(checkout, "cancelled")["reason"] == "cancelled"
        refunded_in_full(staff, checkout, till.order_id(checkout))
        staff.until_available(isbn, 5)
    until(
        lambda: till.deliveries(checkout, "payment_intent.succeeded"),
        lambda found: found[0]["state"] == "taken",
    )
    refunded_in_full(staff, checkout, till.order_id(checkout))


def test_a_cancel_that_races_the_payment_ends_as_one_of_both(
    arrive: Arrive, staff: Staff, till: Till
) -> None:
    rounds, buyer, other_tab = 5, arrive(), arrive()
    isbn = staff.new_book(stock=rounds)
    sold = 0
    for _ in range(rounds):
        checkout = buyer.check_out(isbn)
        cancelled, paid = at_once(
            [lambda now=checkout: other_tab.cancel(now), lambda now=checkout: buyer.pay(now)]
        )
        ended = buyer.follow(checkout, "confirmed", "cancelled")
        order_id = till.order_id(checkout)
        if ended["status"] == "confirmed":
            sold += 1
            assert paid.json()["status"] == "succeeded"
            payment = staff.payment(order_id)
            assert payment["balance"] == payment["received"] == payment["amount"]["amount"]
        elif paid.status_code == 200:
            assert cancelled.status_code == 200
            refunded_in_full(staff, checkout, order_id)
        else:
            until(lambda now=checkout: till.intent(now)["status"], lambda one: one == "canceled")
            assert staff.payment(order_id)["ledger"] == []
        staff.until_available(isbn, rounds - sold)


def test_a_checkout_that_is_replaced_when_it_was_just_paid_gives_the_money_back(
    arrive: Arrive, staff: Staff, till: Till
) -> None:
    isbn, guest = staff.new_book(stock=1), arrive()
    guest.add(isbn)
    former = guest.check_out()
    with till.turned("webhooks", paused=True):
        assert guest.pay(former).json()["status"] == "succeeded"
        latter = guest.check_out(shipping_method="express")
        assert guest.follow(former, "cancelled")["reason"] == "replaced"
        refunded_in_full(staff, former, till.order_id(former))
    assert guest.pay(latter).json()["status"] == "succeeded"
    guest.follow(latter, "confirmed")
    assert staff.available(isbn) == 0
    total = latter["totals"]["total"]["amount"]
    assert staff.payment(till.order_id(latter))["balance"] == total


def test_a_free_download_is_an_order_without_a_payment(arrive: Arrive, staff: Staff) -> None:
    isbn, anna = staff.new_book(price=0, format="ebook"), arrive("anna")
    confirmed = anna.follow(anna.start(isbn).json(), "confirmed")
    assert confirmed["totals"]["total"]["amount"] == 0
    order = anna.order(confirmed["order_id"])
    assert [entry["kind"] for entry in order["timeline"]][:2] == ["started", "placed"]
    anna.ask("POST", f"orders/{order['id']}/cancel", status=202)
    until(lambda: anna.order(order["id"]), lambda found: found["status"] == "cancelled")
    staff.until_available(isbn, 5)


def test_an_amount_that_stripe_does_not_take_ends_the_checkout(
    arrive: Arrive, staff: Staff
) -> None:
    isbn, guest = staff.new_book(price=10, format="ebook"), arrive()
    ended = guest.follow(guest.start(isbn).json(), "cancelled")
    assert (ended["reason"], ended["payment"]) == ("payment_failed", None)
    staff.until_available(isbn, 5)


def test_a_checkout_given_up_before_it_could_be_paid_holds_nothing(
    arrive: Arrive, staff: Staff
) -> None:
    isbn, guest = staff.new_book(stock=1), arrive()
    for _ in range(3):
        started = guest.start(isbn).json()
        assert guest.cancel(started).status_code == 200
        guest.follow(started, "cancelled")
        staff.until_available(isbn, 1)


def refunded_in_full(staff: Staff, checkout: Json, order_id: str) -> None:
    total = checkout["totals"]["total"]["amount"]
    payment = staff.payment_until(order_id, lambda found: found["refunded"] == total)
    assert (payment["received"], payment["balance"]) == (total, 0)
    [refund] = payment["refunds"]
    assert refund["amount"]["amount"] == total
