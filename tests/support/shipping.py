"""Shipping to test on: a database with its schema, a clock, and a carrier where one is given."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from functions.shipping.migrations import LOCATION
from functions.shipping.ports import Carrier
from functions.shipping.service.addresses import AddressBook
from functions.shipping.service.carrier_events import CarrierEvents
from functions.shipping.service.shipments import Shipments
from functions.shipping.service.watching import Watch
from functions.shipping.shipment_model import Shipment
from functions.shipping.store.tables import outbox
from functions.shipping.store.transactions import SqlTransactions
from shared.contracts.envelope import Envelope
from shared.contracts.orders import Contact, Delivery, OrderLine, OrderPlaced
from shared.contracts.shipping import TOPIC
from shared.kit.clock import Clock, ManualClock
from shared.kit.isbn import Isbn
from shared.messaging.relay import Relay
from shared.sql.database import Database
from tests.support.buying import Mailbox
from tests.support.carrier import CarrierSandbox
from tests.support.databases import open_database
from tests.support.inventory import START

_numbers = itertools.count(1)
LONDON = Delivery(
    name="Anna Reader",
    line1="12 Long Lane",
    line2=None,
    city="London",
    region=None,
    postcode="EC1A 9HF",
    country="GB",
)


@dataclass
class ShippingBench:
    database: Database
    clock: ManualClock
    addresses: AddressBook


@contextmanager
def shipping_bench(folder: Path) -> Iterator[ShippingBench]:
    database = database_in(folder)
    clock = ManualClock(START)
    yield ShippingBench(database, clock, AddressBook(SqlTransactions(database, clock)))
    database.dispose()


def database_in(folder: Path) -> Database:
    return open_database(folder, "shipping", LOCATION)


@dataclass
class KnownOrders:
    """Checkout, as far as shipping asks it."""

    deliveries: dict[str, Delivery | None] = field(default_factory=dict)
    visible_to: str = "anna"

    def delivery(self, order_id: str) -> Delivery | None:
        return self.deliveries.get(order_id, LONDON)

    def contact(self, order_id: str) -> Contact | None:
        return None

    def lines(self, order_id: str) -> tuple[OrderLine, ...]:
        return ()

    def may_see(self, order_id: str, customer_id: str | None, token: str | None) -> bool:
        return self.visible_to in (customer_id, token)


@dataclass
class Depot:
    """A shipping service that talks to the sandbox's carrier."""

    sandbox: CarrierSandbox
    database: Database
    clock: Clock
    carrier: Carrier
    known: KnownOrders
    transactions: SqlTransactions
    shipments: Shipments
    events: CarrierEvents
    mailbox: Mailbox
    relay: Relay

    def watch(self) -> Watch:
        """Another worker in each call: each has its own memory of a carrier that is down."""
        return Watch(self.transactions, self.carrier, lambda: self.known, self.clock)

    def place(self, *lines: OrderLine, order_id: str | None = None, **said: Any) -> str:
        """An order of one paperback, unless lines are given; not looked after yet."""
        order_id = order_id or f"order-{next(_numbers)}-{datetime.now(UTC).timestamp()}"
        event = placed(order_id, *lines, at=self.clock.business_now(), **said)
        self.shipments.placed(envelope(event), event)
        return order_id

    def ship(self, *lines: OrderLine, **said: Any) -> str:
        """An order with its labels bought."""
        order_id = self.place(*lines, **said)
        self.watch().run()
        return order_id

    def of(self, order_id: str) -> list[Shipment]:
        return list(self.transactions.look(lambda t: t.shipments.of_order(order_id)))

    def one(self, order_id: str) -> Shipment:
        [found] = self.of(order_id)
        return found

    def hear(self, order_id: str, advance: str | None = None) -> None:
        """Moves the clock, and receives all webhooks about the order's parcels, in order."""
        if advance is not None:
            self.sandbox.advance(advance)
        for shipment in self.of(order_id):
            assert shipment.tracker is not None
            self.carrier.track(shipment.tracker)  # the sandbox moves its parcels along
            for body in self.sandbox.events(shipment.tracker):
                self.receive(body)

    def receive(self, body: bytes) -> None:
        """Takes a webhook in and applies it, as the queue would have it done."""
        self.events.take_in(body, self.sandbox.signed(body))
        self.events.apply(self.carrier.read(body).id)

    def told(self, order_id: str) -> list[str]:
        """What was announced of the order, in order; without `shipment.`"""
        return [event.type.removeprefix("shipment.") for event in self.announced(order_id)]

    def announced(self, order_id: str, kind: str | None = None) -> list[Envelope]:
        self.relay.send_due()
        return [
            event
            for to, event in self.mailbox.taken
            if to == TOPIC and event.subject == order_id and kind in (None, event.type)
        ]


def line(quantity: int = 1, grams: int = 300, number: int = 1) -> OrderLine:
    return OrderLine(
        line=number,
        isbn=Isbn("9780141439846"),
        quantity=quantity,
        unit_price=899,
        weight_grams=grams,
    )


def placed(order_id: str, *lines: OrderLine, at: datetime = START, **said: Any) -> OrderPlaced:
    return OrderPlaced.model_validate(
        {
            "order_id": order_id,
            "order_number": "B-1",
            "customer_id": "anna",
            "cart_id": None,
            "lines": [one.model_dump() for one in lines or (line(),)],
            "total": 899,
            "currency": "GBP",
            "shipping_method": "standard",
            "country": "GB",
            "placed_at": at,
            **said,
        }
    )


def envelope(event: OrderPlaced, event_id: str | None = None) -> Envelope:
    return Envelope(
        id=event_id or f"event {next(_numbers)} {event.order_id[:32]}",
        source="/checkout",
        type=event.kind,
        subject=event.order_id,
        time=event.placed_at,
        data=event.model_dump(mode="json"),
    )


@contextmanager
def open_depot(folder: Path, sandbox: CarrierSandbox, carrier: Carrier) -> Iterator[Depot]:
    database, clock = database_in(folder), sandbox.clock()
    known, mailbox = KnownOrders(), Mailbox()
    transactions = SqlTransactions(database, clock, lambda: None)
    yield Depot(
        sandbox,
        database,
        clock,
        carrier,
        known,
        transactions,
        Shipments(transactions, lambda: known, lambda: known),
        CarrierEvents(transactions, carrier),
        mailbox,
        Relay(database, outbox, mailbox, clock),
    )
    database.dispose()
