"""The carrier's webhook as strangers, and a carrier that is out of its mind, would use it."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from functions.shipping.shipment_model import CarrierEventReceived
from functions.shipping.store.tables import carrier_events, outbox, scans
from functions.shipping.triggers import webhooks
from sandbox.carrier.webhooks import sign
from shared.kit.provider import Provider
from tests.support.calls import Caller
from tests.support.shipping import Depot

Send = Callable[..., func.HttpResponse]


@pytest.fixture
def send(depot: Depot) -> Send:
    caller = Caller("shipping")
    webhooks.register(caller.api, Provider(lambda: depot.events))

    def sent(body: bytes, **headers: str) -> func.HttpResponse:
        return caller.send("shipping_carrier_webhook", body, **headers)

    return sent


@pytest.fixture
def signed(depot: Depot, send: Send) -> Send:
    def sent(body: bytes, **headers: str) -> func.HttpResponse:
        signature = sign(body, depot.sandbox.keys.webhook_secret)
        return send(body, x_hmac_signature=signature, **headers)

    return sent


def problem(answer: func.HttpResponse) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.get_body())["type"].rpartition("/")[2]


def kept(depot: Depot) -> list[Any]:
    """All that a webhook could leave behind."""
    with depot.database.primary() as connection:
        return [
            connection.execute(table.select()).all() for table in (carrier_events, outbox, scans)
        ]


def events_of(depot: Depot, order_id: str, advance: str) -> list[Any]:
    """What the carrier has to say of an order's parcel after so much time."""
    depot.sandbox.advance(advance)
    tracker = depot.one(order_id).tracker
    assert tracker is not None
    depot.carrier.track(tracker)
    return [json.loads(body) for body in depot.sandbox.events(tracker)]


def apply_all(depot: Depot) -> None:
    """What the queue brings to the webhook's own consumer."""
    with depot.database.primary() as connection:
        waiting = connection.scalars(
            carrier_events.select().where(carrier_events.c.outcome.is_(None))
        ).all()
    for event_id in waiting:
        depot.events.apply(event_id)


def wrong_signatures(secret: str, body: bytes) -> Iterator[dict[str, str]]:
    right = sign(body, secret)
    yield {}
    for text in (
        "",
        "hmac-sha256-hex=",
        right.removeprefix("hmac-sha256-hex="),
        right[:-1],
        right + "0",
        right.upper(),
        f" {right},{right}",
        "sha1=" + right.rpartition("=")[2],
        sign(body, "another secret"),
        sign(body, ""),
        sign(body + b" ", secret),
        "hmac-sha256-hex=é",
        "x" * 5000,
    ):
        yield {"x_hmac_signature": text}
    yield {"x_hmac_signature_v2": right}
    yield {"authorization": f"Bearer {right}"}


def test_a_wrong_or_missing_signature_is_refused_and_leaves_nothing(
    depot: Depot, send: Send
) -> None:
    order_id = depot.ship()
    event = events_of(depot, order_id, "P9D")[-1]
    body, before = json.dumps(event).encode(), kept(depot)
    for headers in wrong_signatures(depot.sandbox.keys.webhook_secret, body):
        assert problem(send(body, **headers)) == (400, "bad-signature"), headers
    assert kept(depot) == before
    assert depot.one(order_id).state == "label_bought"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe{}",
        b'{"id": "evt_\xc3\x28"}',
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"id": "", "description": "tracker.updated", "result": {}}',
        b'{"id": 7, "description": "tracker.updated", "result": {}}',
        b'{"id": "evt_1", "description": "tracker.updated", "result": []}',
        b'{"id": "evt_1", "description": "tracker.updated", "result": {}}',
        b'{"id": "evt_\\ud800", "description": "other", "result": {}}',
        b'{"id": "' + b"e" * 65 + b'", "description": "other", "result": {}}',
        b"[" * 200_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_signed_and_no_event_is_refused_and_leaves_nothing(
    depot: Depot, signed: Send, body: bytes
) -> None:
    assert problem(signed(body)) == (400, "bad-input")
    assert kept(depot) == [[], [], []]


def damaged(event: Any) -> Iterator[Any]:
    """Events of a parcel of ours, each with one part that nobody can read."""

    def changed(**said: Any) -> Any:
        return {**event, "result": {**event["result"], **said}}

    scan = event["result"]["tracking_details"][-1]
    yield changed(tracking_details="none")
    yield changed(est_delivery_date="tomorrow")
    yield changed(shipment_id=7)
    for moment in ("yesterday", "2026-12-01T10:00:00", "0001-01-01T00:00:00+14:00", None):
        yield changed(tracking_details=[{**scan, "datetime": moment}])
    yield changed(tracking_details=[{**scan, "status": None}])


def test_a_parcels_event_with_a_part_that_cannot_be_read_is_refused_and_leaves_nothing(
    depot: Depot, signed: Send
) -> None:
    order_id = depot.ship()
    event = events_of(depot, order_id, "P9D")[-1]
    before = kept(depot)
    for one in damaged(event):
        assert problem(signed(json.dumps(one).encode())) == (400, "bad-input"), one["result"]
    assert kept(depot) == before


def test_words_that_no_database_holds_do_not_stop_a_parcel(depot: Depot, signed: Send) -> None:
    order_id = depot.ship()
    event = events_of(depot, order_id, "P9D")[-1]
    for scan, words in zip(
        event["result"]["tracking_details"], ("\ud800", "a\x00b", "📦" * 150), strict=False
    ):
        scan["message"] = words
    assert signed(json.dumps(event).encode()).status_code == 200
    apply_all(depot)
    assert depot.one(order_id).state == "delivered"
    messages = [row.message for row in kept(depot)[2]]
    assert messages[:3] == ["?", "ab", "📦" * 100]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(depot: Depot, signed: Send) -> None:
    assert problem(signed(b"x" * (512 * 1024 + 1))) == (413, "body-too-large")
    assert kept(depot) == [[], [], []]


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "multipart/form-data"])
def test_the_signature_counts_and_not_the_content_type(
    depot: Depot, signed: Send, kind: str
) -> None:
    order_id = depot.ship()
    body = json.dumps(events_of(depot, order_id, "P9D")[-1]).encode()
    assert signed(body, content_type=kind).status_code == 200
    apply_all(depot)
    assert depot.one(order_id).state == "delivered"


def test_an_event_that_is_replayed_changes_nothing_even_after_it_was_forgotten(
    depot: Depot, signed: Send
) -> None:
    order_id = depot.ship()
    told = [json.dumps(one).encode() for one in events_of(depot, order_id, "P9D")]
    for body in told:
        assert signed(body).status_code == 200
    apply_all(depot)
    end, announced = depot.one(order_id), depot.told(order_id)
    assert end.state == "delivered"
    rows = kept(depot)
    for body in told:
        assert json.loads(signed(body).get_body()) == {"received": True}
    assert kept(depot) == rows, "an event that is known is not even kept again"
    depot.sandbox.advance("P31D")
    depot.events.forget(timedelta(days=30))
    for body in reversed(told):
        assert signed(body).status_code == 200
    apply_all(depot)
    assert depot.one(order_id) == end
    assert depot.told(order_id) == announced


def test_one_event_that_comes_sixteen_times_at_once_is_kept_and_applied_once(
    depot: Depot, signed: Send
) -> None:
    order_id = depot.ship()
    event = events_of(depot, order_id, "P9D")[-1]
    body = json.dumps(event).encode()
    with ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(signed, [body] * 16))
        assert {answer.status_code for answer in answers} == {200}
        list(crowd.map(depot.events.apply, [event["id"]] * 16))
    events, announced, _ = kept(depot)
    assert [row.outcome for row in events] == ["applied"]
    assert [row.type for row in announced].count(CarrierEventReceived.kind) == 1
    assert depot.told(order_id).count("delivered") == 1


def test_parcels_that_nobody_knows_and_statuses_that_do_not_exist_move_nothing(
    depot: Depot, signed: Send
) -> None:
    order_id = depot.ship()
    event = events_of(depot, order_id, "P9D")[-1]
    before, announced = depot.one(order_id), depot.told(order_id)
    scan = event["result"]["tracking_details"][-1]
    strangers: list[dict[str, Any]] = [
        {"shipment_id": "shp_nobody"},
        {"shipment_id": None},
        {"shipment_id": "s" * 5000},
        {"tracking_details": []},
        *(
            {"tracking_details": [{**scan, "status": status}]}
            for status in ("unknown", "pre_transit", "cancelled", "error", "teleported", "S" * 500)
        ),
    ]
    for number, said in enumerate(strangers):
        one = {**event, "id": f"evt_{number}", "result": {**event["result"], **said}}
        assert signed(json.dumps(one).encode()).status_code == 200, said
    other = {"id": "evt_other", "description": "batch.updated", "result": {"id": "batch_1"}}
    assert signed(json.dumps(other).encode()).status_code == 200
    apply_all(depot)
    after = depot.one(order_id)
    assert (after.state, after.dispatched_at, after.ended_at) == (before.state, None, None)
    assert depot.told(order_id) == announced


def test_what_ended_is_not_opened_again_by_older_or_made_up_news(
    depot: Depot, signed: Send
) -> None:
    order_id = depot.ship()
    event = events_of(depot, order_id, "P9D")[-1]
    assert signed(json.dumps(event).encode()).status_code == 200
    apply_all(depot)
    end, announced = depot.one(order_id), depot.told(order_id)
    scan = event["result"]["tracking_details"][-1]
    for number, status in enumerate(
        ("in_transit", "out_for_delivery", "failure", "return_to_sender", "delivered")
    ):
        later = {**scan, "status": status, "datetime": f"2099-01-0{number + 1}T00:00:00Z"}
        said = {**event["result"], "tracking_details": [later]}
        one = {**event, "id": f"evt_late_{number}", "result": said}
        assert signed(json.dumps(one).encode()).status_code == 200
    apply_all(depot)
    after = depot.one(order_id)
    assert (after.state, after.ended_at) == (end.state, end.ended_at)
    assert depot.told(order_id) == announced
