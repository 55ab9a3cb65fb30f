"""What checkout announces of orders, on the topic `orders` (session: the order's id), and what
others may ask it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Payload
from shared.kit.isbn import Isbn
from shared.kit.money import Currency

TOPIC = "orders"

Minor = Annotated[int, Field(ge=0, le=10**12)]
"""Minor units of the event's currency."""


class OrderLine(BaseModel):
    """`line` counts an order's lines from 1 and never changes."""

    model_config = ConfigDict(frozen=True)

    line: int
    isbn: Isbn
    quantity: Annotated[int, Field(ge=1, le=99)]
    unit_price: Minor
    weight_grams: int = 0


class OrderPlaced(Payload):
    """'Order Made': the order has its money and its copies. `cart_id` only where the lines came
    from that cart."""

    kind: ClassVar[str] = "order.placed"
    told = ("order_id", "order_number", "total", "currency", "lines", "shipping_method", "country")

    order_id: str
    order_number: str
    customer_id: str | None
    cart_id: str | None
    lines: tuple[OrderLine, ...]
    total: Minor
    currency: Currency
    shipping_method: str
    country: str
    placed_at: datetime


class OrderCancelled(Payload):
    """`after_placement`: inventory takes the lines back; before it, the saga released its hold."""

    kind: ClassVar[str] = "order.cancelled"
    told = ("order_id", "order_number", "stage", "reason", "lines")

    order_id: str
    order_number: str
    customer_id: str | None
    stage: Literal["before_placement", "after_placement"]
    reason: str
    lines: tuple[OrderLine, ...]


class OrderRefunded(Payload):
    """One refund that went through. `amount` is of this refund, `refunded` of all so far."""

    kind: ClassVar[str] = "order.refunded"
    told = ("order_id", "order_number", "refund_id", "amount", "refunded", "currency")

    order_id: str
    order_number: str
    customer_id: str | None
    refund_id: str
    amount: Minor
    refunded: Minor
    currency: Currency


class OrderLinkRequested(Payload):
    """A guest asked for the link to his order: it goes to the order's own address, nowhere else."""

    kind: ClassVar[str] = "order.link_requested"

    order_id: str
    order_number: str


class CustomerErased(Payload):
    """Whoever keeps more of the customer than an order's id forgets it. The session is a digest of
    the customer's id."""

    kind: ClassVar[str] = "customer.erased"

    customer_id: str


class Delivery(BaseModel):
    """Where an order goes: what shipping needs and no event carries."""

    model_config = ConfigDict(frozen=True)

    name: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postcode: str
    country: str


class Contact(BaseModel):
    """Whom notifications write to; erased with the customer."""

    model_config = ConfigDict(frozen=True)

    email: str
    name: str
    locale: str
    customer_id: str | None
    order_number: str


class OrderLookup(Protocol):
    """Read on the primary."""

    def delivery(self, order_id: str) -> Delivery | None:
        """None where there is no such order, or its customer was erased."""
        ...

    def contact(self, order_id: str) -> Contact | None: ...

    def lines(self, order_id: str) -> Sequence[OrderLine]: ...


class ReceiptLine(BaseModel):
    model_config = ConfigDict(frozen=True)

    line: int
    isbn: Isbn
    title: str
    format: str
    quantity: int
    unit_price: Minor


class Receipt(BaseModel):
    """An order as its buyer is told of it. `tax` is the part of `total` that is tax; `contact` and
    `delivery` are None once the customer was erased."""

    model_config = ConfigDict(frozen=True)

    order_id: str
    order_number: str
    contact: Contact | None
    delivery: Delivery | None
    lines: tuple[ReceiptLine, ...]
    items: Minor
    shipping: Minor
    tax: Minor
    total: Minor
    currency: Currency
    shipping_method: str
    placed_at: datetime | None
    is_paid: bool


class Receipts(Protocol):
    """Read on the primary."""

    def receipt(self, order_id: str) -> Receipt | None: ...

    def link(self, order_id: str) -> str:
        """A token that opens this one order to whoever holds it, until its time is over: for the
        buyer's own mailbox."""
        ...


class OrderAccess(Protocol):
    def may_see(self, order_id: str, customer_id: str | None, token: str | None) -> bool:
        """Whether the order is the customer's, or `token` a guest's valid link to it."""
        ...
