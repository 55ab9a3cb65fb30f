"""Who is told what, by which event, and how often."""

import itertools
import random
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from shared.contracts.inventory import StockLow
from shared.contracts.notifications import Correspondence
from shared.contracts.orders import (
    CustomerErased,
    OrderCancelled,
    OrderLinkRequested,
    OrderRefunded,
)
from shared.contracts.payments import PaymentDeclined, PaymentFailed, PaymentRefundFailed
from shared.contracts.shipping import (
    ShipmentDelayed,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentFailed,
    ShipmentLine,
    ShipmentOutForDelivery,
)
from tests.support.notifications import ISBN, STAFF, START, PostOffice, event, receipt_of

Tell = Callable[[PostOffice, str], None]


def refunded(office: PostOffice, order: str) -> None:
    payload = OrderRefunded(
        order_id=order,
        order_number="B-1",
        customer_id=None,
        refund_id="r",
        amount=899,
        refunded=899,
        currency="GBP",
    )
    office.telling.refunded(event(f"refunded-{order}"), payload)


def cancelled(office: PostOffice, order: str, stage: str, reason: str) -> None:
    payload = OrderCancelled.model_validate(
        {
            "order_id": order,
            "order_number": "B-1",
            "customer_id": None,
            "stage": stage,
            "reason": reason,
            "lines": (),
        }
    )
    office.telling.cancelled(event(f"cancelled-{order}"), payload)


def cancelled_by_buyer(office: PostOffice, order: str) -> None:
    cancelled(office, order, "after_placement", "cancelled")


def sold_out(office: PostOffice, order: str) -> None:
    cancelled(office, order, "before_placement", "out_of_stock")


def link_requested(office: PostOffice, order: str, number: int = 1) -> None:
    payload = OrderLinkRequested(order_id=order, order_number="B-1")
    office.telling.link_requested(event(f"link-{order}-{number}"), payload)


def failed(office: PostOffice, order: str) -> None:
    payload = PaymentFailed(order_id=order, payment_id="p", code="gone")
    office.telling.failed(event(f"failed-{order}"), payload)


def declined(office: PostOffice, order: str, number: int = 1) -> None:
    payload = PaymentDeclined(order_id=order, payment_id="p", code="card_declined")
    office.telling.declined(event(f"declined-{order}-{number}"), payload)


def dispatched(office: PostOffice, order: str, parcel: str = "s1", remaining: int = 0) -> None:
    payload = ShipmentDispatched(
        order_id=order,
        shipment_id=parcel,
        at=START,
        carrier="Royal Mail",
        tracking_number="RM1",
        tracking_url="https://track.example/RM1",
        remaining=remaining,
        lines=(ShipmentLine(line=2, isbn=ISBN, quantity=1),),
        expected=date(2026, 12, 3),
    )
    office.telling.dispatched(event(f"dispatched-{order}-{parcel}"), payload)


def out_for_delivery(office: PostOffice, order: str) -> None:
    payload = ShipmentOutForDelivery(
        order_id=order, shipment_id="s1", at=START, carrier="Royal Mail", tracking_number="RM1"
    )
    office.telling.out_for_delivery(event(f"out-{order}"), payload)


def delayed(office: PostOffice, order: str) -> None:
    payload = ShipmentDelayed(
        order_id=order,
        shipment_id="s1",
        at=START,
        carrier="Royal Mail",
        tracking_number="RM1",
        expected=date(2026, 12, 4),
    )
    office.telling.delayed(event(f"delayed-{order}"), payload)


def delivered(office: PostOffice, order: str) -> None:
    payload = ShipmentDelivered(order_id=order, shipment_id="s1", at=START, remaining=0)
    office.telling.delivered(event(f"delivered-{order}"), payload)


def lost(office: PostOffice, order: str) -> None:
    payload = ShipmentFailed(order_id=order, shipment_id="s1", at=START, reason="lost")
    office.telling.delivery_failed(event(f"lost-{order}"), payload)


EACH: dict[str, tuple[Tell, str]] = {
    "placed": (PostOffice.placed, "is placed"),
    "refunded": (refunded, "Your refund of £8.99"),
    "cancelled": (cancelled_by_buyer, "is cancelled"),
    "sold out": (sold_out, "is cancelled"),
    "link": (link_requested, "The link to your order"),
    "dispatched": (dispatched, "has been dispatched"),
    "out for delivery": (out_for_delivery, "is out for delivery"),
    "delayed": (delayed, "is delayed"),
    "delivered": (delivered, "has been delivered"),
    "lost": (lost, "could not be delivered"),
}


@pytest.mark.parametrize("name", EACH)
def test_an_event_that_comes_three_times_is_told_once(office: PostOffice, name: str) -> None:
    tell, said = EACH[name]
    order = office.order()
    tell(office, order)
    tell(office, order)
    office.deliver()
    tell(office, order)
    office.deliver()
    [subject] = office.provider.subjects()
    assert said in subject
    assert office.provider.taken[0].to == "anna@example.org"


def test_dispatch_is_told_in_these_words_with_how_to_follow_it(office: PostOffice) -> None:
    dispatched(office, office.order(), remaining=1)
    office.deliver()
    [mail] = office.provider.taken
    for content in (mail.letter.text, mail.letter.html):
        words = "Your order has been dispatched and handed to the delivery company"
        assert words in " ".join(content.split())
        assert "RM1" in content
        assert "Royal Mail" in content
        assert "more than one parcel" in content


def test_each_consignment_is_told_of_once(office: PostOffice) -> None:
    order = office.order()
    for parcel in ("s1", "s2", "s1"):
        dispatched(office, order, parcel)
    office.deliver()
    assert len(office.provider.taken) == 2


@pytest.mark.parametrize("seed", range(3))
def test_events_of_an_order_in_any_order_and_number_are_each_told_at_most_once(
    office: PostOffice, seed: int
) -> None:
    order = office.order()
    told = [PostOffice.placed, dispatched, out_for_delivery, delayed, delivered, refunded] * 3
    random.Random(seed).shuffle(told)
    for tell in told:
        tell(office, order)
        office.deliver()
    subjects = office.provider.subjects()
    assert len(subjects) == len(set(subjects))
    for always in ("is placed", "has been dispatched", "has been delivered", "refund"):
        assert sum(always in subject for subject in subjects) == 1


@pytest.mark.parametrize("end", [delivered, lost])
def test_news_of_the_way_are_no_news_after_its_end(office: PostOffice, end: Tell) -> None:
    order = office.order()
    end(office, order)
    out_for_delivery(office, order)
    delayed(office, order)
    office.deliver()
    assert len(office.provider.taken) == 1


def test_news_of_the_way_say_when_and_how_to_follow_it(office: PostOffice) -> None:
    order = office.order()
    for tell in (dispatched, delayed, out_for_delivery):
        tell(office, order)
    office.deliver()
    first, second, third = (mail.letter.text for mail in office.provider.taken)
    assert all("Tracking number: RM1" in text for text in (first, second, third))
    assert "Follow it at: https://track.example/RM1" in first
    assert "Follow it at" not in second
    assert "Expected on: 3 December 2026" in first
    assert "Now expected on: 4 December 2026" in second
    assert "In this parcel:\n1 x Emma" in first
    assert "Pride and Prejudice" not in first


def test_a_guest_gets_the_signed_link_and_a_customer_signs_in(office: PostOffice) -> None:
    guest, customer = office.order(), office.order("eve@example.org", "eve")
    office.placed(guest)
    office.placed(customer)
    office.deliver()
    first, second = office.provider.taken
    for content in (first.letter.text, first.letter.html):
        assert f"https://books.test/api/v1/orders/{guest}?token={guest}.signed" in content
    assert f"https://books.test/api/v1/orders/{customer}" in second.letter.text
    assert "token" not in second.letter.text


def test_nobody_is_told_what_he_did_himself_before_an_order_was_placed(
    office: PostOffice,
) -> None:
    for reason in ("cancelled", "time_limit", "replaced"):
        cancelled(office, office.order(), "before_placement", reason)
    office.deliver()
    assert office.provider.taken == []


def test_a_payment_that_failed_is_told_once_by_whichever_event(office: PostOffice) -> None:
    order = office.order()
    office.orders.receipts[order] = receipt_of(order, is_paid=False)
    failed(office, order)
    cancelled(office, order, "before_placement", "payment_failed")
    declined(office, order)
    office.pass_time(timedelta(minutes=10), step=timedelta(minutes=5))
    [mail] = office.provider.taken
    assert mail.letter.subject == "Your payment did not go through"
    assert "/orders/" not in mail.letter.text


def test_a_declined_card_is_told_unless_another_one_pays(office: PostOffice) -> None:
    patient, hasty = office.order("pat@example.org"), office.order("hal@example.org")
    for order, email in ((patient, "pat@example.org"), (hasty, "hal@example.org")):
        office.orders.receipts[order] = receipt_of(order, email, is_paid=False)
        declined(office, order, 1)
        declined(office, order, 2)
    office.deliver()
    assert office.provider.taken == []
    office.orders.receipts[hasty] = receipt_of(hasty, "hal@example.org")
    office.pass_time(timedelta(minutes=3))
    assert office.provider.subjects("pat@example.org") == ["Your payment did not go through"]
    assert office.provider.subjects("hal@example.org") == []


def test_low_stock_is_told_to_each_of_the_staff_once(office: PostOffice) -> None:
    payload = StockLow(isbn=ISBN, available=1, threshold=3)
    for _ in range(2):
        office.telling.stock_low(event("low"), payload)
    office.deliver()
    assert sorted(mail.to for mail in office.provider.taken) == sorted(STAFF)
    assert {mail.letter.subject for mail in office.provider.taken} == {f"Low stock: {ISBN}"}
    assert "One copy" in office.provider.taken[0].letter.text


def refund_failed(office: PostOffice, order: str, number: int, amount: int | None = 899) -> None:
    payload = PaymentRefundFailed(
        order_id=order,
        payment_id="p",
        refund_id=f"r{number}",
        code="lost_or_stolen_card",
        amount=amount,
        currency="GBP",
    )
    office.telling.refund_failed(event(f"refund-failed-{order}-{number}"), payload)


def test_a_refund_that_failed_is_told_to_each_of_the_staff_and_not_to_the_buyer(
    office: PostOffice,
) -> None:
    order = office.order()
    for _ in range(2):
        refund_failed(office, order, 1)
    office.deliver()
    assert sorted(mail.to for mail in office.provider.taken) == sorted(STAFF)
    [letter, _] = (mail.letter for mail in office.provider.taken)
    number = office.orders.receipts[order].order_number
    assert letter.subject == f"A refund failed: order {number}"
    for said in ("£8.99", number, "lost_or_stolen_card", f"/admin/payments/{order}"):
        assert said in letter.text
        assert said in letter.html
    assert "anna" not in letter.text.casefold()


def test_a_refund_that_is_tried_and_fails_all_day_is_told_once_a_day(office: PostOffice) -> None:
    order, other = office.order(), office.order()
    for number in range(5):
        refund_failed(office, order, number)
    office.orders.receipts.pop(other)
    refund_failed(office, other, 1, amount=None)
    office.deliver()
    assert len(office.provider.taken) == 2 * len(STAFF)
    assert f"A refund failed: order {other}" in office.provider.subjects()
    office.clock.advance(timedelta(days=1))
    refund_failed(office, order, 5)
    office.deliver()
    assert len(office.provider.taken) == 3 * len(STAFF)


def test_a_link_is_written_a_few_times_an_hour_and_again_later(office: PostOffice) -> None:
    order = office.order()
    for number in range(20):
        link_requested(office, order, number)
    office.deliver()
    assert len(office.provider.taken) == 5
    office.clock.advance(timedelta(hours=1))
    link_requested(office, order, 20)
    office.deliver()
    assert len(office.provider.taken) == 6


def test_an_order_whose_buyer_is_forgotten_is_told_to_nobody(office: PostOffice) -> None:
    order, waiting = office.order(), office.order()
    office.placed(waiting)
    for one in (order, waiting):
        office.orders.receipts[one] = office.orders.receipts[one].model_copy(
            update={"contact": None, "delivery": None}
        )
    office.placed(order)
    office.placed("unknown")
    office.deliver()
    assert office.provider.calls == 0


def test_erasing_a_customer_takes_him_out_of_what_is_kept(office: PostOffice) -> None:
    order = office.order("eve@example.org", "eve")
    office.placed(order)
    dispatched(office, order)
    office.deliver()
    office.book.replace("eve", office.book.of("eve").model_copy(update={"delayed": False}))
    kept = office.book.correspondence("eve")
    assert kept.switched_off == ("delayed",)
    assert sorted((mail.kind, mail.about, mail.state) for mail in kept.mails) == [
        ("dispatched", order, "sent"),
        ("order_placed", order, "sent"),
    ]
    for _ in range(2):
        office.telling.erased(event("erased"), CustomerErased(customer_id="eve"))
    assert office.book.correspondence("eve") == Correspondence(switched_off=(), mails=())
    assert office.book.of("eve").delayed
    with office.database.primary() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM mails").all()
    subscriber = office.subscribers.customer("eve")
    assert not any("eve" in str(row) or subscriber in str(row) or "RM1" in str(row) for row in rows)


def test_an_event_that_comes_again_after_the_erasing_is_told_no_second_time(
    office: PostOffice,
) -> None:
    order = office.order("eve@example.org", "eve")
    office.placed(order)
    office.deliver()
    office.telling.erased(event("erased"), CustomerErased(customer_id="eve"))
    office.orders.receipts[order] = receipt_of(order, "eve@example.org")
    office.placed(order)
    office.deliver()
    assert len(office.provider.taken) == 1


def test_no_address_stands_in_the_database(office: PostOffice) -> None:
    for tell, _ in EACH.values():
        tell(office, office.order("secret.anna@example.org"))
        office.deliver()
    assert len(office.provider.taken) == len(EACH)
    with office.database.primary() as connection:
        tables = [
            connection.exec_driver_sql(f"SELECT * FROM {name}").all()
            for name in ("mails", "switches", "outbox")
        ]
    assert "secret.anna" not in str(list(itertools.chain(*tables)))
