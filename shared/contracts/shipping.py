"""What checkout asks shipping, and what shipping announces (topic `shipping`, session: the order's
id)."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.catalogue import BookQuote
from shared.contracts.envelope import Payload
from shared.contracts.orders import Delivery
from shared.kit.isbn import Isbn
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


class ShipmentLine(BaseModel):
    """Copies of one of the order's lines that lie in a consignment."""

    model_config = ConfigDict(frozen=True)

    line: int
    isbn: Isbn
    quantity: Annotated[int, Field(ge=1, le=99)]


class _ShipmentEvent(Payload):
    """About one consignment, the `number`th of the order's `consignments`. `at` is when it happened
    there, which may be long before it became known. Of one order the events come in order."""

    order_id: str
    shipment_id: str
    at: datetime
    number: int = 1
    consignments: int = 1


class ShipmentCreated(_ShipmentEvent):
    """It waits for its label. `promised_by` is the day that the shopper was told at checkout."""

    kind: ClassVar[str] = "shipment.created"
    told = ("order_id", "shipment_id", "number", "consignments", "lines")

    lines: tuple[ShipmentLine, ...] = ()
    promised_by: date | None = None


class _Tracked(_ShipmentEvent):
    """`tracking_url` is the carrier's own page, where it has one."""

    carrier: str
    tracking_number: str
    tracking_url: str | None = None


class ShipmentLabelBought(_Tracked):
    """It can be handed over; an order can still be cancelled."""

    kind: ClassVar[str] = "shipment.label_bought"
    told = ("order_id", "shipment_id", "carrier")


class ShipmentDispatched(_Tracked):
    """The carrier has it. Always told before what comes later, even where the carrier did not."""

    kind: ClassVar[str] = "shipment.dispatched"
    told = ("order_id", "shipment_id", "carrier", "remaining")

    remaining: int
    """How many of the order's consignments are not dispatched yet."""
    lines: tuple[ShipmentLine, ...] = ()
    expected: date | None = None
    """When it should be there: the carrier's estimate, else what was promised."""


class ShipmentInTransit(_Tracked):
    """Scanned on its way, for the first time."""

    kind: ClassVar[str] = "shipment.in_transit"


class ShipmentOutForDelivery(_Tracked):
    kind: ClassVar[str] = "shipment.out_for_delivery"


class ShipmentDelayed(_Tracked):
    """The carrier expects it later than was last said: once for each later day."""

    kind: ClassVar[str] = "shipment.delayed"
    told = ("order_id", "shipment_id", "carrier", "expected")

    expected: date


class ShipmentDelivered(_ShipmentEvent):
    kind: ClassVar[str] = "shipment.delivered"
    told = ("order_id", "shipment_id", "remaining")

    remaining: int
    """How many are not delivered yet; those that were lost or returned stay counted."""


class ShipmentFailed(_ShipmentEvent):
    """It will not arrive, and nothing is refunded by itself. `reason`: `lost`, `damaged`,
    `returned` to the shop, or `refused`, where no carrier takes it. A lost one may be returned
    later."""

    kind: ClassVar[str] = "shipment.failed"
    told = ("order_id", "shipment_id", "reason")

    reason: str
    lines: tuple[ShipmentLine, ...] = ()
