"""How parcels move: a plan of steps in business time; each becomes a scan when it is due."""

import json
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from sandbox.carrier.state import Body, Transaction, new_id, written

Fate = Literal["arrives", "lost", "damaged", "delayed", "returned"]
FATES: tuple[str, ...] = get_args(Fate)
REORDERED_WITHIN_SECONDS = 1.5
_LATE_DAYS = 3
_AT_ONCE = 100
_DUE = "SELECT id, tracker, due, said FROM steps WHERE due <= :now ORDER BY due, id LIMIT :count"
_DUE_OF_ONE = (
    "SELECT id, tracker, due, said FROM steps WHERE due <= :now AND tracker = :tracker"
    " ORDER BY due, id LIMIT :count"
)


@dataclass(frozen=True, slots=True)
class Step:
    status: str
    detail: str
    message: str
    city: str | None = None
    expected: str | None = None
    """The estimate from now on, where it changes."""


def plan(transaction: Transaction, tracker: Body, days: int, fate: str) -> None:
    """Replaces what has not happened yet; `days` is how long the way takes from the label on."""
    transaction.sql.execute("DELETE FROM steps WHERE tracker = ?", (tracker["id"],))
    begun = datetime.fromisoformat(tracker["created_at"])
    seen = {detail["status_detail"] for detail in tracker["tracking_details"]}
    for due, step in _way(begun, days, fate):
        if step.detail not in seen:
            transaction.sql.execute(
                "INSERT INTO steps (tracker, due, said) VALUES (?, ?, ?)",
                (tracker["id"], written(max(due, transaction.now)), json.dumps(asdict(step))),
            )


def move_along(transaction: Transaction, tracker: str | None = None) -> bool:
    """Makes the next steps that are due, of one parcel or of all, in their order; True where there
    may be more. It is not all at once, so that callers need not wait for thousands of parcels."""
    rows = transaction.sql.execute(
        _DUE if tracker is None else _DUE_OF_ONE,
        {"now": written(transaction.now), "tracker": tracker, "count": _AT_ONCE},
    ).fetchall()
    for row in rows:
        body = transaction.tracker(row["tracker"])
        assert body is not None
        _happen(body, row["due"], Step(**json.loads(row["said"])))
        transaction.put_tracker(body)
        transaction.sql.execute("DELETE FROM steps WHERE id = ?", (row["id"],))
        tell(transaction, body)
    return len(rows) == _AT_ONCE


def tell(transaction: Transaction, tracker: Body) -> None:
    """Records an event with the tracker as it is now, and a delivery of it unless knobs say no."""
    event = {
        "id": new_id("evt"),
        "object": "Event",
        "mode": "test",
        "description": "tracker.updated",
        "created_at": written(transaction.now),
        "updated_at": written(transaction.now),
        "previous_attributes": {},
        "pending_urls": [],
        "completed_urls": [],
        "result": tracker,
    }
    knobs, chance, now = transaction.knob("webhooks", {}), transaction.chance, time.time()
    for _ in range(2 if chance.random() < knobs.get("duplicate", 0) else 1):
        dropped = chance.random() < knobs.get("drop", 0)
        late = chance.random() < knobs.get("reorder", 0)
        transaction.sql.execute(
            "INSERT INTO deliveries (tracker, created, due, state, body) VALUES (?, ?, ?, ?, ?)",
            (
                tracker["id"],
                now,
                now + (chance.uniform(0, REORDERED_WITHIN_SECONDS) if late else 0),
                "dropped" if dropped else "waiting",
                json.dumps(event),
            ),
        )


def arrival(begun: datetime, days: int) -> datetime:
    """When a parcel is delivered with which nothing goes wrong: before noon, and no sooner than a
    day after its label."""
    last = (begun + timedelta(days=days)).replace(hour=11, minute=20, second=0, microsecond=0)
    return last if last - begun >= timedelta(days=1) else last + timedelta(days=1)


def _way(begun: datetime, days: int, fate: str) -> list[tuple[datetime, Step]]:
    """Details say which step it is, so no two steps of a way have the same."""
    first = begun + timedelta(hours=4)
    last = arrival(begun, days)
    late = last + timedelta(days=_LATE_DAYS)
    way = [
        (first, Step("in_transit", "package_accepted", "Accepted by the carrier", "London")),
        (
            first + timedelta(hours=6),
            Step("in_transit", "departed_origin_facility", "Departed the depot", "London"),
        ),
        (
            first + timedelta(hours=14),
            Step("in_transit", "arrived_at_facility", "Arrived at the sorting centre"),
        ),
    ]
    if fate == "lost":
        return [*way, (late, Step("failure", "lost", "The parcel cannot be found"))]
    if fate == "damaged":
        return [*way, (last, Step("failure", "damaged", "The parcel was damaged"))]
    if fate == "delayed":
        step = Step("in_transit", "delayed", "Held up", expected=written(late))
        way.append((first + timedelta(hours=15), step))
        last = late
    out = Step("out_for_delivery", "out_for_delivery", "On the van")
    way.append((last - timedelta(hours=4), out))
    if fate == "returned":
        step = Step("return_to_sender", "return", "Nobody took it; it was sent back")
        return [*way, (last + timedelta(days=1), step)]
    return [*way, (last, Step("delivered", "arrived_at_destination", "Delivered"))]


def _happen(tracker: Body, due: str, step: Step) -> None:
    tracker["status"], tracker["status_detail"] = step.status, step.detail
    tracker["updated_at"] = due
    if step.expected is not None:
        tracker["est_delivery_date"] = step.expected
    if step.status == "delivered":
        tracker["signed_by"] = "A. Reader"
    tracker["tracking_details"].append(scan(due, step))


def scan(moment: str, step: Step) -> Body:
    return {
        "object": "TrackingDetail",
        "message": step.message,
        "description": "",
        "status": step.status,
        "status_detail": step.detail,
        "datetime": moment,
        "source": "SandboxPost",
        "carrier_code": "",
        "tracking_location": {
            "object": "TrackingLocation",
            "city": step.city,
            "state": None,
            "country": None,
            "zip": None,
        },
    }
