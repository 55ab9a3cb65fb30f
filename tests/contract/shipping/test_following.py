"""What the carrier tells, in whatever order, as often as it likes."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from functions.shipping.service.following import follow
from functions.shipping.shipment_model import BadSignature, Scan, State, Tracking
from functions.shipping.store.tables import carrier_events
from shared.kit.errors import BadInput
from tests.support.shipping import Depot

TO_THE_DOOR = [
    "created",
    "label_bought",
    "dispatched",
    "in_transit",
    "out_for_delivery",
    "delivered",
]


def bodies(depot: Depot, order_id: str, advance: str) -> list[bytes]:
    """All webhooks about the order's parcel, after so much time."""
    depot.sandbox.advance(advance)
    tracker = depot.one(order_id).tracker
    assert tracker is not None
    depot.carrier.track(tracker)
    return depot.sandbox.events(tracker)


def test_a_parcel_goes_to_the_door_and_each_step_is_told_once(depot: Depot) -> None:
    order_id = depot.ship()
    for _ in range(12):
        depot.hear(order_id, "PT6H")
    shipment = depot.one(order_id)
    assert shipment.state == "delivered"
    assert depot.told(order_id) == TO_THE_DOOR
    [delivered] = depot.announced(order_id, "shipment.delivered")
    assert delivered.data["remaining"] == 0
    assert datetime.fromisoformat(delivered.data["at"]) == shipment.ended_at


@pytest.mark.parametrize("seed", range(3))
def test_webhooks_that_come_twice_and_in_any_order_lead_to_the_same_end(
    depot: Depot, seed: int
) -> None:
    order_id = depot.ship()
    told = bodies(depot, order_id, "P9D") * 2
    random.Random(seed).shuffle(told)
    for body in told:
        depot.receive(body)
    assert depot.one(order_id).state == "delivered"
    # The last webhook shows all that happened before; each step is told or passed, never undone.
    steps = depot.told(order_id)
    assert steps == [step for step in TO_THE_DOOR if step in steps]
    assert {"dispatched", "delivered"} <= set(steps)
    scans = depot.transactions.look(lambda t: t.shipments.scans([depot.one(order_id).id]))
    found = [(scan.at, scan.message) for scan in scans[depot.one(order_id).id]]
    assert len(found) == len(set(found)) == 6


def test_an_older_webhook_moves_nothing_back(depot: Depot) -> None:
    order_id = depot.ship()
    told = bodies(depot, order_id, "P9D")
    depot.receive(told[-1])
    before = depot.one(order_id)
    for body in told[:-1]:
        depot.receive(body)
    assert depot.one(order_id) == before


def test_a_lost_parcel_fails_and_is_told_with_what_was_in_it(depot: Depot) -> None:
    depot.sandbox.order("settings", fate="lost")
    order_id = depot.ship()
    depot.hear(order_id, "P14D")
    shipment = depot.one(order_id)
    assert (shipment.state, shipment.reason) == ("failed", "lost")
    [failed] = depot.announced(order_id, "shipment.failed")
    assert failed.data["reason"] == "lost"
    assert failed.data["lines"][0]["quantity"] == 1
    assert depot.watch().run() == 0


def test_a_parcel_that_nobody_took_comes_back(depot: Depot) -> None:
    depot.sandbox.order("settings", fate="returned")
    order_id = depot.ship()
    depot.hear(order_id, "P14D")
    assert depot.one(order_id).state == "returned"
    assert depot.told(order_id)[-2:] == ["out_for_delivery", "failed"]
    assert depot.announced(order_id)[-1].data["reason"] == "returned"


def test_a_delay_is_told_once_with_the_new_day(depot: Depot) -> None:
    order_id = depot.ship()
    promised = depot.one(order_id).expected
    assert promised is not None
    depot.sandbox.order(f"parcels/{depot.one(order_id).tracking_number}", fate="delayed")
    for _ in range(6):
        depot.hear(order_id, "P1D")
    [delayed] = depot.announced(order_id, "shipment.delayed")
    assert delayed.data["expected"] == (promised + timedelta(days=3)).isoformat()
    assert depot.told(order_id)[-1] == "delivered"


def track(depot: Depot, order_id: str, *steps: tuple[State | None, str]) -> None:
    begun = datetime(2026, 3, 2, tzinfo=UTC)
    scans = tuple(
        Scan(
            begun + timedelta(hours=hour),
            state,
            "lost" if state == "failed" else None,
            message,
            message,
            "",
        )
        for hour, (state, message) in enumerate(steps)
    )
    shipment_id = depot.one(order_id).id
    depot.transactions.run(lambda t: follow(t, shipment_id, Tracking(scans, None)))


def test_a_carrier_that_leaves_steps_out_still_tells_the_dispatch(depot: Depot) -> None:
    order_id = depot.ship()
    track(depot, order_id, ("delivered", "there"))
    assert depot.told(order_id)[2:] == ["dispatched", "delivered"]
    assert depot.one(order_id).dispatched_at == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_parcel_that_was_lost_and_found_again_is_not_lost(depot: Depot) -> None:
    order_id = depot.ship()
    track(
        depot, order_id, ("in_transit", "on its way"), ("failed", "lost"), ("in_transit", "found")
    )
    assert depot.one(order_id).state == "in_transit"
    track(depot, order_id, ("in_transit", "on its way"), ("failed", "lost"))
    assert depot.one(order_id).state == "failed"
    track(depot, order_id, ("returned", "back"))
    assert depot.one(order_id).state == "returned"
    assert depot.told(order_id)[-2:] == ["failed", "failed"]


def test_after_it_was_delivered_nothing_moves_it(depot: Depot) -> None:
    order_id = depot.ship()
    track(depot, order_id, ("delivered", "there"))
    for state in ("failed", "returned", "in_transit", "dispatched"):
        track(depot, order_id, (state, state))  # type: ignore[arg-type]
    assert depot.one(order_id).state == "delivered"
    assert depot.told(order_id)[-1] == "delivered"


def test_a_silent_parcel_is_asked_about_ever_more_seldom(depot: Depot) -> None:
    order_id = depot.ship()
    asked = 0
    for hour in range(48):
        depot.sandbox.advance("PT1H" if hour else "PT0S")
        asked += depot.watch().run()
    assert asked < 14
    assert depot.one(order_id).state in ("in_transit", "out_for_delivery", "delivered")
    for _ in range(4):
        depot.sandbox.advance("P1D")
        depot.watch().run()
    assert depot.one(order_id).state == "delivered"
    assert depot.told(order_id)[-1] == "delivered"


def test_two_watchers_at_once_tell_each_step_once(depot: Depot) -> None:
    orders = [depot.ship() for _ in range(6)]
    depot.sandbox.advance("P9D")
    watchers = [depot.watch() for _ in range(3)]
    assert sum(one.run() for one in watchers) == 6
    for order_id in orders:
        assert depot.told(order_id) == TO_THE_DOOR


def test_a_webhook_is_refused_without_its_signature_and_keeps_nothing(depot: Depot) -> None:
    for headers in ({}, {"x-hmac-signature": "hmac-sha256-hex=00"}):
        with pytest.raises(BadSignature):
            depot.events.take_in(b'{"id": "evt_1"}', headers)
    signed = b"[]"
    with pytest.raises(BadInput):
        depot.events.take_in(signed, depot.sandbox.signed(signed))
    with depot.database.primary() as connection:
        assert connection.execute(carrier_events.select()).all() == []


def test_a_webhook_about_a_strangers_parcel_is_kept_and_changes_nothing(depot: Depot) -> None:
    order_id = depot.ship()
    [body] = bodies(depot, order_id, "PT0S")
    carrier_id = depot.one(order_id).carrier_id
    assert carrier_id is not None
    depot.receive(body.replace(carrier_id.encode(), b"shp_stranger"))
    assert depot.told(order_id) == ["created", "label_bought"]
    with depot.database.primary() as connection:
        assert [row.outcome for row in connection.execute(carrier_events.select())] == ["unknown"]
    assert depot.events.forget(timedelta(days=30)) == 0
    depot.sandbox.advance("P31D")
    assert depot.events.forget(timedelta(days=30)) == 2
