"""What checkout asks shipping, and what shipping announces (topic `shipping`, session: the order's
id)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Payload
from shared.contracts.orders import Delivery
from shared.kit.money import Money

TOPIC = "shipping"


class Parcel(BaseModel):
    """What is to be sent: total weight in grams, packing included, and the goods' value."""

    model_config = ConfigDict(frozen=True)

    weight_grams: int
    value: Money


class Rate(BaseModel):
    """`method` is `standard` or `express`; the dates are promised in the destination's calendar."""

    model_config = ConfigDict(frozen=True)

    method: str
    name: str
    price: Money
    earliest: date
    latest: date


class Rates(Protocol):
    def rates(self, country: str, postcode: str, parcel: Parcel) -> Sequence[Rate]:
        """Empty where nothing is sent to."""
        ...


class Addresses(Protocol):
    def address(self, customer_id: str, address_id: str) -> Delivery | None:
        """One of the customer's own; None for any other."""
        ...


class Voids(Protocol):
    def void(self, order_id: str) -> bool:
        """Stops the order's shipments; False once any is dispatched. Before there are any it leaves
        a tombstone, so that none will be made. May be repeated."""
        ...


class _ShipmentEvent(Payload):
    order_id: str
    shipment_id: str
    at: datetime


class ShipmentCreated(_ShipmentEvent):
    """`consignments` is how many the order is sent in."""

    kind: ClassVar[str] = "shipment.created"

    consignments: int


class ShipmentDispatched(_ShipmentEvent):
    kind: ClassVar[str] = "shipment.dispatched"

    carrier: str
    tracking_number: str
    remaining: int
    """How many of the order's consignments are not dispatched yet."""


class ShipmentDelivered(_ShipmentEvent):
    kind: ClassVar[str] = "shipment.delivered"

    remaining: int


class ShipmentFailed(_ShipmentEvent):
    """Lost or returned: `reason` says which."""

    kind: ClassVar[str] = "shipment.failed"

    reason: str
