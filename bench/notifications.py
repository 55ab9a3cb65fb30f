"""Mails: what an order costs from its event to its provider, and whether that grows.

Events are consumed and mails sent as the functions do it, eight at a time, by a provider that takes
everything at once; the queue is a list. What is measured is ours alone: planning, outbox, claim,
the letter, and the note that it was sent. The timer is measured beside all that was ever sent.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from functions.notifications.letters.writer import JinjaLetters
from functions.notifications.migrations import LOCATION
from functions.notifications.model import Outgoing, SendMail
from functions.notifications.service.sending import Pages, Sending
from functions.notifications.service.subscribers import Subscribers
from functions.notifications.service.telling import Telling
from functions.notifications.store.tables import outbox
from functions.notifications.store.transactions import SqlTransactions
from shared.contracts.catalogue import BookQuote
from shared.contracts.envelope import Envelope
from shared.contracts.orders import Contact, Delivery, OrderLine, OrderPlaced, Receipt, ReceiptLine
from shared.kit.clock import MachineClock
from shared.kit.isbn import Isbn
from shared.messaging.publisher import Message
from shared.messaging.relay import Relay
from shared.sql.database import Database
from shared.sql.migrations import upgrade

T = TypeVar("T")

_SIZES = {True: (1_000, 3_000), False: (1_000, 10_000)}
_AT_ONCE = 8
_NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
_ADDRESS = Delivery(
    name="Anna Ray",
    line1="1 Baker Street",
    line2=None,
    city="London",
    region=None,
    postcode="NW1 6XE",
    country="GB",
)
_LINES = tuple(
    ReceiptLine(
        line=number,
        isbn=Isbn("9780141439518"),
        title="Pride and Prejudice",
        format="paperback",
        quantity=1,
        unit_price=899,
    )
    for number in (1, 2)
)


class _Orders:
    """Every order there could be, each with a buyer of its own."""

    def contact(self, order_id: str) -> Contact:
        return Contact(
            email=f"{order_id}@example.org",
            name="Anna Ray",
            locale="en-GB",
            customer_id=None,
            order_number=order_id,
        )

    def receipt(self, order_id: str) -> Receipt:
        return Receipt(
            order_id=order_id,
            order_number=order_id,
            contact=self.contact(order_id),
            delivery=_ADDRESS,
            lines=_LINES,
            items=1798,
            shipping=395,
            tax=0,
            total=2193,
            currency="GBP",
            shipping_method="standard",
            placed_at=_NOW,
            is_paid=True,
        )

    def link(self, order_id: str) -> str:
        return f"{order_id}.token"

    def delivery(self, order_id: str) -> Delivery:
        return _ADDRESS

    def lines(self, order_id: str) -> Sequence[OrderLine]:
        return ()

    def quotes(self, isbns: Iterable[Isbn]) -> dict[Isbn, BookQuote]:
        return {}


class _Provider:
    def __init__(self) -> None:
        self.taken: list[str] = []

    def send(self, mail: Outgoing, *, again: bool) -> str | None:
        self.taken.append(mail.to)
        return None


class _Queue:
    def __init__(self) -> None:
        self.waiting: list[str] = []

    def publish(self, destination: str, messages: Sequence[Message], patience: float) -> None:
        for message in messages:
            self.waiting.append(Envelope.parse(message.body).payload(SendMail).mail_id)


def run(quick: bool) -> list[dict[str, Any]]:
    rows = [_measure(size) for size in _SIZES[quick]]
    for row in rows:
        row["growth"] = round(row["CPU ms per order"] / rows[0]["CPU ms per order"], 2)
    return rows


def _measure(orders: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{(Path(folder) / 'mails.db').as_posix()}")
        upgrade(database, LOCATION)
        try:
            return _measured(database, orders)
        finally:
            database.dispose()


def _measured(database: Database, orders: int) -> dict[str, Any]:
    clock, told, provider, queue = MachineClock(), _Orders(), _Provider(), _Queue()
    transactions = SqlTransactions(database, clock, lambda: None)
    subscribers = Subscribers("bench")
    telling = Telling(transactions, told, subscribers, clock, ())
    sending = Sending(
        transactions,
        told,
        told,
        JinjaLetters("Bookstore"),
        provider,
        subscribers,
        Pages("http://127.0.0.1:7071"),
        clock,
        (),
    )
    relay = Relay(database, outbox, queue, clock)
    numbers = [f"{number:032x}" for number in range(orders)]
    began, cpu = time.perf_counter(), time.process_time()
    # Each event twice, as a broker may bring it.
    _each(lambda order: telling.placed(*_placed(order)), [*numbers, *numbers])
    relay.send_due()
    _each(sending.send, queue.waiting)
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - began
    times = Counter(provider.taken)
    return {
        "orders": orders,
        "per second": round(orders / seconds),
        "CPU ms per order": cpu / orders * 1000,
        "lost": orders - len(times),
        "doubled": sum(count - 1 for count in times.values()),
        "timer, nothing due, ms": median(_milliseconds(sending.wake_overdue) for _ in range(21)),
    }


def _each(work: Callable[[T], None], things: Sequence[T]) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(work, things):
            pass


def _placed(order: str) -> tuple[Envelope, OrderPlaced]:
    event = OrderPlaced(
        order_id=order,
        order_number=order,
        customer_id=None,
        cart_id=None,
        lines=(),
        total=2193,
        currency="GBP",
        shipping_method="standard",
        country="GB",
        placed_at=_NOW,
    )
    envelope = Envelope(
        id=f"event-{order}", source="/bench", type=event.kind, subject=order, time=_NOW, data={}
    )
    return envelope, event


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
