"""What checkout asks shipping, and what shipping announces (topic `shipping`, session: the order's
id)."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.catalogue import BookQuote
from shared.contracts.envelope import Payload
from shared.contracts.orders import Delivery
from shared.kit.money import Currency, Money

TOPIC = "shipping"


PACKING_GRAMS = 60
"""A cardboard wrapper; heavier packing comes with heavier books and is left out."""


class Parcel(BaseModel):
    """What is to be sent: total weight in grams, packing included, and the value of all goods, the
    downloaded ones too. A weight of 0 says that nothing is to be sent."""

    model_config = ConfigDict(frozen=True)

    weight_grams: Annotated[int, Field(ge=0)]
    value: Money

    @classmethod
    def of(cls, lines: Iterable[tuple[BookQuote, int]], currency: Currency) -> "Parcel":
        """Of books and how many copies of each, all priced in `currency`."""
        weight = value = 0
        for quote, quantity in lines:
            weight += quote.shipping_grams * quantity
            value += quote.price.amount * quantity
        packed = weight + PACKING_GRAMS if weight else 0
        return cls(weight_grams=packed, value=Money(amount=value, currency=currency))


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

    def addresses(self, customer_id: str) -> Sequence[Delivery]:
        """All of the customer's, the default first; for an export."""
        ...

    def erase(self, customer_id: str) -> None:
        """Deletes all of the customer's; may be repeated."""
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


class ShipmentOutForDelivery(_ShipmentEvent):
    kind: ClassVar[str] = "shipment.out_for_delivery"


class ShipmentDelayed(_ShipmentEvent):
    """`expected` is the day that the carrier names now, if it names one."""

    kind: ClassVar[str] = "shipment.delayed"

    expected: date | None = None


class ShipmentDelivered(_ShipmentEvent):
    kind: ClassVar[str] = "shipment.delivered"

    remaining: int


class ShipmentFailed(_ShipmentEvent):
    """Lost or returned: `reason` says which."""

    kind: ClassVar[str] = "shipment.failed"

    reason: str
