"""What becomes of an order that is placed: cancelled, refunded, sent, seen by its buyer alone."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from functions.checkout import saga
from functions.checkout.model import (
    AlreadyDispatched,
    RefundRequest,
    RefundTooLarge,
    UnknownOrder,
)
from functions.checkout.service.orders import GuestLinks, Viewer
from shared.contracts.payments import (
    PaymentRefunded,
    PaymentRefundFailed,
    RefundPayment,
)
from shared.contracts.shipping import (
    ShipmentCreated,
    ShipmentDelayed,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentFailed,
    ShipmentInTransit,
    ShipmentLabelBought,
    ShipmentOutForDelivery,
)
from shared.kit.clock import ManualClock
from tests.support.buying import Buying, Play, open_buying
from tests.support.inventory import Shelves, a_book, delivery

ANNA = Viewer(customer_id="anna")


@pytest.fixture
def buying(shelves: Shelves, tmp_path: Path) -> Iterator[Buying]:
    shelves.put(a_book(1), a_book(2, stock=1), a_book(3, format="ebook"))
    with open_buying(tmp_path, shelves) as opened:
        yield opened
    shelves.check()


def test_a_placed_order_is_cancelled_refunded_and_restocked(buying: Buying) -> None:
    order_id = buying.placed(1)
    assert buying.orders.cancel(order_id, ANNA).status == "cancelling"
    play = Play(buying, order_id, saga.cancel_v1)
    assert not play.is_over
    buying.refund_all(order_id)
    play.ring()
    assert play.result == "cancelled"
    assert buying.order(order_id).refunded == buying.order(order_id).total
    buying.relay.send_due()
    cancelled = [one for to, one in buying.mailbox.taken if one.type == "order.cancelled"]
    assert [one.data["stage"] for one in cancelled] == ["after_placement"]
    assert buying.orders.cancel(order_id, ANNA).status == "cancelled"


def test_a_refund_that_fails_is_asked_for_again_after_a_pause(buying: Buying) -> None:
    order_id = buying.placed(1)
    buying.orders.cancel(order_id, ANNA)
    play = Play(buying, order_id, saga.cancel_v1)

    def asked() -> list[RefundPayment]:
        return [one for one in buying.requests(order_id) if isinstance(one, RefundPayment)]

    [first] = asked()
    refused = PaymentRefundFailed(
        order_id=order_id, payment_id="p", refund_id=first.refund_id, code="no"
    )
    buying.tell(order_id, buying.news.refund_failed, refused)
    play.ring()
    assert len(asked()) == 1
    play.pass_time()
    assert [one.amount for one in asked()] == [first.amount, first.amount]
    buying.refund_all(order_id)
    play.ring()
    assert play.result == "cancelled"


def refunded(order_id: str, refund_id: str, amount: int) -> PaymentRefunded:
    return PaymentRefunded(
        order_id=order_id,
        payment_id="p",
        refund_id=refund_id,
        amount=amount,
        refunded=amount,
        currency="GBP",
    )


def test_a_refund_made_elsewhere_takes_the_place_of_one_that_was_only_asked_for(
    buying: Buying,
) -> None:
    order_id = buying.placed(1)
    total = buying.order(order_id).total
    request = RefundRequest(amount=total, reason="all of it")
    ours = buying.orders.refund(order_id, request, delivery("r1"))
    for event_id in ("1", "2"):
        by_hand = refunded(order_id, "re_by_hand", total - 1)
        buying.tell(order_id, buying.news.refunded, by_hand, event_id)
    order = buying.order(order_id)
    assert (order.refunded, order.refund_requested) == (total - 1, total - 1)
    refused = PaymentRefundFailed(
        order_id=order_id, payment_id="p", refund_id=ours.id, code="amount_too_large"
    )
    buying.tell(order_id, buying.news.refund_failed, refused)
    states = {one.id: one.state for one in buying.orders.detail(order_id, ANNA).refunds}
    assert states == {ours.id: "failed", "re_by_hand": "succeeded"}
    assert buying.order(order_id).refund_requested == total - 1


def test_a_refund_that_the_bank_sends_back_is_owed_again(buying: Buying) -> None:
    order_id = buying.placed(1)
    request = RefundRequest(amount=100, reason="goodwill")
    refund = buying.orders.refund(order_id, request, delivery("r1"))
    buying.refund_all(order_id)
    assert buying.order(order_id).refunded == 100
    failed = PaymentRefundFailed(
        order_id=order_id, payment_id="p", refund_id=refund.id, code="expired_or_canceled_card"
    )
    for event_id in ("1", "2"):
        buying.tell(order_id, buying.news.refund_failed, failed, event_id)
    order = buying.order(order_id)
    assert (order.refunded, order.refund_requested) == (0, 0)
    kinds = [one.kind for one in buying.orders.detail(order_id, ANNA).timeline]
    assert kinds[-2:] == ["refunded", "refund_failed"]


def test_a_dispatched_order_is_not_cancelled(buying: Buying) -> None:
    order_id = buying.placed(1)
    buying.depot.dispatched.add(order_id)
    with pytest.raises(AlreadyDispatched):
        buying.orders.cancel(order_id, ANNA)
    assert buying.order(order_id).status == "placed"


def test_news_of_shipping_moves_an_order_on_and_never_back(buying: Buying) -> None:
    order_id = buying.placed(1)
    now = buying.shelves.clock.business_now()

    def dispatched(remaining: int) -> ShipmentDispatched:
        return ShipmentDispatched(
            order_id=order_id, shipment_id="s", at=now, carrier="c", tracking_number="t",
            remaining=remaining,
        )  # fmt: skip

    def delivered(remaining: int) -> ShipmentDelivered:
        return ShipmentDelivered(order_id=order_id, shipment_id="s", at=now, remaining=remaining)

    statuses = []
    for event in (dispatched(1), dispatched(0), dispatched(1), delivered(0), dispatched(0)):
        method = (
            buying.news.dispatched
            if isinstance(event, ShipmentDispatched)
            else buying.news.delivered
        )
        buying.tell(order_id, method, event)
        statuses.append(buying.order(order_id).status)
    assert statuses == [
        "partly_dispatched", "dispatched", "dispatched", "delivered", "delivered",
    ]  # fmt: skip


def test_a_dispatch_that_is_told_while_an_order_is_being_cancelled_ends_the_cancel(
    buying: Buying,
) -> None:
    order_id = buying.placed(1)
    buying.orders.cancel(order_id, ANNA)
    assert buying.order(order_id).status == "cancelling"
    event = ShipmentDispatched(
        order_id=order_id, shipment_id="s", at=buying.shelves.clock.business_now(), carrier="c",
        tracking_number="t", remaining=0,
    )  # fmt: skip
    buying.tell(order_id, buying.news.dispatched, event)
    assert buying.order(order_id).status == "dispatched"
    assert Play(buying, order_id, saga.cancel_v1).result == "dispatched"
    assert buying.requests(order_id)[1:] == []


def test_each_step_of_a_shipment_is_in_the_timeline_with_its_consignment(buying: Buying) -> None:
    order_id = buying.placed(1)
    now = buying.shelves.clock.business_now()
    about = {"order_id": order_id, "shipment_id": "s", "at": now, "number": 2, "consignments": 3}
    tracked = {**about, "carrier": "c", "tracking_number": "t"}
    news = buying.news
    for method, event in (
        (news.shipment_created, ShipmentCreated(**about)),
        (news.label_bought, ShipmentLabelBought(**tracked)),
        (news.in_transit, ShipmentInTransit(**tracked)),
        (news.out_for_delivery, ShipmentOutForDelivery(**tracked)),
        (news.delayed, ShipmentDelayed(**tracked, expected=date(2026, 3, 9))),
        (news.shipment_failed, ShipmentFailed(**about, reason="lost")),
    ):
        buying.tell(order_id, method, event)
    timeline = buying.orders.detail(order_id, ANNA).timeline
    told = {entry.kind: entry.detail for entry in timeline if "consignment" in entry.detail}
    assert list(told) == [
        "shipment_created", "label_bought", "in_transit", "out_for_delivery", "delayed",
        "shipment_failed",
    ]  # fmt: skip
    assert {detail["consignment"] for detail in told.values()} == {"2 of 3"}
    assert told["label_bought"]["tracking_number"] == "t"
    assert told["delayed"]["expected"] == "2026-03-09"
    assert told["shipment_failed"]["reason"] == "lost"


def test_refunds_in_part_add_up_and_never_exceed_what_was_paid(buying: Buying) -> None:
    order_id = buying.placed(1, 3)
    by_line = RefundRequest.model_validate(
        {"lines": [{"line": 1, "quantity": 1}], "reason": "damaged"}
    )
    first = buying.orders.refund(order_id, by_line, delivery("r1"))
    assert first.amount == 899
    assert buying.orders.refund(order_id, by_line, delivery("r1")).id == first.id
    with pytest.raises(RefundTooLarge):
        buying.orders.refund(order_id, by_line, delivery("r2"))
    rest = RefundRequest(amount=899 + 295, reason="goodwill")
    buying.orders.refund(order_id, rest, delivery("r3"))
    with pytest.raises(RefundTooLarge) as refused:
        buying.orders.refund(order_id, RefundRequest(amount=1, reason="x"), delivery("r4"))
    assert refused.value.extensions["left"] == 0
    buying.refund_all(order_id)
    order = buying.order(order_id)
    assert (order.status, order.refunded) == ("refunded", order.total)


def test_nobody_sees_anothers_order(buying: Buying) -> None:
    order_id = buying.placed(1)
    for stranger in (Viewer(), Viewer(customer_id="ben"), Viewer(order_id="0" * 32)):
        with pytest.raises(UnknownOrder):
            buying.orders.detail(order_id, stranger)
        with pytest.raises(UnknownOrder):
            buying.orders.cancel(order_id, stranger)


def test_a_guests_link_opens_his_order_for_its_time_and_no_other() -> None:
    clock = ManualClock()
    links = GuestLinks("secret", clock)
    token = links.token("a" * 32)
    assert links.order_id(token) == "a" * 32
    forged = token.replace("a" * 32, "b" * 32)
    for wrong in (forged, token[:-1], "", "..", token.replace(".", ":"), "é" + token):
        with pytest.raises(UnknownOrder):
            links.order_id(wrong)
    with pytest.raises(UnknownOrder):
        GuestLinks("another", clock).order_id(token)
    clock.advance(timedelta(days=31))
    with pytest.raises(UnknownOrder):
        links.order_id(token)
