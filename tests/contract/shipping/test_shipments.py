"""From a placed order to consignments with labels, once each."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from functions.shipping.service.watching import Watch
from functions.shipping.shipment_model import CarrierUnavailable, Label, Sent, UnknownOrder
from functions.shipping.store.tables import shipments
from sandbox.carrier.api import REFUSED_POSTCODE
from tests.support.shipping import LONDON, Depot, envelope, line, placed


def test_an_order_becomes_one_consignment_with_a_label(depot: Depot) -> None:
    order_id = depot.ship(line(2))
    shipment = depot.one(order_id)
    assert (shipment.state, shipment.number, shipment.consignments) == ("label_bought", 1, 1)
    assert shipment.weight_grams == 660
    assert shipment.tracking_number is not None
    assert shipment.promised_by is not None
    assert depot.told(order_id) == ["created", "label_bought"]
    [created] = depot.announced(order_id, "shipment.created")
    assert created.data["lines"] == [{"line": 1, "isbn": "9780141439846", "quantity": 2}]


def test_a_heavy_order_goes_in_consignments_that_count_together(depot: Depot) -> None:
    order_id = depot.ship(line(3, grams=9_000))
    boxes = depot.of(order_id)
    assert [(one.number, one.consignments, one.weight_grams) for one in boxes] == [
        (1, 2, 18_060),
        (2, 2, 9_060),
    ]
    assert len({one.tracking_number for one in boxes}) == 2
    depot.hear(order_id, "P9D")
    remaining = [
        event.data["remaining"] for event in depot.announced(order_id, "shipment.delivered")
    ]
    assert remaining == [1, 0]


def test_the_same_event_and_another_of_the_same_order_make_nothing_more(depot: Depot) -> None:
    event = placed("twice", at=depot.clock.business_now())
    first = envelope(event, "first")
    assert len(depot.shipments.placed(first, event)) == 1
    assert depot.shipments.placed(first, event) == ()
    assert depot.shipments.placed(envelope(event, "second"), event) == ()
    assert depot.told("twice") == ["created"]


def test_an_event_that_comes_many_times_at_once_ships_once(depot: Depot) -> None:
    event = placed("at once", at=depot.clock.business_now())
    start = threading.Barrier(8)

    def deliver(number: int) -> int:
        start.wait()
        return len(depot.shipments.placed(envelope(event, f"event {number % 2}"), event))

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(deliver, range(8))) == [0] * 7 + [1]
    assert len(depot.of("at once")) == 1


def test_downloads_alone_are_not_sent(depot: Depot) -> None:
    order_id = depot.ship(line(1, grams=0))
    assert depot.of(order_id) == []
    assert depot.told(order_id) == []


def test_an_address_that_no_carrier_finds_fails_and_is_told(depot: Depot) -> None:
    depot.known.deliveries["bad"] = LONDON.model_copy(update={"postcode": REFUSED_POSTCODE})
    depot.ship(order_id="bad")
    shipment = depot.one("bad")
    assert (shipment.state, shipment.reason) == ("failed", "refused")
    assert depot.told("bad") == ["created", "failed"]
    assert depot.watch().run() == 0
    assert depot.shipments.void("bad")


def test_an_order_whose_customer_was_erased_meanwhile_fails(depot: Depot) -> None:
    depot.known.deliveries["gone"] = None
    depot.ship(order_id="gone")
    assert depot.one("gone").reason == "refused"


def test_an_order_abroad_is_labelled_with_its_customs(depot: Depot) -> None:
    paris = LONDON.model_copy(update={"country": "FR", "postcode": "75001", "city": "Paris"})
    depot.known.deliveries["paris"] = paris
    depot.ship(order_id="paris", country="FR", shipping_method="express")
    assert depot.one("paris").state == "label_bought"


def test_two_workers_at_once_buy_each_label_once(depot: Depot) -> None:
    orders = [depot.place() for _ in range(12)]
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: depot.watch().run(), range(4)))
    assert sum(done) == 12
    assert {depot.one(one).state for one in orders} == {"label_bought"}
    for order_id in orders:
        assert depot.told(order_id) == ["created", "label_bought"]


def test_control_two_workers_that_only_look_would_buy_two_labels(depot: Depot) -> None:
    order_id = depot.place()
    seen = [depot.one(order_id), depot.one(order_id)]
    bought = {
        depot.carrier.buy(
            depot.carrier.draft(Sent(one.id, LONDON, one.weight_grams, one.contents, "GBP")), 4
        ).tracking_number
        for one in seen
        if one.state == "created" and one.carrier_id is None
    }
    assert len(bought) == 2


class Counting:
    """A carrier whose labels are counted, and that loses its tongue as often as it is told."""

    def __init__(self, depot: Depot, *, silent_after_buying: int = 0) -> None:
        self._carrier = depot.carrier
        self.bought: list[str] = []
        self.silent = silent_after_buying

    def __getattr__(self, name: str) -> object:
        return getattr(self._carrier, name)

    def draft(self, sent: Sent) -> str:
        return self._carrier.draft(sent)

    def buy(self, carrier_id: str, within_days: int) -> Label:
        label = self._carrier.buy(carrier_id, within_days)
        self.bought.append(label.tracking_number)
        if self.silent:
            self.silent -= 1
            raise CarrierUnavailable("the answer was lost")
        return label


def watch_of(depot: Depot, carrier: object) -> Watch:
    return Watch(
        depot.transactions,
        carrier,  # type: ignore[arg-type]
        lambda: depot.known,
        depot.clock,
    )


def test_a_label_whose_answer_was_lost_is_found_and_not_bought_again(depot: Depot) -> None:
    order_id = depot.place()
    carrier = Counting(depot, silent_after_buying=2)
    for _ in range(3):
        watch_of(depot, carrier).run()
        depot.clock.ahead += timedelta(minutes=1)  # type: ignore[attr-defined]
    shipment = depot.one(order_id)
    assert shipment.state == "label_bought"
    assert set(carrier.bought) == {shipment.tracking_number}
    assert depot.told(order_id) == ["created", "label_bought"]


def test_a_carrier_that_is_down_for_an_hour_keeps_nobody_waiting_for_ever(depot: Depot) -> None:
    depot.sandbox.order("faults", kind="down")
    orders = [depot.place() for _ in range(12)]
    calls = 0
    for _ in range(12):
        worker = depot.watch()
        assert worker.run() == 0
        calls += 1
        depot.clock.ahead += timedelta(minutes=5)  # type: ignore[attr-defined]
    assert {depot.one(one).state for one in orders} == {"created"}
    tries = sum(depot.one(one).tries for one in orders)
    assert calls <= tries <= calls * 4  # no more than were at it when the first one failed
    depot.sandbox.order("faults", reset=True)
    depot.clock.ahead += timedelta(minutes=16)  # type: ignore[attr-defined]
    assert depot.watch().run() == 12
    assert {depot.one(one).state for one in orders} == {"label_bought"}


def test_a_worker_that_died_is_followed_by_another_after_its_lease(depot: Depot) -> None:
    order_id = depot.place()
    now = depot.clock.machine_now()
    lease = now + timedelta(minutes=2)
    claimed = depot.transactions.run(lambda t: t.shipments.claim_due("dead", 20, lease, now))
    assert [one.order_id for one in claimed] == [order_id]
    assert depot.watch().run() == 0
    depot.clock.ahead += timedelta(minutes=3)  # type: ignore[attr-defined]
    assert depot.watch().run() == 1
    named = depot.transactions.run(
        lambda t: t.shipments.name(claimed[0].id, "dead", None, "shp_late")
    )
    assert not named  # the one that came back late changes nothing


def test_an_order_is_shown_to_its_buyer_to_a_guest_and_to_staff(depot: Depot) -> None:
    order_id = depot.ship()
    depot.hear(order_id, "P9D")
    shown = depot.shipments.shown(order_id, "anna", None, is_staff=False)
    [parcel] = shown.items
    assert parcel.state == "delivered"
    assert parcel.delivered_at is not None
    assert [scan.at for scan in parcel.scans] == sorted(scan.at for scan in parcel.scans)
    assert depot.shipments.shown(order_id, None, "anna", is_staff=False) == shown
    assert depot.shipments.shown(order_id, "carl", None, is_staff=True) == shown
    with pytest.raises(UnknownOrder):
        depot.shipments.shown(order_id, "bert", None, is_staff=False)


def test_what_is_delivered_costs_the_timer_nothing(depot: Depot) -> None:
    for _ in range(3):
        depot.hear(depot.ship(), "P9D")
    due = select(func.count()).select_from(shipments).where(shipments.c.due_at.is_not(None))
    with depot.database.primary() as connection:
        assert connection.scalar(due) == 0
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT id FROM shipments WHERE due_at IS NOT NULL"
            " AND due_at <= '2030-01-01' ORDER BY due_at LIMIT 20"
        ).all()
    assert "ix_shipments_due" in str(plan)
