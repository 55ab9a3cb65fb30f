"""The checkout from its first row to its end, each turn that it can take, and each race."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.checkout.model import (
    PAYMENT_LIMIT,
    RefundRequest,
    RefundTooLarge,
    TooManyCheckouts,
    shown_status,
)
from functions.checkout.service.orders import Viewer
from functions.inventory.model import BookPatch
from shared.contracts.payments import (
    CancelPayment,
    CreatePayment,
    PaymentDeclined,
    PaymentFailed,
    RefundPayment,
)
from shared.kit.errors import IdempotencyMismatch
from tests.support.buying import Buying, open_buying
from tests.support.inventory import Shelves, a_book, delivery, isbn

ANNA = Viewer(customer_id="anna")


@pytest.fixture
def buying(shelves: Shelves, tmp_path: Path) -> Iterator[Buying]:
    shelves.put(a_book(1), a_book(2, stock=1), a_book(3, format="ebook"))
    with open_buying(tmp_path, shelves) as opened:
        yield opened
    shelves.check()


def available(buying: Buying, number: int) -> int:
    return buying.quotes.quotes([isbn(number)])[isbn(number)].available


def test_a_paid_checkout_becomes_an_order_in_five_activities(buying: Buying) -> None:
    order_id = buying.start(1, 3, customer="anna").order.id
    play = buying.play(order_id)
    assert buying.order(order_id).status == "awaiting_payment"
    assert available(buying, 1) == 9
    [create] = buying.requests(order_id)
    assert isinstance(create, CreatePayment)
    assert create.amount == buying.order(order_id).total == 2 * 899 + 295
    buying.pay(order_id)
    play.ring()
    assert play.is_over
    assert play.called == ["prepare", "reserve", "request_payment", "settle", "finish"]
    order = buying.order(order_id)
    assert (order.status, order.captured) == ("placed", order.total)
    buying.relay.send_due()
    assert buying.mailbox.kinds("orders") == ["order.placed"]
    detail = buying.orders.detail(order_id, ANNA)
    assert [one.kind for one in detail.timeline] == [
        "started", "payment_requested", "paid", "placed",
    ]  # fmt: skip


def test_each_step_may_run_again_at_any_point(buying: Buying) -> None:
    order_id = buying.start(1).order.id
    for name in ("prepare", "reserve", "request_payment"):
        first = getattr(buying.steps, name)(order_id)
        assert getattr(buying.steps, name)(order_id) == first
    assert buying.steps.settle(order_id) == "waiting"
    buying.pay(order_id)
    assert buying.steps.settle(order_id) == buying.steps.settle(order_id) == "confirming"
    assert buying.steps.finish(order_id) == buying.steps.finish(order_id) == "placed"
    for name in ("prepare", "reserve", "request_payment", "settle", "finish"):
        getattr(buying.steps, name)(order_id)
    assert buying.order(order_id).status == "placed"
    assert len(buying.requests(order_id)) == 1
    assert buying.mailbox.kinds("orders") == ["order.placed"]


@pytest.mark.parametrize(
    ("number", "said", "reason"),
    [
        (404, {}, "unknown"),
        (4, {}, "not_enough"),
        (5, {}, "withdrawn"),
        (6, {}, "not_yet_on_sale"),
        (7, {}, "price_changed"),
    ],
)
def test_what_cannot_be_bought_is_told_line_by_line(
    buying: Buying, number: int, said: dict[str, Any], reason: str
) -> None:
    later = buying.shelves.clock.business_now().date() + timedelta(days=1)
    buying.shelves.put(a_book(4, stock=0), a_book(5), a_book(6, on_sale_on=later), a_book(7))
    buying.shelves.catalogue.withdraw(isbn(5), ["*"])
    dearer = BookPatch({"price": {"amount": 900, "currency": "GBP"}})
    buying.shelves.catalogue.patch(isbn(7), dearer, ["*"])
    order_id = buying.start(1, number).order.id
    assert buying.play(order_id).is_over
    order = buying.order(order_id)
    assert order.status == "rejected"
    assert [(one.line, one.isbn, one.reason) for one in order.differences] == [
        (2, isbn(number), reason)
    ]
    assert available(buying, 1) == 10
    assert buying.requests(order_id) == []


def test_nothing_is_sent_to_a_country_that_is_not_served(buying: Buying) -> None:
    address = {
        "name": "A", "line1": "B", "city": "C", "postcode": "1", "country": "KP",
    }  # fmt: skip
    order_id = buying.start(1, shipping_address=address).order.id
    buying.play(order_id)
    assert [one.reason for one in buying.order(order_id).differences] == ["not_served"]


def test_an_order_of_more_than_can_be_paid_at_once_is_told_so(buying: Buying) -> None:
    dear = {"amount": 50_000_000, "currency": "GBP"}
    buying.shelves.put(a_book(8, price=dear), a_book(9, price=dear))
    order_id = buying.start(8, 9, price=None).order.id
    assert buying.play(order_id).is_over
    order = buying.order(order_id)
    assert order.status == "rejected"
    assert [one.reason for one in order.differences] == ["over_limit"]
    assert available(buying, 8) == 10


def test_what_cost_nothing_cannot_be_paid_back(buying: Buying) -> None:
    buying.shelves.put(a_book(8, format="ebook", price={"amount": 0, "currency": "GBP"}))
    order_id = buying.placed(3, 8, price=None)
    free = RefundRequest.model_validate({"lines": ({"line": 2, "quantity": 1},), "reason": "torn"})
    with pytest.raises(RefundTooLarge):
        buying.orders.refund(order_id, free, delivery("key"))


def test_of_two_who_want_the_last_copy_one_is_told_that_it_is_gone(buying: Buying) -> None:
    first, second = buying.start(2).order.id, buying.start(2).order.id
    for name in ("prepare", "reserve"):
        getattr(buying.steps, name)(first)
    assert buying.steps.prepare(second) == "rejected"
    third = buying.start(2, price=None).order.id
    assert buying.play(third).is_over
    assert [one.reason for one in buying.order(third).differences] == ["not_enough"]


def test_between_two_steps_the_last_copy_may_go_and_nothing_is_kept(buying: Buying) -> None:
    first, second = buying.start(1, 2).order.id, buying.start(2).order.id
    assert buying.steps.prepare(first) == buying.steps.prepare(second) == "reserving"
    assert buying.steps.reserve(second) == "reserved"
    assert buying.steps.reserve(first) == "rejected"
    assert [(one.line, one.available) for one in buying.order(first).differences] == [(2, 0)]
    assert available(buying, 1) == 10


def test_a_declined_card_is_not_the_end(buying: Buying) -> None:
    order_id = buying.start(1).order.id
    play = buying.play(order_id)
    declined = PaymentDeclined(order_id=order_id, payment_id="p", code="card_declined")
    buying.tell(order_id, buying.news.declined, declined)
    play.ring()
    assert buying.order(order_id).status == "awaiting_payment"
    buying.pay(order_id)
    play.ring()
    assert play.result == "placed"


def test_at_its_limit_a_checkout_closes_and_lets_go_once_no_money_can_come(
    buying: Buying,
) -> None:
    order_id = buying.start(2).order.id
    play = buying.play(order_id)
    play.pass_time()
    assert buying.order(order_id).status == "closing"
    assert buying.order(order_id).created_at + PAYMENT_LIMIT == buying.order(order_id).pay_until
    assert available(buying, 2) == 0, "held until it is certain that no money comes"
    assert isinstance(buying.requests(order_id)[-1], CancelPayment)
    play.pass_time()
    assert not play.is_over
    buying.payment_cancelled(order_id)
    play.ring()
    assert play.result == buying.order(order_id).status == "expired"
    assert available(buying, 2) == 1
    buying.relay.send_due()
    assert buying.mailbox.kinds("orders") == ["order.cancelled"]


def test_copies_stay_held_for_as_long_as_a_checkout_cannot_be_closed(buying: Buying) -> None:
    order_id = buying.start(2).order.id
    play = buying.play(order_id)
    for _ in range(12):
        play.pass_time()
        buying.shelves.stock.expire_due()
        assert available(buying, 2) == 0
    buying.payment_cancelled(order_id)
    play.ring()
    assert (play.result, available(buying, 2)) == ("expired", 1)


def test_a_payment_that_comes_while_closing_goes_back_in_full(buying: Buying) -> None:
    order_id = buying.start(2).order.id
    play = buying.play(order_id)
    play.pass_time()
    buying.pay(order_id)
    play.ring()
    assert play.is_over
    order = buying.order(order_id)
    assert (order.status, order.refund_requested) == ("expired", order.total)
    assert isinstance(buying.requests(order_id)[-1], RefundPayment)
    assert available(buying, 2) == 1
    buying.refund_all(order_id)
    assert buying.order(order_id).refunded == order.total


def test_a_payment_that_comes_after_the_end_goes_back_in_full_and_once(buying: Buying) -> None:
    order_id = buying.start(1).order.id
    play = buying.play(order_id)
    play.pass_time()
    buying.payment_cancelled(order_id)
    play.ring()
    for _ in range(2):
        buying.pay(order_id, "the same event")
    refunds = [one for one in buying.requests(order_id) if isinstance(one, RefundPayment)]
    assert [one.amount for one in refunds] == [buying.order(order_id).total]


def test_a_payment_wins_over_a_cancel_that_was_not_decided_yet(buying: Buying) -> None:
    order_id = buying.start(1).order.id
    play = buying.play(order_id)
    buying.pay(order_id)
    buying.orders.cancel_checkout(buying.ids.hashed(buying.ids.of(order_id)))
    play.ring()
    assert play.result == "placed"


def test_a_cancel_before_payment_lets_go(buying: Buying) -> None:
    order_id = buying.start(2).order.id
    play = buying.play(order_id)
    ids = buying.ids
    buying.orders.cancel_checkout(ids.hashed(ids.of(order_id)))
    play.ring()
    assert buying.order(order_id).status == "closing"
    assert shown_status(buying.order(order_id), payable=True) == "cancelled"
    buying.payment_cancelled(order_id)
    play.ring()
    assert play.result == "cancelled"
    assert available(buying, 2) == 1


def test_a_payment_that_cannot_be_made_ends_the_checkout(buying: Buying) -> None:
    order_id = buying.start(2).order.id
    play = buying.play(order_id)
    failed = PaymentFailed(order_id=order_id, payment_id="p", code="account_closed")
    buying.tell(order_id, buying.news.failed, failed)
    play.ring()
    assert play.is_over
    assert (buying.order(order_id).status, buying.order(order_id).end_reason) == (
        "cancelled",
        "payment_failed",
    )
    assert available(buying, 2) == 1


def test_what_costs_nothing_needs_no_payment(buying: Buying) -> None:
    buying.shelves.put(a_book(8, format="ebook", price={"amount": 0, "currency": "GBP"}))
    order_id = buying.start(8, price=None).order.id
    play = buying.play(order_id)
    play.pass_time()
    assert play.result == "placed"
    assert buying.requests(order_id) == []


def test_a_fault_in_a_step_is_tried_again_until_it_passes(buying: Buying) -> None:
    order_id = buying.start(1).order.id
    buying.shelf.faults = [RuntimeError("down"), RuntimeError("down")]
    play = buying.play(order_id)
    before = buying.shelves.clock.business_now()
    play.pass_time()
    play.pass_time()
    assert buying.shelves.clock.business_now() - before == timedelta(seconds=3)
    assert buying.order(order_id).status == "awaiting_payment"


def test_the_same_key_gives_the_same_checkout_and_another_body_is_refused(
    buying: Buying,
) -> None:
    first, again = buying.start(1, key="k"), buying.start(1, key="k")
    assert first.order.id == again.order.id
    assert (first.is_replayed, again.is_replayed) == (False, True)
    with pytest.raises(IdempotencyMismatch):
        buying.start(2, key="k")


def test_a_cart_has_one_open_checkout(buying: Buying) -> None:
    first = buying.start(1, cart="c")
    same = buying.start(1, cart="c")
    assert (same.order.id, same.is_new) == (first.order.id, False)


def test_another_content_of_the_cart_replaces_its_checkout_and_takes_over_its_copies(
    buying: Buying,
) -> None:
    first = buying.start(2, cart="c").order.id
    old = buying.play(first)
    started = buying.start(2, 1, cart="c")
    assert (started.is_new, started.to_wake) == (True, first)
    second = started.order.id
    new = buying.play(second)
    assert buying.order(second).status == "reserving", "the last copy is held by the former one"
    old.ring()
    buying.payment_cancelled(first)
    old.ring()
    assert (buying.order(first).status, buying.order(first).end_reason) == (
        "cancelled",
        "replaced",
    )
    new.pass_time()
    assert buying.order(second).status == "awaiting_payment"
    assert (available(buying, 1), available(buying, 2)) == (9, 0)


def test_a_cart_whose_checkout_closes_gets_another_one(buying: Buying) -> None:
    first = buying.start(1, cart="c").order.id
    play = buying.play(first)
    play.pass_time()
    assert buying.order(first).status == "closing"
    started = buying.start(1, cart="c")
    assert (started.is_new, started.to_wake) == (True, first)
    assert buying.order(first).end_reason == "time_limit"


def test_a_cart_that_is_just_paid_is_not_bought_again(buying: Buying) -> None:
    first = buying.start(1, cart="c").order.id
    buying.play(first)
    buying.pay(first)
    assert buying.steps.settle(first) == "confirming"
    started = buying.start(1, 3, cart="c")
    assert (started.order.id, started.is_new) == (first, False)
    assert buying.steps.finish(first) == "placed"
    assert buying.order(first).end_reason is None


def test_too_many_checkouts_are_refused(buying: Buying) -> None:
    for _ in range(3):
        buying.start(1, customer="anna")
    with pytest.raises(TooManyCheckouts) as refused:
        buying.start(1, customer="anna")
    assert "Retry-After" in refused.value.headers
    buying.start(1, customer="ben")


def test_a_checkout_that_closes_keeps_nobody_from_another_one(buying: Buying) -> None:
    order_ids = [buying.start(1, customer="anna").order.id for _ in range(3)]
    buying.play(order_ids[0]).pass_time()
    assert buying.order(order_ids[0]).status == "closing"
    assert buying.start(1, customer="anna").is_new
