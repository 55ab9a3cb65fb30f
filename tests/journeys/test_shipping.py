"""From a paid order to the door, or wherever else a parcel can go; over HTTP alone, in days that
pass as fast as the clock is moved."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from uuid import uuid4

import pytest

from shared.contracts import shipping
from shared.contracts.shipping import ShipmentDelayed
from tests.conftest import Shop
from tests.journeys.conftest import Arrive
from tests.support.backstage import Post, Staff, advance_clock, announce_all, guest_link
from tests.support.shopper import ADDRESS, Json, Shopper, at_once, until


@pytest.fixture(scope="module")
def shop(later_shop: Shop) -> Shop:
    """Days pass here by moving the clock."""
    return later_shop


TO_THE_DOOR = [
    "shipment_created",
    "label_bought",
    "dispatched",
    "in_transit",
    "out_for_delivery",
    "delivered",
]


def kinds(order: Json) -> list[str]:
    return [entry["kind"] for entry in order["timeline"]]


def parcels(shopper: Shopper, order_id: str) -> Sequence[Json]:
    found: Sequence[Json] = shopper.ask("GET", f"orders/{order_id}/shipments")["items"]
    return found


def labelled(shopper: Shopper, order_id: str) -> Sequence[Json]:
    """The order's parcels as soon as all of them have a label."""
    return until(
        lambda: parcels(shopper, order_id),
        lambda found: bool(found) and all(one["tracking_number"] for one in found),
    )


def order_until(shopper: Shopper, order_id: str, enough: Callable[[Json], bool]) -> Json:
    return until(lambda: shopper.order(order_id), enough)


def test_one_parcel_goes_to_the_door(shop: Shop, arrive: Arrive, staff: Staff, post: Post) -> None:
    anna = arrive("anna")
    order_id = anna.buy(staff.new_book())["order_id"]
    [parcel] = labelled(anna, order_id)
    assert (parcel["state"], parcel["cancelled"], parcel["number"]) == ("label_bought", False, 1)
    advance_clock(shop, "PT5H")
    order = order_until(anna, order_id, lambda found: found["status"] == "dispatched")
    refused = anna.ask("POST", f"orders/{order_id}/cancel", status=409)
    assert refused["type"].endswith("already-dispatched")
    for _ in range(4):
        advance_clock(shop, "P1D")
    order = order_until(anna, order_id, lambda found: found["status"] == "delivered")
    assert [kind for kind in kinds(order) if kind in TO_THE_DOOR] == TO_THE_DOOR
    assert post.taken(parcel["tracking_number"]), "the carrier's webhooks brought the news"
    [parcel] = parcels(anna, order_id)
    assert parcel["state"] == "delivered"
    assert parcel["delivered_at"] is not None
    assert parcel["scans"][-1]["message"] == "Delivered"
    token = guest_link(shop, order_id)
    guest = arrive()
    guest.ask("GET", f"orders/{order_id}/shipments", status=404)
    arrive("ben").ask("GET", f"orders/{order_id}/shipments", status=404)
    assert guest.ask("GET", f"orders/{order_id}/shipments?token={token}")["items"] == [parcel]


def test_two_consignments_are_two_parcels_of_one_order(
    shop: Shop, arrive: Arrive, staff: Staff
) -> None:
    isbn = staff.new_book(dimensions={"weight_g": 15_000})
    anna = arrive("anna")
    anna.add(isbn, 2)
    order_id = anna.buy()["order_id"]
    boxes = labelled(anna, order_id)
    assert [one["number"] for one in boxes] == [1, 2]
    assert len({one["tracking_number"] for one in boxes}) == 2
    advance_clock(shop, "P6D")
    order = order_until(anna, order_id, lambda found: found["status"] == "delivered")
    told = [
        (entry["kind"], entry["detail"]["consignment"])
        for entry in order["timeline"]
        if entry["kind"] in ("dispatched", "delivered")
    ]
    assert Counter(told) == Counter(
        (kind, f"{number} of 2") for kind in ("dispatched", "delivered") for number in (1, 2)
    )


def test_a_lost_parcel_is_told_and_its_money_given_back(
    shop: Shop, arrive: Arrive, staff: Staff, post: Post
) -> None:
    anna = arrive("anna")
    order_id = anna.buy(staff.new_book())["order_id"]
    [parcel] = labelled(anna, order_id)
    post.decide(parcel["tracking_number"], "lost")
    advance_clock(shop, "P9D")
    order = order_until(anna, order_id, lambda found: "shipment_failed" in kinds(found))
    assert order["timeline"][-1]["detail"]["reason"] == "lost"
    [shown] = staff.shipments(order_id)
    assert (shown["state"], shown["reason"]) == ("failed", "lost")
    total = order["total"]["amount"]
    assert staff.refund(order_id, f"lost-{order_id}", amount=total).status_code == 202
    order = order_until(anna, order_id, lambda found: found["status"] == "refunded")
    assert order["refunded"]["amount"] == total


def test_a_parcel_that_nobody_took_comes_back(
    shop: Shop, arrive: Arrive, staff: Staff, post: Post
) -> None:
    anna = arrive("anna")
    order_id = anna.buy(staff.new_book())["order_id"]
    [parcel] = labelled(anna, order_id)
    post.decide(parcel["tracking_number"], "returned")
    advance_clock(shop, "P9D")
    order = order_until(anna, order_id, lambda found: "shipment_failed" in kinds(found))
    assert order["timeline"][-1]["detail"]["reason"] == "returned"
    assert parcels(anna, order_id)[0]["state"] == "returned"


def test_an_address_where_nothing_is_sent_to_is_told_at_checkout(
    shop: Shop, arrive: Arrive, staff: Staff
) -> None:
    guest, isbn = arrive(), staff.new_book()
    rates = guest.ask("GET", "shipping/rates?country=KP")
    assert (rates["served"], rates["items"]) == (False, [])
    far = {**ADDRESS, "country": "KP", "city": "Pyongyang"}
    rejected = guest.follow(guest.start(isbn, shipping_address=far).json(), "rejected")
    [difference] = rejected["differences"]
    assert (difference["reason"], difference["line"]) == ("not_served", None)
    assert staff.available(isbn) == 5


def test_webhooks_that_come_twice_and_out_of_order_tell_each_step_once(
    shop: Shop, arrive: Arrive, staff: Staff, post: Post
) -> None:
    anna = arrive("anna")
    with post.turned("webhooks", duplicate=1, reorder=1, seed=7):
        order_id = anna.buy(staff.new_book())["order_id"]
        labelled(anna, order_id)
        advance_clock(shop, "P9D")
        order = order_until(anna, order_id, lambda found: found["status"] == "delivered")
    told = [kind for kind in kinds(order) if kind in TO_THE_DOOR]
    assert told == [kind for kind in TO_THE_DOOR if kind in told]
    assert {"dispatched", "delivered"} <= set(told)


def test_a_carrier_without_webhooks_is_asked(
    shop: Shop, arrive: Arrive, staff: Staff, post: Post
) -> None:
    anna = arrive("anna")
    with post.turned("webhooks", drop=1):
        order_id = anna.buy(staff.new_book())["order_id"]
        [parcel] = labelled(anna, order_id)
        advance_clock(shop, "P9D")
        order_until(anna, order_id, lambda found: found["status"] == "delivered")
        assert post.taken(parcel["tracking_number"]) == []


def test_a_carrier_that_is_down_for_an_hour_is_waited_for(
    shop: Shop, arrive: Arrive, staff: Staff, post: Post
) -> None:
    anna = arrive("anna")
    with post.turned("faults", kind="down"):
        order_id = anna.buy(staff.new_book())["order_id"]
        until(lambda: parcels(anna, order_id), lambda found: len(found) == 1)
        advance_clock(shop, "PT1H")
        [parcel] = parcels(anna, order_id)
        assert (parcel["state"], parcel["tracking_number"]) == ("created", None)
        assert anna.order(order_id)["status"] == "placed"
    labelled(anna, order_id)
    order = order_until(anna, order_id, lambda found: "label_bought" in kinds(found))
    assert kinds(order).count("shipment_created") == kinds(order).count("label_bought") == 1


def test_the_carriers_webhook_is_closed_to_strangers(arrive: Arrive) -> None:
    said = {"id": "evt_1", "description": "tracker.updated", "result": {}}
    refused = arrive().call("POST", "webhooks/carrier", said)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (
        400,
        "bad-signature",
    )


def test_events_of_one_order_stay_in_order_while_sixteen_are_handled_at_once(
    shop: Shop, arrive: Arrive, staff: Staff
) -> None:
    isbn = staff.new_book(stock=20)
    guests = [arrive(f"guest {number}") for number in range(16)]
    bought = at_once([lambda guest=guest: guest.buy(isbn)["order_id"] for guest in guests])
    days = [date(2030, 1, 1) + timedelta(days=number) for number in range(10)]
    announce_all(
        shop,
        shipping.TOPIC,
        [
            (
                uuid4().hex,
                order_id,
                ShipmentDelayed(
                    order_id=order_id,
                    shipment_id="s",
                    at="2026-01-02T03:04:05Z",
                    carrier="c",
                    tracking_number="t",
                    expected=day,
                ),
            )
            for day in days
            for order_id in bought
        ],
    )
    for guest, order_id in zip(guests, bought, strict=True):
        order = order_until(guest, order_id, lambda one: kinds(one).count("delayed") == 10)
        told = [
            entry["detail"]["expected"] for entry in order["timeline"] if entry["kind"] == "delayed"
        ]
        assert told == [day.isoformat() for day in days]
