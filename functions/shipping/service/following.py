"""What a carrier tells of a consignment, made into its state: onwards alone, whatever comes late,
twice or in any order."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from functions.shipping.ports import Transaction
from functions.shipping.service.announcing import (
    announce_delayed,
    announce_delivered,
    announce_dispatched,
    announce_failed,
    announce_in_transit,
    announce_label,
    announce_out_for_delivery,
)
from functions.shipping.shipment_model import (
    STEPS,
    UNDER_WAY,
    Label,
    Scan,
    Shipment,
    State,
    Tracking,
)
from shared.kit.texts import shortened
from shared.telemetry import get_logger

log = get_logger("shipping")

_ENDS: frozenset[State] = frozenset({"delivered", "failed", "returned"})
_LOOKS = tuple(timedelta(hours=hours) for hours in (3, 6, 12, 24))
"""How long a silent consignment is left alone: ever longer, and from then on daily."""


def labelled(transaction: Transaction, shipment: Shipment, label: Label) -> None:
    """Records a bought label, once; one that came too late is given back soon."""
    order = transaction.orders.claim(shipment.order_id)
    moved = transaction.shipments.move(
        shipment.id,
        "created",
        "label_bought",
        carrier=shortened(label.carrier, 60),
        tracker=label.tracker,
        tracking_number=label.tracking_number,
        tracking_url=label.tracking_url,
        label_url=label.label_url,
        expected=label.expected,
    )
    if moved:
        announce_label(transaction, _found(transaction, shipment.id))
    if order is not None and order.voided_at is not None:
        transaction.shipments.change(shipment.id, due_at=transaction.now)


def refused(transaction: Transaction, shipment: Shipment, why: str) -> None:
    """No carrier takes it: people have to look."""
    transaction.orders.claim(shipment.order_id)
    values = {"reason": "refused", "ended_at": transaction.now, "due_at": None}
    if transaction.shipments.move(shipment.id, "created", "failed", **values):
        announce_failed(transaction, shipment, transaction.now, "refused")
        log.error("shipment.refused", shipment_id=shipment.id, reason=why)


def follow(transaction: Transaction, shipment_id: str, tracking: Tracking) -> bool:
    """Applies what the carrier shows; False where it says nothing new."""
    known = _found(transaction, shipment_id)
    transaction.orders.claim(known.order_id)
    shipment = _found(transaction, shipment_id)
    is_news = transaction.shipments.note(shipment_id, tracking.scans) > 0
    for place, scan in enumerate(tracking.scans, 1):
        shipment = _step(transaction, shipment, scan, is_last=place == len(tracking.scans))
    if tracking.expected is not None and tracking.scans:
        is_news |= _expect(transaction, shipment, tracking)
    if is_news and not shipment.is_voided:  # else its label is still to be given back
        due_at = next_look(replace(shipment, silent=0), transaction.now)
        transaction.shipments.change(shipment_id, silent=0, due_at=due_at)
    return is_news


def next_look(shipment: Shipment, now: datetime) -> datetime | None:
    """When the carrier is to be asked again; None where there is nothing to ask."""
    if shipment.state in _ENDS or shipment.is_voided:
        return None
    if shipment.state == "created":
        return now
    return now + _LOOKS[min(shipment.silent, len(_LOOKS) - 1)]


def _step(transaction: Transaction, shipment: Shipment, scan: Scan, *, is_last: bool) -> Shipment:
    after = scan.state
    if after is None or after not in STEPS[shipment.state]:
        return shipment
    if after in ("failed", "returned") and not is_last:
        return shipment  # the carrier has found it since
    leaves = shipment.dispatched_at is None and after != "failed"
    if leaves and not transaction.orders.dispatch(shipment.order_id):
        log.error("shipment.left_though_voided", shipment_id=shipment.id)
        return shipment
    values: dict[str, object] = {"reason": scan.reason} if scan.reason else {}
    if leaves:
        values["dispatched_at"] = scan.at
    if after in _ENDS:
        values["ended_at"] = scan.at
    if not transaction.shipments.move(shipment.id, shipment.state, after, **values):
        return _found(transaction, shipment.id)
    moved = _found(transaction, shipment.id)
    if leaves:
        announce_dispatched(transaction, moved, scan.at)
    _ANNOUNCE[after](transaction, moved, scan.at)
    return moved


def _delivered(transaction: Transaction, shipment: Shipment, at: datetime) -> None:
    transaction.orders.deliver(shipment.order_id)
    announce_delivered(transaction, shipment, at)


def _failed(transaction: Transaction, shipment: Shipment, at: datetime) -> None:
    reason = shipment.reason or "lost"
    log.warning("shipment.failed", shipment_id=shipment.id, reason=reason)
    announce_failed(transaction, shipment, at, reason)


def _nothing_more(transaction: Transaction, shipment: Shipment, at: datetime) -> None:
    """`shipment.dispatched` is announced by whatever step leaves the shop first."""


_ANNOUNCE: Mapping[State, Callable[[Transaction, Shipment, datetime], None]] = {
    "dispatched": _nothing_more,
    "in_transit": announce_in_transit,
    "out_for_delivery": announce_out_for_delivery,
    "delivered": _delivered,
    "failed": _failed,
    "returned": _failed,
}


def _expect(transaction: Transaction, shipment: Shipment, tracking: Tracking) -> bool:
    """Keeps the carrier's estimate, and tells where it is later than what was said last."""
    day, said = tracking.expected, shipment.expected or shipment.promised_by
    if day is None or day == said or shipment.state not in UNDER_WAY:
        return False
    transaction.shipments.expect(shipment.id, day)
    if said is not None and day > said:
        announce_delayed(transaction, shipment, tracking.scans[-1].at, day)
    return True


def _found(transaction: Transaction, shipment_id: str) -> Shipment:
    found = transaction.shipments.find(shipment_id)
    assert found is not None
    return found
