"""Consignments: how an order is split into them, and how one goes from the shelf to the door.

AppError
├── UnknownOrder         404  also where it is somebody else's
└── BadSignature         400  a webhook that the carrier did not sign

CarrierError
├── CarrierRefused            for good: it takes no such parcel, or knows no such thing
└── CarrierUnavailable        no answer, or none that says yes or no; to be asked again
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from functions.shipping.tariff import HEAVIEST_GRAMS
from shared.contracts.envelope import Payload
from shared.contracts.orders import Delivery, OrderLine
from shared.contracts.shipping import PACKING_GRAMS, ShipmentLine
from shared.kit.errors import BadInput, NotFound
from shared.kit.isbn import Isbn

State = Literal[
    "created",
    "label_bought",
    "dispatched",
    "in_transit",
    "out_for_delivery",
    "delivered",
    "failed",
    "returned",
]
Reason = Literal["lost", "damaged", "returned", "refused"]

_ORDER: tuple[State, ...] = (
    "label_bought",
    "dispatched",
    "in_transit",
    "out_for_delivery",
    "delivered",
    "failed",
    "returned",
)
STEPS: Mapping[State, frozenset[State]] = {
    "created": frozenset({"label_bought", "failed"}),
    "label_bought": frozenset(_ORDER[1:]),
    "dispatched": frozenset(_ORDER[2:]),
    "in_transit": frozenset(_ORDER[3:]),
    "out_for_delivery": frozenset(_ORDER[4:]),
    "failed": frozenset({"returned"}),
    "delivered": frozenset(),
    "returned": frozenset(),
}
"""Which state may follow which. A carrier may leave scans out, so states can be skipped; none ever
comes again, whatever is told late or twice."""

UNDER_WAY: frozenset[State] = frozenset({"dispatched", "in_transit", "out_for_delivery"})
CARRIER_EVENTS = "carrier-events"
"""The queue from this service's webhook to itself."""


class UnknownOrder(NotFound):
    kind = "unknown-order"
    title = "There is no such order"

    def __init__(self) -> None:
        super().__init__("There is no such order among yours.")


class BadSignature(BadInput):
    kind = "bad-signature"
    title = "The webhook is not signed by the carrier"

    def __init__(self) -> None:
        super().__init__("The signature does not fit the body.")


class IllegalStep(Exception):
    """A step that `STEPS` does not know: a fault in our own code."""


class CarrierError(Exception):
    pass


class CarrierRefused(CarrierError):
    pass


class CarrierUnavailable(CarrierError):
    pass


def check_step(before: State, after: State) -> None:
    if after not in STEPS[before]:
        raise IllegalStep(f"{before} -> {after}")


@dataclass(frozen=True, slots=True)
class Content:
    """Copies of one line in a consignment; `unit_price` in minor units, `weight_grams` of one."""

    line: int
    isbn: Isbn
    quantity: int
    unit_price: int
    weight_grams: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """One consignment. `carrier_id` is the carrier's name for it before it has a label, `tracker`
    that of its tracking. `is_voided`: the order is not to be sent any more."""

    id: str
    order_id: str
    number: int
    consignments: int
    state: State
    reason: str | None
    method: str
    country: str
    currency: str
    weight_grams: int
    promised_by: date | None
    expected: date | None
    carrier: str | None
    carrier_id: str | None
    tracker: str | None
    tracking_number: str | None
    tracking_url: str | None
    label_url: str | None
    created_at: datetime
    dispatched_at: datetime | None
    ended_at: datetime | None
    tries: int
    silent: int
    is_voided: bool
    contents: tuple[Content, ...]

    def lines(self) -> tuple[ShipmentLine, ...]:
        return tuple(
            ShipmentLine(line=one.line, isbn=one.isbn, quantity=one.quantity)
            for one in self.contents
        )


@dataclass(frozen=True, slots=True)
class ShippedOrder:
    """An order as shipping knows it, or the tombstone of one: then without consignments."""

    order_id: str
    consignments: int
    dispatched: int
    delivered: int
    voided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A consignment as its carrier is told of it; `reference` is ours."""

    reference: str
    to: Delivery
    weight_grams: int
    contents: tuple[Content, ...]
    currency: str


@dataclass(frozen=True, slots=True)
class Label:
    carrier: str
    tracker: str
    tracking_number: str
    tracking_url: str | None
    label_url: str
    expected: date | None


@dataclass(frozen=True, slots=True)
class Scan:
    """What the carrier saw of a parcel; `state` is None where it moves nothing."""

    at: datetime
    state: State | None
    reason: Reason | None
    status: str
    message: str
    place: str


@dataclass(frozen=True, slots=True)
class Tracking:
    """All scans of a parcel, the oldest first, and when the carrier expects to deliver it."""

    scans: Sequence[Scan]
    expected: date | None


@dataclass(frozen=True, slots=True)
class Notice:
    """What a webhook says; `tracking` is None where it is about something else."""

    id: str
    kind: str
    carrier_id: str | None
    tracking: Tracking | None


class CarrierEventReceived(Payload):
    """A raw event waits in the carrier's inbox."""

    kind: ClassVar[str] = "carrier.event_received"

    event_id: str


def split(lines: Iterable[OrderLine]) -> list[tuple[Content, ...]]:
    """The consignments that an order goes in: each as full as a carrier takes it, the heaviest
    copies first. A copy that is heavier by itself goes alone; what weighs nothing is downloaded."""
    boxes: list[list[Content]] = []
    room: list[int] = []
    for line in sorted(lines, key=lambda one: (-one.weight_grams, one.line)):
        left = line.quantity if line.weight_grams > 0 else 0
        place = 0
        while left:
            if place == len(boxes):
                boxes.append([])
                room.append(HEAVIEST_GRAMS - PACKING_GRAMS)
            fits = room[place] // line.weight_grams
            count = min(left, fits if boxes[place] else max(fits, 1))
            if count > 0:
                boxes[place].append(_content(line, count))
                room[place] -= count * line.weight_grams
                left -= count
            place += 1
    return [tuple(sorted(box, key=lambda one: one.line)) for box in boxes]


def weight_of(contents: Iterable[Content]) -> int:
    """In grams, packing included."""
    return PACKING_GRAMS + sum(one.weight_grams * one.quantity for one in contents)


def _content(line: OrderLine, quantity: int) -> Content:
    return Content(line.line, line.isbn, quantity, line.unit_price, line.weight_grams)


class ShownScan(BaseModel):
    model_config = ConfigDict(frozen=True)

    at: datetime
    status: str
    message: str
    place: str


class ShownShipment(BaseModel):
    """`scans`: the oldest first. `expected`: the carrier's estimate, else what was promised."""

    model_config = ConfigDict(frozen=True)

    id: str
    number: int
    state: State
    reason: str | None
    cancelled: bool
    lines: tuple[ShipmentLine, ...]
    weight_grams: int
    carrier: str | None
    tracking_number: str | None
    tracking_url: str | None
    expected: date | None
    created_at: datetime
    dispatched_at: datetime | None
    delivered_at: datetime | None
    scans: tuple[ShownScan, ...]


class ShipmentList(BaseModel):
    """Empty until the order was placed, and for what is downloaded."""

    items: list[ShownShipment]
    next_cursor: None = None
