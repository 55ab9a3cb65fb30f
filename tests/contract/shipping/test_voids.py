"""Orders that are not to be sent any more."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from functions.shipping.service.following import follow
from functions.shipping.service.watching import Watch
from functions.shipping.shipment_model import Label, Scan, Tracking
from tests.support.shipping import Depot, line


def test_a_void_before_the_order_is_known_leaves_a_tombstone(depot: Depot) -> None:
    assert depot.shipments.void("early")
    assert depot.shipments.void("early")
    depot.place(order_id="early")
    assert depot.of("early") == []
    assert depot.told("early") == []


def test_the_first_void_keeps_its_time_and_ids_are_compared_to_the_letter(depot: Depot) -> None:
    depot.shipments.void("a")
    first = depot.transactions.look(lambda t: t.orders.find("a"))
    depot.sandbox.advance("PT1H")
    depot.shipments.void("a")
    assert depot.transactions.look(lambda t: t.orders.find("a")) == first
    assert depot.transactions.look(lambda t: t.orders.find("A")) is None


def test_a_voided_order_gets_no_label(depot: Depot) -> None:
    order_id = depot.place()
    assert depot.shipments.void(order_id)
    depot.watch().run()
    assert depot.one(order_id).state == "created"
    assert depot.one(order_id).carrier_id is None


def test_labels_of_a_voided_order_are_given_back(depot: Depot) -> None:
    order_id = depot.ship()
    assert depot.one(order_id).state == "label_bought"
    assert depot.shipments.void(order_id)
    depot.watch().run()
    assert given_back(depot, order_id)
    depot.hear(order_id, "P9D")
    assert depot.one(order_id).state == "label_bought"
    assert depot.watch().run() == 0


def given_back(depot: Depot, order_id: str) -> bool:
    key = {"Authorization": f"Bearer {depot.sandbox.keys.api_key}"}
    name = depot.one(order_id).carrier_id
    shown = depot.sandbox.http.get(f"/carrier/v2/shipments/{name}", headers=key).json()
    return bool(shown["refund_status"] == "submitted")


def test_a_label_that_is_bought_while_its_order_is_voided_is_given_back(depot: Depot) -> None:
    order_id = depot.place()

    class Meanwhile:
        def __getattr__(self, name: str) -> object:
            return getattr(depot.carrier, name)

        def buy(self, carrier_id: str, within_days: int) -> Label:
            assert depot.shipments.void(order_id)
            return depot.carrier.buy(carrier_id, within_days)

    carrier: Any = Meanwhile()
    Watch(depot.transactions, carrier, lambda: depot.known, depot.clock).run()
    depot.watch().run()
    assert given_back(depot, order_id)
    assert depot.watch().run() == 0


def test_news_of_a_voided_parcel_does_not_keep_its_label_from_being_given_back(
    depot: Depot,
) -> None:
    order_id = depot.ship()
    assert depot.shipments.void(order_id)
    depot.hear(order_id)
    assert depot.watch().run() == 1
    assert given_back(depot, order_id)


def test_an_order_of_which_anything_is_dispatched_is_not_voided(depot: Depot) -> None:
    order_id = depot.ship(line(2, grams=15_000))
    first, second = depot.of(order_id)
    scan = Scan(depot.clock.business_now(), "dispatched", None, "in_transit", "accepted", "London")
    depot.transactions.run(lambda t: follow(t, first.id, Tracking((scan,), None)))
    assert not depot.shipments.void(order_id)
    assert not depot.shipments.void(order_id)
    assert [one.is_voided for one in depot.of(order_id)] == [False, False]
    assert depot.told(order_id)[-1] == "dispatched"
    assert second.state == "label_bought"


def test_a_parcel_that_leaves_though_its_order_was_voided_moves_nothing(depot: Depot) -> None:
    order_id = depot.ship()
    assert depot.shipments.void(order_id)
    depot.hear(order_id, "P9D")
    assert depot.told(order_id) == ["created", "label_bought"]


def test_many_voids_of_one_order_at_once_agree(depot: Depot) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: depot.shipments.void("a"), range(8))) == [True] * 8


def test_of_a_void_and_a_dispatch_at_once_one_wins(depot: Depot) -> None:
    scan = Scan(depot.clock.business_now(), "dispatched", None, "in_transit", "accepted", "London")
    for _ in range(10):
        order_id = depot.ship()
        shipment, start = depot.one(order_id), threading.Barrier(2)

        def void(order_id: str = order_id, start: threading.Barrier = start) -> bool:
            start.wait()
            return depot.shipments.void(order_id)

        def dispatch(shipment_id: str = shipment.id, start: threading.Barrier = start) -> bool:
            start.wait()
            return depot.transactions.run(lambda t: follow(t, shipment_id, Tracking((scan,), None)))

        with ThreadPoolExecutor(2) as threads:
            voided = threads.submit(void)
            threads.submit(dispatch).result()
        left = depot.one(order_id).state == "dispatched"
        assert left is not voided.result()
        assert ("dispatched" in depot.told(order_id)) is left


def test_control_what_does_not_look_lets_both_happen(depot: Depot) -> None:
    order_id = depot.ship()
    seen = depot.transactions.look(lambda t: t.orders.find(order_id))
    assert seen is not None
    depot.hear(order_id, "PT5H")
    assert seen.dispatched == 0  # what a void would decide by that read first and wrote then
    assert "dispatched" in depot.told(order_id)
    assert not depot.shipments.void(order_id)
