"""Orders and the checkout that leads to them: statuses, limits, errors.

    AppError
    ├── NotFound
    │   ├── UnknownCheckout     404  also where it is somebody else's
    │   └── UnknownOrder        404
    ├── BadInput
    │   ├── NothingToBuy        400  no items, and no cart with any
    │   └── UnknownAddress      400
    ├── Conflict
    │   ├── AlreadyDispatched   409
    │   ├── CannotBeCancelled   409
    │   └── RefundTooLarge      409  more than was captured and not yet given back
    └── TooManyCheckouts        429  open ones, or starts in a short time

One order row is the only truth about a checkout's status. Each change is one conditional UPDATE
that names the status it leaves, so of two that race one finds no row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.contracts.orders import Delivery
from shared.contracts.payments import LARGEST_AMOUNT
from shared.kit.errors import AppError, BadInput, Conflict, NotFound
from shared.kit.isbn import Isbn, parse_isbn
from shared.kit.money import Currency, Money
from shared.kit.texts import storable

OrderStatus = Literal[
    "validating",
    "reserving",
    "awaiting_payment",
    "confirming",
    "closing",
    "placed",
    "partly_dispatched",
    "dispatched",
    "delivered",
    "cancelling",
    "cancelled",
    "refunded",
    "rejected",
    "expired",
]
CheckoutStatus = Literal[
    "validating",
    "reserving",
    "awaiting_payment",
    "confirming",
    "confirmed",
    "rejected",
    "cancelled",
    "expired",
]
EndReason = Literal["cancelled", "time_limit", "payment_failed", "replaced", "out_of_stock"]

STEPS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    "validating": frozenset({"reserving", "rejected", "cancelled"}),
    "reserving": frozenset({"awaiting_payment", "rejected", "cancelled"}),
    "awaiting_payment": frozenset({"confirming", "closing"}),
    "confirming": frozenset({"placed", "cancelled"}),
    "closing": frozenset({"cancelled", "expired"}),
    "placed": frozenset({"partly_dispatched", "dispatched", "cancelling", "refunded"}),
    "partly_dispatched": frozenset({"dispatched", "refunded"}),
    "dispatched": frozenset({"delivered", "refunded"}),
    "delivered": frozenset({"refunded"}),
    "cancelling": frozenset({"placed", "cancelled"}),
    "cancelled": frozenset(),
    "refunded": frozenset(),
    "rejected": frozenset(),
    "expired": frozenset(),
}
"""Which status may follow which; nothing else ever happens."""

OPEN: frozenset[OrderStatus] = frozenset(
    {"validating", "reserving", "awaiting_payment", "confirming", "closing"}
)
"""A checkout that is under way: it may hold copies, or money."""
COUNTED: frozenset[OrderStatus] = OPEN - {"closing"}
"""Of these a buyer may have `MOST_OPEN`; one that closes is ended as far as he can tell."""
CLOSED_UNPAID: frozenset[OrderStatus] = frozenset({"cancelled", "expired", "rejected"})
"""Money that comes for one of these goes back in full."""
PLACED: frozenset[OrderStatus] = frozenset(
    {"placed", "partly_dispatched", "dispatched", "delivered", "cancelling", "refunded"}
)

SETTLED: frozenset[OrderStatus] = frozenset(
    {"dispatched", "delivered", "cancelled", "refunded", "rejected", "expired"}
)
"""Nothing is left to do for which it has to be known who the buyer is."""

PAYMENT_LIMIT = timedelta(minutes=30)
HELD_BEYOND = timedelta(minutes=15)
"""How much longer than the payment limit copies are held."""
MOST_OPEN = 3
MOST_STARTS = 10
STARTS_WITHIN = timedelta(minutes=10)
MOST_LINES = 100


class UnknownCheckout(NotFound):
    kind: ClassVar[str] = "unknown-checkout"
    title: ClassVar[str] = "There is no such checkout"


class UnknownOrder(NotFound):
    kind: ClassVar[str] = "unknown-order"
    title: ClassVar[str] = "There is no such order"


class NothingToBuy(BadInput):
    kind: ClassVar[str] = "nothing-to-buy"
    title: ClassVar[str] = "There is nothing to buy"


class UnknownAddress(BadInput):
    kind: ClassVar[str] = "unknown-address"
    title: ClassVar[str] = "There is no such address"


class AlreadyDispatched(Conflict):
    kind: ClassVar[str] = "already-dispatched"
    title: ClassVar[str] = "The order is on its way"


class CannotBeCancelled(Conflict):
    kind: ClassVar[str] = "cannot-be-cancelled"
    title: ClassVar[str] = "The order cannot be cancelled any more"


class RefundTooLarge(Conflict):
    kind: ClassVar[str] = "refund-too-large"
    title: ClassVar[str] = "There is less to give back"


class TooManyCheckouts(AppError):
    status: ClassVar[int] = 429
    kind: ClassVar[str] = "too-many-checkouts"
    title: ClassVar[str] = "There are too many checkouts"


class IllegalStep(Exception):
    """A step that `STEPS` does not know: a fault in our own code."""


def check_step(before: OrderStatus, after: OrderStatus) -> None:
    if after not in STEPS[before]:
        raise IllegalStep(f"{before} -> {after}")


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Item(Record):
    """`price` is what the buyer saw; where it is given, another price ends the checkout."""

    isbn: Annotated[Isbn, BeforeValidator(lambda text: parse_isbn(str(text)))]
    quantity: Annotated[int, Field(strict=True, ge=1, le=99)]
    price: Money | None = None


class Line(Record):
    """One line of an order; all amounts are minor units of its currency, tax included."""

    line: int
    isbn: Isbn
    title: str
    format: str
    quantity: int
    unit_price: int
    tax_rate: int
    """Basis points: 2000 is twenty per cent."""
    tax: int
    weight_grams: int
    refunded_quantity: int = 0


class Difference(Record):
    """Why a line, or the delivery, cannot be bought as asked."""

    line: int | None
    isbn: Isbn | None
    reason: Literal[
        "unknown",
        "withdrawn",
        "not_yet_on_sale",
        "not_enough",
        "price_changed",
        "not_served",
        "no_such_method",
        "over_limit",
    ]
    available: int | None = None
    price: Money | None = None


class Order(Record):
    """An order as stored. `version` moves with each change."""

    id: str
    number: str
    status: OrderStatus
    version: int
    customer_id: str | None
    cart_id: str | None
    email: str | None
    locale: str
    delivery: Delivery | None
    country: str
    postcode: str
    shipping_method: str
    currency: Currency
    items_total: int
    shipping_total: int
    tax_total: int
    total: int
    captured: int
    refund_requested: int
    refunded: int
    payment_state: Literal["none", "requested", "captured", "cancelled", "failed"]
    cancel_requested: bool
    end_reason: EndReason | None
    differences: tuple[Difference, ...]
    created_at: datetime
    updated_at: datetime
    pay_until: datetime
    placed_at: datetime | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Happened:
    """One entry of an order's timeline."""

    at: datetime
    kind: str
    detail: Mapping[str, Any]


class Refund(Record):
    id: str
    amount: int
    reason: str
    state: Literal["requested", "succeeded", "failed"]
    created_at: datetime


class RefundLine(Record):
    line: Annotated[int, Field(strict=True, ge=1, le=MOST_LINES)]
    quantity: Annotated[int, Field(strict=True, ge=1, le=99)]


class RefundRequest(Record):
    """An amount, or lines at the price that was paid for them."""

    amount: Annotated[int | None, Field(strict=True, ge=1, le=LARGEST_AMOUNT)] = None
    lines: Annotated[tuple[RefundLine, ...], Field(max_length=MOST_LINES)] = ()
    reason: Annotated[str, Field(min_length=1, max_length=200), storable(200)]

    @model_validator(mode="after")
    def _one_of_both(self) -> "RefundRequest":
        if (self.amount is None) == (not self.lines):
            raise ValueError("say an amount, or lines, and not both")
        if len({line.line for line in self.lines}) < len(self.lines):
            raise ValueError("names a line twice")
        return self


def shown_status(order: Order, *, payable: bool) -> CheckoutStatus:
    """As its buyer sees the checkout; `payable`: there is something to pay with."""
    status = order.status
    if status == "awaiting_payment":
        return "awaiting_payment" if payable else "reserving"
    if status == "closing":
        return "expired" if order.end_reason == "time_limit" else "cancelled"
    if status in PLACED:
        return "confirmed"
    if status == "cancelled" and order.placed_at is not None:
        return "confirmed"
    shown: dict[str, CheckoutStatus] = {
        "validating": "validating",
        "reserving": "reserving",
        "confirming": "confirming",
        "cancelled": "cancelled",
        "rejected": "rejected",
        "expired": "expired",
    }
    return shown[status]
