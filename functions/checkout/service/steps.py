"""The saga's activities. Each may run again at any point: what it did before, it finds done.

Each returns the word that the saga goes on by.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from functions.checkout.model import (
    HELD_BEYOND,
    OPEN,
    Difference,
    EndReason,
    Item,
    Line,
    Order,
    OrderStatus,
)
from functions.checkout.policies import PricedLine, order_totals, tax_rate
from functions.checkout.ports import Transaction, Transactions
from functions.checkout.service.cancelling import refuse_cancel
from functions.checkout.service.events import cancelled, placed
from functions.checkout.service.refunding import give_back
from shared.contracts.catalogue import BookQuote, HoldClosed, HoldLine, Holds, Quotes
from shared.contracts.payments import LARGEST_AMOUNT, REQUESTS, CancelPayment, CreatePayment
from shared.contracts.shipping import Parcel, Rate, Rates, Voids
from shared.kit.isbn import Isbn
from shared.telemetry import get_logger

log = get_logger("checkout")

_REFUND_AGAIN_AFTER = timedelta(minutes=5)


class Steps:
    def __init__(
        self,
        transactions: Transactions,
        quotes: Quotes,
        holds: Holds,
        rates: Rates,
        voids: Voids,
    ) -> None:
        self._transactions = transactions
        self._quotes = quotes
        self._holds = holds
        self._rates = rates
        self._voids = voids

    def prepare(self, order_id: str) -> str:
        """Holds what was asked for against what can be bought, and prices it: `reserving`, or
        `rejected` with each difference."""
        with self._transactions.read() as transaction:
            order = transaction.orders.find(order_id)
            asked = transaction.orders.asked(order_id)
            former = _former(transaction, order_id)
        if order is None or order.status != "validating":
            return "reserving" if order is not None and order.status in OPEN else "rejected"
        quotes = self._quotes.quotes([item.isbn for item in asked])
        # What the cart's former checkout holds will be free for this one.
        soon = {line.isbn: line.quantity for line in former.lines} if former else {}
        differences = [
            difference
            for place, item in enumerate(asked, 1)
            if (difference := _difference(place, item, quotes.get(item.isbn), soon))
        ]
        rate: Rate | None = None
        if not differences:
            rate, refusal = self._delivery(order, quotes)
            differences += [refusal] if refusal else []
        if rate is None:
            return self._reject(order, differences)
        lines, sums = _priced(order, quotes, rate)
        if sums["total"] > LARGEST_AMOUNT:
            return self._reject(order, [Difference(line=None, isbn=None, reason="over_limit")])

        def work(transaction: Transaction) -> str:
            if transaction.orders.move(order_id, "validating", "reserving", **sums):
                transaction.orders.price(order_id, lines)
            return "reserving"

        return self._transactions.run(work)

    def reserve(self, order_id: str) -> str:
        """`reserved`, `waiting` while the cart's former checkout holds the same copies, or
        `rejected`."""
        with self._transactions.read() as transaction:
            order = transaction.orders.find(order_id)
            former = _former(transaction, order_id)
            now = transaction.now
        if order is None or order.status != "reserving":
            return "reserved" if order is not None and order.status in OPEN else "rejected"
        if order.cancel_requested:
            return self._cancel_unpaid(order)
        if former is not None and now < order.pay_until:
            return "waiting"
        lines = [HoldLine(isbn=line.isbn, quantity=line.quantity) for line in order.lines]
        try:
            missing = self._holds.hold(order_id, lines, order.pay_until + HELD_BEYOND)
        except HoldClosed:
            return self._cancel_unpaid(order)
        if not missing:
            return "reserved"
        places = {line.isbn: line.line for line in order.lines}
        return self._reject(
            order,
            [
                Difference(
                    line=places[one.isbn],
                    isbn=one.isbn,
                    reason=one.reason,
                    available=one.available,
                )
                for one in missing
            ],
        )

    def request_payment(self, order_id: str) -> str:
        """Until when can be paid, in ISO 8601; or `cancelled`."""

        def work(transaction: Transaction) -> str | None:
            order = transaction.orders.claim(order_id)
            assert order is not None
            if order.status not in OPEN:
                return "cancelled"
            if order.status != "reserving":
                return order.pay_until.isoformat()
            if order.cancel_requested:
                return None
            if order.total == 0:
                transaction.orders.move(
                    order_id, "reserving", "awaiting_payment", payment_state="captured"
                )
                return transaction.now.isoformat()
            transaction.orders.move(
                order_id, "reserving", "awaiting_payment", payment_state="requested"
            )
            transaction.orders.tell(order_id, "payment_requested")
            transaction.outbox.add(
                REQUESTS,
                order_id,
                CreatePayment(
                    order_id=order_id,
                    order_number=order.number,
                    amount=order.total,
                    currency=order.currency,
                ),
            )
            return order.pay_until.isoformat()

        asked = self._transactions.run(work)
        if asked is None:
            with self._transactions.read() as transaction:
                order = transaction.orders.find(order_id)
            assert order is not None
            return self._cancel_unpaid(order)
        return asked

    def settle(self, order_id: str) -> str:
        """Decides once, from the order row: `waiting`, `confirming`, `closing`, or how it ended."""
        decided = self._transactions.run(lambda transaction: _decide(transaction, order_id))
        if decided != "closing":
            return decided
        with self._transactions.read() as transaction:
            order = transaction.orders.find(order_id)
            now = transaction.now
        assert order is not None
        if order.payment_state == "requested":
            # Money may still come: the copies stay held until it is certain that none will.
            try:
                self._holds.renew(order_id, now + HELD_BEYOND)
            except HoldClosed as error:
                log.warning("hold.gone", order_id=order_id, state=error.state)
            return "closing"
        self._release(order_id)
        return self._transactions.run(lambda transaction: _close(transaction, order_id))

    def finish(self, order_id: str) -> str:
        """The copies are sold and the order is placed; where they are gone, the money goes back."""
        with self._transactions.read() as transaction:
            status = transaction.orders.status(order_id)
        assert status is not None
        if status != "confirming":
            return status
        try:
            self._holds.confirm(order_id)
        except HoldClosed as error:
            log.error("hold.lost", order_id=order_id, state=error.state)
            return self._transactions.run(lambda transaction: _lose(transaction, order_id))

        def work(transaction: Transaction) -> str:
            orders = transaction.orders
            if orders.move(order_id, "confirming", "placed", placed_at=transaction.now):
                orders.tell(order_id, "placed")
                now_placed = orders.find(order_id)
                assert now_placed is not None
                transaction.outbox.add("orders", order_id, placed(now_placed))
            return "placed"

        return self._transactions.run(work)

    def cancel(self, order_id: str) -> str:
        """A step of cancelling a placed order: `waiting` for the refund, or how it ended."""
        with self._transactions.read() as transaction:
            order = transaction.orders.find(order_id)
        if order is None or order.status != "cancelling":
            return "cancelled" if order is None else order.status
        if not self._voids.void(order_id):
            return self._transactions.run(lambda transaction: refuse_cancel(transaction, order_id))
        return self._transactions.run(lambda transaction: _cancel(transaction, order_id))

    def _delivery(
        self, order: Order, quotes: Mapping[Isbn, BookQuote]
    ) -> tuple[Rate | None, Difference | None]:
        lines = [(quotes[line.isbn], line.quantity) for line in order.lines]
        parcel = Parcel.of(lines, order.currency)
        offered = self._rates.rates(order.country, order.postcode, parcel)
        for rate in offered:
            if rate.method == order.shipping_method:
                return rate, None
        return None, Difference(
            line=None, isbn=None, reason="no_such_method" if offered else "not_served"
        )

    def _reject(self, order: Order, differences: Sequence[Difference]) -> str:
        def work(transaction: Transaction) -> str:
            if transaction.orders.move(order.id, order.status, "rejected", differences=differences):
                transaction.orders.tell(order.id, "rejected")
            return "rejected"

        return self._transactions.run(work)

    def _cancel_unpaid(self, order: Order) -> str:
        """Before any payment was asked for."""
        self._release(order.id)

        def work(transaction: Transaction) -> str:
            end_reason = order.end_reason or "cancelled"
            if transaction.orders.move(order.id, order.status, "cancelled", end_reason=end_reason):
                transaction.orders.tell(order.id, "cancelled", {"reason": end_reason})
            return "cancelled"

        return self._transactions.run(work)

    def _release(self, order_id: str) -> None:
        try:
            self._holds.release(order_id)
        except HoldClosed as error:
            log.error("hold.sold", order_id=order_id, state=error.state)


def _former(transaction: Transaction, order_id: str) -> Order | None:
    """The cart's former checkout, as long as it is open."""
    former_id = transaction.orders.replaced_by(order_id)
    former = transaction.orders.find(former_id) if former_id else None
    return former if former is not None and former.status in OPEN else None


def _difference(
    place: int, item: Item, quote: BookQuote | None, soon: Mapping[Isbn, int]
) -> Difference | None:
    isbn = item.isbn
    if quote is None:
        return Difference(line=place, isbn=isbn, reason="unknown")
    if quote.status in ("withdrawn", "not_yet_on_sale"):
        return Difference(line=place, isbn=isbn, reason=quote.status, available=0)
    if quote.available + soon.get(isbn, 0) < item.quantity:
        return Difference(line=place, isbn=isbn, reason="not_enough", available=quote.available)
    if item.price is not None and item.price != quote.price:
        return Difference(line=place, isbn=isbn, reason="price_changed", price=quote.price)
    return None


def _priced(
    order: Order, quotes: Mapping[Isbn, BookQuote], rate: Rate
) -> tuple[Sequence[Line], dict[str, int]]:
    bought = [(line, quotes[line.isbn]) for line in order.lines]
    totals = order_totals(
        [
            PricedLine(format=quote.format, unit_price=quote.price.amount, quantity=line.quantity)
            for line, quote in bought
        ],
        rate.price.amount,
        order.country,
    )
    lines = [
        Line(
            line=line.line,
            isbn=line.isbn,
            title=quote.title,
            format=quote.format,
            quantity=line.quantity,
            unit_price=quote.price.amount,
            tax_rate=tax_rate(order.country, quote.format),
            tax=total.tax,
            weight_grams=quote.shipping_grams,
        )
        for (line, quote), total in zip(bought, totals.lines, strict=True)
    ]
    return lines, {
        "items_total": totals.goods,
        "shipping_total": totals.shipping,
        "tax_total": totals.tax,
        "total": totals.total,
    }


def _decide(transaction: Transaction, order_id: str) -> str:
    orders = transaction.orders
    order = orders.claim(order_id)
    assert order is not None
    if order.status != "awaiting_payment":
        return order.status
    if order.payment_state == "captured" and order.captured >= order.total:
        moved = orders.move(order_id, "awaiting_payment", "confirming", end_reason=None)
        return "confirming" if moved else _status(transaction, order_id)
    reason: EndReason
    if order.payment_state in ("cancelled", "failed"):
        reason = "payment_failed"
    elif order.cancel_requested:
        reason = order.end_reason or "cancelled"
    elif transaction.now >= order.pay_until:
        reason = "time_limit"
    else:
        return "waiting"
    if orders.move(order_id, "awaiting_payment", "closing", end_reason=reason):
        orders.tell(order_id, "closing", {"reason": reason})
        if order.payment_state == "requested":
            transaction.outbox.add(REQUESTS, order_id, CancelPayment(order_id=order_id))
    return _status(transaction, order_id)


def _close(transaction: Transaction, order_id: str) -> str:
    """After the copies were released: what is left is the money, if there is any."""
    orders = transaction.orders
    order = orders.find(order_id)
    assert order is not None
    after: OrderStatus = "expired" if order.end_reason == "time_limit" else "cancelled"
    if orders.move(order_id, "closing", after):
        # Read again behind the UPDATE's lock: money may have come a moment ago.
        order = orders.find(order_id)
        assert order is not None
        if order.captured:
            give_back(transaction, order, "paid after the checkout had ended")
        orders.tell(order_id, after, {"reason": order.end_reason})
        transaction.outbox.add("orders", order_id, cancelled(order, "before_placement"))
    return _status(transaction, order_id)


def _status(transaction: Transaction, order_id: str) -> str:
    order = transaction.orders.find(order_id)
    assert order is not None
    return order.status


def _lose(transaction: Transaction, order_id: str) -> str:
    """Paid, and the copies are gone: only an operator's hand can have done that."""
    order = transaction.orders.find(order_id)
    assert order is not None
    if transaction.orders.move(order_id, "confirming", "cancelled", end_reason="out_of_stock"):
        give_back(transaction, order, "out of stock")
        transaction.orders.tell(order_id, "cancelled", {"reason": "out_of_stock"})
        transaction.outbox.add("orders", order_id, cancelled(order, "before_placement"))
    return "cancelled"


def _cancel(transaction: Transaction, order_id: str) -> str:
    """After shipping let go of it: refund first, then the order ends and inventory restocks."""
    order = transaction.orders.claim(order_id)
    assert order is not None
    if order.status != "cancelling":
        return order.status
    last = next(reversed(transaction.orders.refunds(order_id)), None)
    just_now = transaction.now - _REFUND_AGAIN_AFTER
    if last is not None and last.state == "failed" and last.created_at > just_now:
        # Each failure rings, so that asking again at once would go round and round.
        return "waiting"
    asked = give_back(transaction, order, "order cancelled")
    if asked or order.refunded < order.captured:
        return "waiting"
    if transaction.orders.move(order_id, "cancelling", "cancelled", end_reason="cancelled"):
        transaction.orders.tell(order_id, "cancelled", {"reason": "cancelled"})
        transaction.outbox.add("orders", order_id, cancelled(order, "after_placement"))
    return _status(transaction, order_id)
