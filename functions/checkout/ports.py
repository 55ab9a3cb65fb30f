"""What checkout needs from outside."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

from functions.checkout.desk_model import Day, Seller, Waiting
from functions.checkout.model import Happened, Item, Line, Order, OrderStatus, Refund
from shared.contracts.envelope import Payload
from shared.contracts.orders import Delivery
from shared.kit.idempotency import Deliveries

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as its buyer asks for it; the lines are priced later."""

    id: str
    number: str
    checkout_hash: str
    customer_id: str | None
    cart_id: str | None
    replaces: str | None
    email: str
    locale: str
    delivery: Delivery
    shipping_method: str
    fingerprint: str
    currency: str
    pay_until: datetime
    items: tuple[Item, ...]


Place = tuple[datetime, str]
"""Where an order stands in its customer's list, newest first."""


class Orders(Protocol):
    """Order rows within one transaction."""

    def add(self, new: NewOrder) -> None:
        """As `validating`. Raises OpenCartTaken where the cart has an open checkout."""
        ...

    def find(self, order_id: str) -> Order | None: ...

    def claim(self, order_id: str) -> Order | None:
        """`find` for those who decide by what they see: its other writers wait until this
        transaction ends."""
        ...

    def by_checkout(self, checkout_hash: str) -> Order | None: ...

    def by_number(self, number: str, email: str) -> Order | None:
        """The email is compared without case."""
        ...

    def open_of_cart(self, cart_id: str) -> tuple[Order, str] | None:
        """With the fingerprint of what it was asked to buy and where to send it; claimed."""
        ...

    def status(self, order_id: str) -> OrderStatus | None: ...

    def replaced_by(self, order_id: str) -> str | None:
        """The order whose holds `order_id` waits for."""
        ...

    def asked(self, order_id: str) -> Sequence[Item]:
        """What the buyer asked for, with the prices that he saw."""
        ...

    def open_count(self, customer_id: str | None, cart_id: str | None) -> int:
        """Open checkouts of the customer or the cart, whichever has more; those that close are not
        counted."""
        ...

    def starts(self, customer_id: str | None, cart_id: str | None, since: datetime) -> int: ...

    def move(self, order_id: str, before: OrderStatus, after: OrderStatus, **values: Any) -> bool:
        """One conditional UPDATE: False where the order has left `before`. Raises IllegalStep."""
        ...

    def change(self, order_id: str, **values: Any) -> None:
        """Facts about an order, whatever its status."""
        ...

    def record_capture(self, order_id: str, amount: int) -> None: ...

    def price(self, order_id: str, lines: Sequence[Line]) -> None:
        """Stores the lines as they will be paid."""
        ...

    def tell(self, order_id: str, kind: str, detail: Mapping[str, Any] | None = None) -> None:
        """Adds to the timeline."""
        ...

    def timeline(self, order_id: str) -> Sequence[Happened]: ...

    def claim_refund(self, order_id: str, amount: int) -> bool:
        """Sets the amount apart; False where less is left of what was captured."""
        ...

    def claim_lines(self, order_id: str, quantities: Mapping[int, int]) -> bool:
        """Counts copies as refunded; False where fewer are left."""
        ...

    def add_refund(self, refund_id: str, order_id: str, amount: int, reason: str) -> None: ...

    def end_refund(self, refund_id: str, *, succeeded: bool) -> bool:
        """Moves the sums along; one that had succeeded may still fail, at the payer's bank. False
        where the refund is unknown or ended already."""
        ...

    def refunds(self, order_id: str) -> Sequence[Refund]: ...

    def of_customer(self, customer_id: str, after: Place | None, limit: int) -> Sequence[Order]:
        """Placed ones, newest first."""
        ...

    def everything_of(self, customer_id: str) -> Sequence[Order]:
        """Every checkout and order, the oldest first."""
        ...

    def erase(self, customer_id: str) -> Sequence[tuple[str, OrderStatus]]:
        """Takes the orders from their customer and gives them with their statuses. Who bought and
        where it went is forgotten when the order is settled, at once or later; its sums and lines
        stay."""
        ...

    def forget_buyers(self, erased_before: datetime) -> int:
        """Of orders that were erased before then and are not settled yet; how many."""
        ...

    def versions(self, order_ids: Collection[str]) -> Mapping[str, int]: ...

    def due(
        self, statuses: Sequence[OrderStatus], before: datetime, limit: int
    ) -> Sequence[tuple[str, OrderStatus]]:
        """Orders that nobody looked after since, and marks them as looked after now."""
        ...


class Desk(Protocol):
    """What the staff asks; `after` is the place of the last one seen."""

    def listed(
        self, statuses: Sequence[OrderStatus], asked: str | None, after: Place | None, limit: int
    ) -> Sequence[Order]:
        """The newest first. `asked` is an order number or, with an @, a mail address."""
        ...

    def days(self, first: date, last: date) -> Sequence[Day]: ...

    def bestsellers(self, first: date, last: date, limit: int) -> Sequence[Seller]: ...

    def waiting(self, before: datetime, limit: int) -> Sequence[Waiting]:
        """Under way without a change since `before`, or to be paid by then and unpaid."""
        ...


class OpenCartTaken(Exception):
    """Another open checkout of the cart was there first."""


class Announcements(Protocol):
    def add(
        self, destination: str, subject: str, payload: Payload, *, in_session: bool = True
    ) -> str: ...


class Received(Protocol):
    def is_new(self, event_id: str) -> bool: ...

    def forget(self, before: datetime) -> int: ...


class Shoppers(Protocol):
    def claim(self, customer_id: str | None, cart_id: str | None) -> None:
        """The shopper's other starts wait until this transaction ends."""
        ...

    def erase(self, customer_id: str) -> None: ...

    def forget(self, before: datetime) -> int:
        """Deletes who has started nothing since, and says how many."""
        ...


class Transaction(Protocol):
    """One transaction on the primary. `now` is business time."""

    @property
    def now(self) -> datetime: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def shoppers(self) -> Shoppers: ...
    @property
    def desk(self) -> Desk: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def outbox(self) -> Announcements: ...
    @property
    def inbox(self) -> Received: ...


class Transactions(Protocol):
    def run(self, work: Callable[[Transaction], T]) -> T:
        """`work` may run again from the start; it must be guarded by keys, ids and statuses."""
        ...

    def read(self) -> AbstractContextManager[Transaction]:
        """For looking only, on the primary."""
        ...


class Sagas(Protocol):
    """Orchestrations, by the durable client of the function that is running."""

    async def start_checkout(self, order_id: str) -> None:
        """Harmless where it runs or ran already."""
        ...

    async def start_cancel(self, order_id: str) -> None: ...

    async def wake(self, order_id: str) -> None:
        """Rings at the order's sagas; harmless where they have ended."""
        ...

    async def forget(self, started_before: datetime) -> int:
        """Deletes the histories of those that have ended; how many."""
        ...
