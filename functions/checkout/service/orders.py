"""Orders as their buyers, guests and the shop's staff work with them."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.checkout.model import (
    OPEN,
    PLACED,
    AlreadyDispatched,
    CannotBeCancelled,
    Happened,
    Order,
    Refund,
    RefundRequest,
    RefundTooLarge,
    UnknownCheckout,
    UnknownOrder,
)
from functions.checkout.policies import LineTotal, refund_of
from functions.checkout.ports import Place, Transaction, Transactions
from functions.checkout.service.cancelling import give_up, refuse_cancel
from functions.checkout.service.events import order_lines
from functions.checkout.service.refunding import request_refund
from shared.contracts.orders import Contact, OrderLine, OrderLinkRequested
from shared.contracts.orders import Delivery as Destination
from shared.contracts.shipping import Voids
from shared.kit import cursors
from shared.kit.clock import Clock
from shared.kit.errors import BadInput
from shared.kit.idempotency import Delivery, once

_LINK_LASTS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a signed-in customer, the holder of a link to one order, or the staff."""

    customer_id: str | None = None
    order_id: str | None = None
    is_staff: bool = False


STAFF = Viewer(is_staff=True)


@dataclass(frozen=True, slots=True)
class Detail:
    order: Order
    timeline: Sequence[Happened]
    refunds: Sequence[Refund]


class GuestLinks:
    """A signed link opens one order until its time is over; it is written to the buyer's address
    alone."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret = secret.encode()
        self._clock = clock

    def token(self, order_id: str) -> str:
        ends = int((self._clock.business_now() + _LINK_LASTS).timestamp())
        said = f"{order_id}.{ends}"
        return f"{said}.{self._signed(said)}"

    def order_id(self, token: str) -> str:
        """Raises UnknownOrder for one that is forged, cut short or too old."""
        said, _, signature = token.rpartition(".")
        order_id, _, ends = said.partition(".")
        if (
            not hmac.compare_digest(signature.encode(), self._signed(said).encode())
            or not ends.isdecimal()
            or int(ends) < self._clock.business_now().timestamp()
        ):
            raise UnknownOrder("The link is not valid any more; ask for a new one.")
        return order_id

    def _signed(self, said: str) -> str:
        digest = hmac.digest(self._secret, f"order-link:{said}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class OrderBook:
    def __init__(self, transactions: Transactions, voids: Voids) -> None:
        self._transactions = transactions
        self._voids = voids

    def listed(self, customer_id: str, after: Place | None, limit: int) -> Sequence[Order]:
        with self._transactions.read() as transaction:
            return transaction.orders.of_customer(customer_id, after, limit)

    def detail(self, order_id: str, viewer: Viewer) -> Detail:
        """Raises UnknownOrder, also for an order of somebody else."""
        with self._transactions.read() as transaction:
            order = _own(transaction, order_id, viewer)
            return Detail(
                order, transaction.orders.timeline(order_id), transaction.orders.refunds(order_id)
            )

    def cancel_checkout(self, checkout_hash: str) -> Order:
        """Asks for an unpaid checkout's end; the caller wakes the saga.

        Harmless when it has ended unpaid. Raises UnknownCheckout, CannotBeCancelled.
        """

        def work(transaction: Transaction) -> Order:
            found = transaction.orders.by_checkout(checkout_hash)
            order = None if found is None else transaction.orders.claim(found.id)
            if order is None:
                raise UnknownCheckout("There is no such checkout; look at its id.")
            if order.status == "confirming" or order.status in PLACED:
                raise CannotBeCancelled("It is paid already; cancel the order instead.")
            give_up(transaction, order)
            return transaction.orders.find(order.id) or order

        return self._transactions.run(work)

    def cancel(self, order_id: str, viewer: Viewer) -> Order:
        """Takes a placed order back from shipping; the caller starts the saga that gives the money
        back. Repeated, it gives the same answer.

        Raises UnknownOrder, AlreadyDispatched, CannotBeCancelled.
        """

        def claim(transaction: Transaction) -> Order:
            order = _own(transaction, order_id, viewer)
            if order.status in ("cancelling", "cancelled"):
                return order
            if order.status in ("partly_dispatched", "dispatched", "delivered"):
                raise AlreadyDispatched("It is on its way; send it back when it is there.")
            if not transaction.orders.move(
                order_id, "placed", "cancelling", end_reason="cancelled"
            ):
                raise CannotBeCancelled(f"The order is {order.status}.")
            transaction.orders.tell(order_id, "cancel_requested")
            return _found(transaction, order_id)

        order = self._transactions.run(claim)
        if order.status == "cancelling" and not self._voids.void(order_id):
            self._transactions.run(lambda transaction: refuse_cancel(transaction, order_id))
            raise AlreadyDispatched("It is on its way; send it back when it is there.")
        return order

    def refund(self, order_id: str, request: RefundRequest, delivery: Delivery) -> Refund:
        """Once for each delivery. Raises UnknownOrder, BadInput, RefundTooLarge."""

        def work(transaction: Transaction) -> Refund:
            def effect() -> Refund:
                order = transaction.orders.claim(order_id)
                if order is None or _is_checkout(order):
                    # Money that was given back already must not place an order.
                    raise UnknownOrder("There is no such order.")
                amount = request.amount or _lines_worth(order, request)
                lines = {line.line: line.quantity for line in request.lines}
                refund_id = None
                if amount and transaction.orders.claim_lines(order_id, lines):
                    refund_id = request_refund(transaction, order_id, amount, request.reason)
                if refund_id is None:
                    left = order.captured - order.refund_requested
                    raise RefundTooLarge(
                        f"{left} of {order.captured} can still be given back.",
                        extensions={"left": left, "currency": order.currency},
                    )
                return next(
                    one for one in transaction.orders.refunds(order_id) if one.id == refund_id
                )

            refund, _ = once(transaction.deliveries, delivery, Refund, effect)
            return refund

        return self._transactions.run(work)

    def ask_for_link(self, number: str, email: str) -> None:
        """Has a link written to the buyer where number and address belong together; tells nobody
        whether they do."""

        def work(transaction: Transaction) -> None:
            order = transaction.orders.by_number(number, email)
            if order is not None and order.placed_at is not None:
                transaction.outbox.add(
                    "orders",
                    order.id,
                    OrderLinkRequested(order_id=order.id, order_number=order.number),
                )

        self._transactions.run(work)

    # What other services may ask: shared.contracts.orders.OrderLookup

    def delivery(self, order_id: str) -> Destination | None:
        with self._transactions.read() as transaction:
            order = transaction.orders.find(order_id)
        return None if order is None else order.delivery

    def contact(self, order_id: str) -> Contact | None:
        with self._transactions.read() as transaction:
            order = transaction.orders.find(order_id)
        return None if order is None else contact_of(order)

    def lines(self, order_id: str) -> Sequence[OrderLine]:
        with self._transactions.read() as transaction:
            order = transaction.orders.find(order_id)
        return () if order is None else order_lines(order)


def contact_of(order: Order) -> Contact | None:
    """None once the customer was erased."""
    if order.email is None:
        return None
    return Contact(
        email=order.email,
        name="" if order.delivery is None else order.delivery.name,
        locale=order.locale,
        customer_id=order.customer_id,
        order_number=order.number,
    )


class Visitors:
    """`shared.contracts.orders.OrderAccess`."""

    def __init__(self, transactions: Transactions, links: GuestLinks) -> None:
        self._transactions = transactions
        self._links = links

    def may_see(self, order_id: str, customer_id: str | None, token: str | None) -> bool:
        try:
            viewer = Viewer(customer_id, None if token is None else self._links.order_id(token))
            with self._transactions.read() as transaction:
                _own(transaction, order_id, viewer)
        except UnknownOrder:
            return False
        return True


def _own(transaction: Transaction, order_id: str, viewer: Viewer) -> Order:
    order = transaction.orders.find(order_id)
    is_own = order is not None and (
        viewer.is_staff
        or viewer.order_id == order.id
        or (viewer.customer_id is not None and viewer.customer_id == order.customer_id)
    )
    if order is None or not is_own or (_is_checkout(order) and not viewer.is_staff):
        raise UnknownOrder("There is no such order among yours.")
    return order


def _is_checkout(order: Order) -> bool:
    """It is under way to become an order, and may come to nothing."""
    return order.placed_at is None and order.status in OPEN


def _found(transaction: Transaction, order_id: str) -> Order:
    order = transaction.orders.find(order_id)
    if order is None:
        raise UnknownOrder("There is no such order.")
    return order


def _lines_worth(order: Order, request: RefundRequest) -> int:
    """What the copies cost that come back. Raises BadInput, RefundTooLarge."""
    lines = {line.line: line for line in order.lines}
    worth = 0
    for place, asked in enumerate(request.lines):
        line = lines.get(asked.line)
        if line is None:
            raise BadInput.at(f"lines/{place}/line", "is no line of the order", "body")
        total = LineTotal(
            gross=line.unit_price * line.quantity,
            rate=line.tax_rate,
            tax=line.tax,
            shipping=0,
            shipping_tax=0,
        )
        try:
            worth += refund_of(total, line.quantity, line.refunded_quantity, asked.quantity)
        except ValueError as error:
            raise RefundTooLarge(f"Line {asked.line}: {error}.") from None
    return worth


def read_cursor(cursor: str, made_for: str) -> Place:
    """Raises BadInput where `cursor_of` did not write it, or wrote it for another list."""
    text, order_id = cursors.decode(cursor, made_for, ((str,), (str,)))
    try:
        created_at = datetime.fromisoformat(str(text))
        # A cursor can be forged: only what `cursor_of` writes is a time that a row can have.
        if created_at.utcoffset() != timedelta(0):
            raise ValueError("a cursor's time is in UTC")
    except ValueError:
        raise BadInput.at("cursor", "is not a cursor of this shop") from None
    return created_at, str(order_id)


def cursor_of(order: Order) -> tuple[str, str]:
    return order.created_at.isoformat(), order.id
