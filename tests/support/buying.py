"""A checkout to test on: real orders and real shelves, a clock that is moved by hand, a till that
takes what payments would be asked, and the saga played without a host."""

import itertools
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from functions.checkout import saga
from functions.checkout.migrations import LOCATION
from functions.checkout.model import Order
from functions.checkout.service.news import News
from functions.checkout.service.orders import OrderBook
from functions.checkout.service.starting import CheckoutIds, CheckoutRequest, Started, Starting
from functions.checkout.service.steps import Steps
from functions.checkout.store.tables import outbox
from functions.checkout.store.transactions import SqlTransactions
from functions.inventory.service.holds import StockHolds
from functions.inventory.store.quotes import SqlQuotes
from functions.shipping.service.rates import ShippingRates
from shared.contracts.carts import CartLine, CartSnapshot
from shared.contracts.catalogue import HoldLine, MissingLine
from shared.contracts.envelope import Envelope, Payload
from shared.contracts.orders import Delivery as Destination
from shared.contracts.payments import (
    REQUESTS,
    CancelPayment,
    CreatePayment,
    PaymentCancelled,
    PaymentRefunded,
    PaymentSucceeded,
    RefundPayment,
)
from shared.kit.idempotency import Delivery
from shared.kit.money import Money
from shared.messaging.publisher import Message
from shared.messaging.relay import Relay
from shared.sql.database import Database
from tests.support.databases import open_database
from tests.support.inventory import Shelves, isbn

PRICE = Money(amount=899, currency="GBP")


@dataclass
class Mailbox:
    """A publisher that keeps what it took."""

    taken: list[tuple[str, Envelope]] = field(default_factory=list)

    def publish(self, destination: str, messages: Sequence[Message], patience: float) -> None:
        self.taken += [(destination, Envelope.parse(message.body)) for message in messages]

    def kinds(self, destination: str) -> list[str]:
        return [envelope.type for to, envelope in self.taken if to == destination]


@dataclass
class Shelf:
    """Inventory's holds, with faults on the way to it."""

    holds: StockHolds
    faults: list[Exception] = field(default_factory=list)

    def hold(
        self, hold_id: str, lines: Sequence[HoldLine], expires_at: datetime
    ) -> Sequence[MissingLine]:
        if self.faults:
            raise self.faults.pop()
        return self.holds.hold(hold_id, lines, expires_at)

    def renew(self, hold_id: str, expires_at: datetime) -> None:
        self.holds.renew(hold_id, expires_at)

    def confirm(self, hold_id: str) -> None:
        self.holds.confirm(hold_id)

    def release(self, hold_id: str) -> None:
        self.holds.release(hold_id)


@dataclass
class Depot:
    """Shipping, as far as cancelling asks it."""

    dispatched: set[str] = field(default_factory=set)

    def void(self, order_id: str) -> bool:
        return order_id not in self.dispatched


class NoAddresses:
    def address(self, customer_id: str, address_id: str) -> Destination | None:
        return None


@dataclass
class Buying:
    shelves: Shelves
    database: Database
    transactions: SqlTransactions
    starting: Starting
    steps: Steps
    news: News
    orders: OrderBook
    depot: Depot
    shelf: Shelf
    quotes: SqlQuotes
    ids: CheckoutIds
    mailbox: Mailbox
    relay: Relay
    keys: Iterator[int] = field(default_factory=itertools.count)

    def start(
        self,
        *numbers: int,
        customer: str | None = None,
        cart: str | None = None,
        key: str | None = None,
        price: Money | None = PRICE,
        **said: Any,
    ) -> Started:
        """Buys a copy of each; by `cart` as the cart's content, else as items."""
        lines = [
            CartLine(isbn=isbn(number), quantity=1, price_when_added=price) for number in numbers
        ]
        items = [
            {"isbn": str(isbn(number)), "quantity": 1}
            | ({} if price is None else {"price": price.model_dump()})
            for number in numbers
        ]
        request = CheckoutRequest.model_validate(
            {
                "email": "anna@example.org",
                "shipping_address": {
                    "name": "Anna",
                    "line1": "1 Baker Street",
                    "city": "London",
                    "postcode": "NW1 6XE",
                    "country": "GB",
                },
                "shipping_method": "standard",
                **({} if cart else {"items": items}),
                **said,
            }
        )
        snapshot = CartSnapshot(cart_id=cart, lines=tuple(lines)) if cart else None
        delivery = Delivery.of("tester", "start", key or f"key {next(self.keys)}", request)
        return self.starting.start(request, customer, snapshot, delivery)

    def order(self, order_id: str) -> Order:
        with self.transactions.read() as transaction:
            order = transaction.orders.find(order_id)
        assert order is not None
        return order

    def placed(self, *numbers: int, **said: Any) -> str:
        """The id of an order that Anna has bought and paid."""
        order_id = self.start(*numbers, customer="anna", **said).order.id
        play = self.play(order_id)
        self.pay(order_id)
        play.ring()
        assert self.order(order_id).status == "placed"
        return order_id

    def play(self, order_id: str) -> "Play":
        return Play(self, order_id, saga.checkout_v1)

    def requests(self, order_id: str) -> list[Payload]:
        """What payments was asked for this order."""
        self.relay.send_due()
        kinds = {kind.kind: kind for kind in (CreatePayment, CancelPayment, RefundPayment)}
        return [
            envelope.payload(kinds[envelope.type])
            for to, envelope in self.mailbox.taken
            if to == REQUESTS and envelope.subject == order_id
        ]

    def tell(self, order_id: str, method: Any, payload: Payload, event_id: str = "") -> None:
        envelope = Envelope(
            id=event_id or f"event {next(self.keys)}",
            source="/payments",
            type=payload.kind,
            subject=order_id,
            time=self.shelves.clock.business_now(),
            data=payload.model_dump(mode="json"),
        )
        method(envelope, payload)

    def pay(self, order_id: str, event_id: str = "") -> None:
        order = self.order(order_id)
        self.tell(
            order_id,
            self.news.succeeded,
            PaymentSucceeded(order_id=order_id, payment_id="p", amount=order.total, currency="GBP"),
            event_id,
        )

    def payment_cancelled(self, order_id: str) -> None:
        event = PaymentCancelled(order_id=order_id, payment_id="p")
        self.tell(order_id, self.news.cancelled, event)

    def refund_all(self, order_id: str) -> None:
        for request in self.requests(order_id):
            if isinstance(request, RefundPayment):
                event = PaymentRefunded(
                    order_id=order_id,
                    payment_id="p",
                    refund_id=request.refund_id,
                    amount=request.amount,
                    refunded=request.amount,
                    currency="GBP",
                )
                self.tell(order_id, self.news.refunded, event)


class Play:
    """An orchestration with its activities run at once; a test rings, and moves time."""

    def __init__(self, buying: Buying, order_id: str, orchestrator: Any) -> None:
        self._buying = buying
        self.instance_id = order_id
        self._order_id = order_id
        self.called: list[str] = []
        self.result: Any = None
        self.is_over = False
        self._generator: Generator[Any, Any, Any] = orchestrator(self)
        self._waits_for: _Task | None = None
        self._go_on(None)

    # What an orchestrator uses of its context

    @property
    def current_utc_datetime(self) -> datetime:
        return self._buying.shelves.clock.business_now()

    def get_input(self) -> str:
        return self._order_id

    def call_activity(self, name: str, order_id: str) -> "_Task":
        self.called.append(name.removeprefix("checkout_"))
        return _Task("activity", run=lambda: getattr(self._buying.steps, self.called[-1])(order_id))

    def create_timer(self, at: datetime) -> "_Task":
        return _Task("timer", at=at)

    def wait_for_external_event(self, name: str) -> "_Task":
        return _Task(name)

    def task_any(self, tasks: list["_Task"]) -> "_Task":
        return _Task("any", tasks=tasks)

    # What a test does

    def ring(self) -> None:
        self._finish(lambda task: task.kind == saga.WAKE)

    def pass_time(self) -> None:
        """Up to the next timer that is waited for."""
        task = self._next_timer()
        clock = self._buying.shelves.clock
        assert task.at is not None
        clock.advance_business(max(task.at - clock.business_now(), type(task.at - task.at)()))
        self._finish(lambda one: one is task)

    def _next_timer(self) -> "_Task":
        assert self._waits_for is not None
        timers = [task for task in self._waits_for.all() if task.kind == "timer"]
        return min(timers, key=lambda task: task.at or self.current_utc_datetime)

    def _finish(self, is_it: Any) -> None:
        assert self._waits_for is not None
        found = [task for task in self._waits_for.all() if is_it(task)]
        assert found, "nobody waits for that"
        found[0].is_completed = True
        self._go_on(found[0])

    def _go_on(self, value: Any) -> None:
        try:
            task = self._generator.send(value)
            while task.kind == "activity":
                try:
                    result = task.run()
                except Exception as error:
                    task = self._generator.throw(error)
                else:
                    task = self._generator.send(result)
            self._waits_for = task
        except StopIteration as ended:
            self.is_over, self.result = True, ended.value


@dataclass
class _Task:
    kind: str
    at: datetime | None = None
    run: Any = None
    tasks: list["_Task"] = field(default_factory=list)
    is_completed: bool = False
    is_cancelled: bool = False

    def cancel(self) -> None:
        assert not self.is_completed, "the SDK refuses to cancel a timer that has fired"
        self.is_cancelled = True

    def all(self) -> list["_Task"]:
        return self.tasks or [self]


@contextmanager
def open_buying(folder: Path, shelves: Shelves) -> Iterator[Buying]:
    database = open_database(folder, "orders", LOCATION)
    mailbox = Mailbox()
    relay = Relay(database, outbox, mailbox, shelves.clock)
    transactions = SqlTransactions(database, shelves.clock, lambda: None, lambda _: None)
    quotes = SqlQuotes(shelves.database, shelves.clock, "http://cdn.test", primary=True)
    depot, shelf, ids = Depot(), Shelf(StockHolds(shelves.stock)), CheckoutIds("secret")
    yield Buying(
        shelves,
        database,
        transactions,
        Starting(transactions, NoAddresses(), ids, "GBP"),
        Steps(
            transactions,
            quotes,
            shelf,
            ShippingRates(quotes, shelves.clock, "GBP"),
            depot,
        ),
        News(transactions),
        OrderBook(transactions, depot),
        depot,
        shelf,
        quotes,
        ids,
        mailbox,
        relay,
    )
    database.dispose()
