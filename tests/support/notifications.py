"""Notifications to test on: their own database, a clock that is moved by hand, orders that anybody
may make up, a queue that is delivered by hand, and a provider that does as it is told."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from functions.notifications.letters.writer import JinjaLetters
from functions.notifications.migrations import LOCATION
from functions.notifications.model import MailHopeless, Outgoing, SendMail
from functions.notifications.service.preferences import PreferenceBook
from functions.notifications.service.sending import Pages, Sending
from functions.notifications.service.subscribers import Subscribers
from functions.notifications.service.telling import Telling
from functions.notifications.store.tables import outbox
from functions.notifications.store.transactions import SqlTransactions
from shared.contracts.envelope import Envelope, Payload
from shared.contracts.orders import (
    Contact,
    Delivery,
    OrderLine,
    OrderPlaced,
    Receipt,
    ReceiptLine,
)
from shared.kit.clock import ManualClock
from shared.kit.isbn import Isbn
from shared.messaging.consuming import DELIVERIES
from shared.messaging.publisher import Message
from shared.messaging.relay import Relay
from shared.sql.database import Database
from tests.support.databases import open_database

START = datetime(2026, 11, 28, 14, 0, tzinfo=UTC)
ISBN = Isbn("9780141439518")
STAFF = ("ada@bookstore.test", "ben@bookstore.test")
LETTERS = JinjaLetters("Bookstore")
_numbers = itertools.count(1)


def receipt_of(
    order_id: str,
    email: str = "anna@example.org",
    customer_id: str | None = None,
    *,
    locale: str = "en-GB",
    is_paid: bool = True,
    format: str = "paperback",
    title: str = "Pride and Prejudice",
    name: str = "Anna Ray",
) -> Receipt:
    number = f"B-{order_id[-6:].upper()}"
    return Receipt(
        order_id=order_id,
        order_number=number,
        contact=Contact(
            email=email, name=name, locale=locale, customer_id=customer_id, order_number=number
        ),
        delivery=Delivery(
            name=name,
            line1="1 Baker Street",
            line2=None,
            city="London",
            region=None,
            postcode="NW1 6XE",
            country="GB",
        ),
        lines=(
            ReceiptLine(line=1, isbn=ISBN, title=title, format=format, quantity=2, unit_price=899),
            ReceiptLine(line=2, isbn=ISBN, title="Emma", format=format, quantity=1, unit_price=499),
        ),
        items=2297,
        shipping=395,
        tax=0,
        total=2692,
        currency="GBP",
        shipping_method="standard",
        placed_at=START if is_paid else None,
        is_paid=is_paid,
    )


class Orders:
    """What checkout says of its orders: `OrderLookup` and `Receipts`."""

    def __init__(self) -> None:
        self.receipts: dict[str, Receipt] = {}

    def receipt(self, order_id: str) -> Receipt | None:
        return self.receipts.get(order_id)

    def contact(self, order_id: str) -> Contact | None:
        found = self.receipts.get(order_id)
        return None if found is None else found.contact

    def delivery(self, order_id: str) -> Delivery | None:
        found = self.receipts.get(order_id)
        return None if found is None else found.delivery

    def lines(self, order_id: str) -> Sequence[OrderLine]:
        return ()

    def link(self, order_id: str) -> str:
        return f"{order_id}.signed"


class NoQuotes:
    """No book is known by its title."""

    def quotes(self, isbns: object) -> dict[Isbn, object]:
        return {}


@dataclass
class Provider:
    """`then` decides about each mail: it returns, or raises what a provider would."""

    taken: list[Outgoing] = field(default_factory=list)
    calls: int = 0
    then: Callable[[Outgoing], None] = lambda mail: None

    def send(self, mail: Outgoing, *, again: bool) -> str | None:
        self.calls += 1
        self.then(mail)
        self.taken.append(mail)
        return f"provider-{mail.id}"

    def subjects(self, to: str | None = None) -> list[str]:
        return [one.letter.subject for one in self.taken if to is None or one.to == to]


@dataclass
class Queue:
    """The queue of mails, as its publisher sees it."""

    waiting: list[Message] = field(default_factory=list)

    def publish(self, destination: str, messages: Sequence[Message], patience: float) -> None:
        assert destination == "mails"
        self.waiting += messages


@dataclass
class PostOffice:
    database: Database
    clock: ManualClock
    orders: Orders
    provider: Provider
    queue: Queue
    relay: Relay
    transactions: SqlTransactions
    subscribers: Subscribers
    telling: Telling
    sending: Sending
    book: PreferenceBook
    dead: list[Message] = field(default_factory=list)

    def order(self, email: str = "anna@example.org", customer: str | None = None) -> str:
        """A new one, placed by this buyer."""
        order_id = f"{next(_numbers):032x}"
        self.orders.receipts[order_id] = receipt_of(order_id, email, customer)
        return order_id

    def deliver(self) -> None:
        """Brings all that waits to the sender, and counts what it refuses as a broker would."""
        self.relay.send_due()
        while self.queue.waiting:
            message = self.queue.waiting.pop(0)
            asked = Envelope.parse(message.body).payload(SendMail)
            for _ in range(DELIVERIES):
                try:
                    self.sending.send(asked.mail_id)
                    break
                except MailHopeless:
                    continue
            else:
                self.dead.append(message)
            self.relay.send_due()

    def pass_time(self, by: timedelta, step: timedelta = timedelta(minutes=1)) -> None:
        """Time passes, and the timer and the queue do what they do meanwhile."""
        left = by
        while left > timedelta():
            self.clock.advance(min(step, left))
            left -= step
            self.sending.wake_overdue()
            self.deliver()

    def placed(self, order_id: str, event_id: str | None = None) -> None:
        self.telling.placed(event(event_id or f"placed-{order_id}"), order_placed(order_id))


def order_placed(order_id: str) -> OrderPlaced:
    return OrderPlaced(
        order_id=order_id,
        order_number="B-1",
        customer_id=None,
        cart_id=None,
        lines=(),
        total=2692,
        currency="GBP",
        shipping_method="standard",
        country="GB",
        placed_at=START,
    )


def event(event_id: str, payload: Payload | None = None, subject: str = "about") -> Envelope:
    return Envelope(
        id=event_id,
        source="/tests",
        type="anything" if payload is None else payload.kind,
        subject=subject,
        time=START,
        data={} if payload is None else payload.model_dump(mode="json"),
    )


def empty_database(folder: Path) -> None:
    open_database(folder, "notifications", LOCATION).dispose()


@contextmanager
def post_office(folder: Path, chance: Callable[[], float] = lambda: 0.0) -> Iterator[PostOffice]:
    """Sooner opened where the folder holds what `empty_database` made."""
    database = open_database(folder, "notifications", LOCATION)
    clock = ManualClock(START)
    orders, provider, queue = Orders(), Provider(), Queue()
    transactions = SqlTransactions(database, clock, lambda: None)
    subscribers = Subscribers("a secret of the shop")
    sending = Sending(
        transactions,
        orders,
        NoQuotes(),  # type: ignore[arg-type]
        LETTERS,
        provider,
        subscribers,
        Pages("https://books.test"),
        clock,
        STAFF,
        chance,
    )
    yield PostOffice(
        database,
        clock,
        orders,
        provider,
        queue,
        Relay(database, outbox, queue, clock),
        transactions,
        subscribers,
        Telling(transactions, orders, subscribers, clock, STAFF),
        sending,
        PreferenceBook(transactions, subscribers),
    )
    database.dispose()
