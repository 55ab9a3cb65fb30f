"""A till to test on: payments with its own database, talking to the sandbox's Stripe."""

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from functions.payments.migrations import LOCATION
from functions.payments.model import STRIPE_EVENTS, Payment, PaymentRecord
from functions.payments.service.reconcile import Reconciliation
from functions.payments.service.requests import Requests
from functions.payments.service.views import PaymentViews
from functions.payments.service.webhooks import StripeEvents
from functions.payments.store.ledger import unbalanced_orders
from functions.payments.store.tables import outbox
from functions.payments.store.transactions import SqlTransactions
from functions.payments.stripe.gateway import SdkGateway
from shared.contracts.payments import REQUESTS, CancelPayment, CreatePayment, RefundPayment
from shared.kit.clock import ManualClock
from shared.sql.database import Database
from tests.support.databases import open_database
from tests.support.stripe import StripeSandbox

_numbers = itertools.count(1)


def new_order() -> str:
    """Another one in each call: tests share a sandbox."""
    return f"order-{next(_numbers)}-{datetime.now(UTC).timestamp()}"


@dataclass
class RecordedReports:
    found: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def mismatch(self, order_id: str, what: str, **details: Any) -> None:
        self.found.append((order_id, what, details))


@dataclass
class Till:
    stripe: StripeSandbox
    database: Database
    clock: ManualClock
    gateway: SdkGateway
    reports: RecordedReports
    transactions: SqlTransactions
    requests: Requests
    events: StripeEvents
    views: PaymentViews
    reconciliation: Reconciliation

    def impatient(self) -> "Till":
        """The same till, with a gateway that gives up on an answer soon."""
        gateway = self.stripe.gateway(read_seconds=0.5)
        requests = Requests(self.transactions, gateway, self.clock, self.reports)
        reconciliation = Reconciliation(
            self.transactions, gateway, requests, self.events, self.reports
        )
        return replace(self, gateway=gateway, requests=requests, reconciliation=reconciliation)

    def create(self, order_id: str, amount: int = 2500) -> Payment:
        self.requests.create(
            CreatePayment(
                order_id=order_id, order_number=f"B-{order_id[:8]}", amount=amount, currency="GBP"
            )
        )
        return self.payment(order_id)

    def cancel(self, order_id: str) -> None:
        self.requests.cancel(CancelPayment(order_id=order_id))

    def refund(self, order_id: str, refund_id: str, amount: int) -> None:
        self.requests.refund(
            RefundPayment(
                order_id=order_id, refund_id=refund_id, amount=amount, reason="a torn page"
            )
        )

    def pay(self, order_id: str, card: str = "pm_card_visa") -> dict[str, Any]:
        payment = self.payment(order_id)
        assert payment.intent is not None
        assert payment.client_secret is not None
        answer: dict[str, Any] = self.stripe.pay(payment.intent, payment.client_secret, card).json()
        return answer

    def paid(self, order_id: str, amount: int = 2500) -> Payment:
        self.create(order_id, amount)
        self.pay(order_id)
        self.hear(order_id)
        return self.payment(order_id)

    def payment(self, order_id: str) -> Payment:
        found = self.transactions.run(lambda transaction: transaction.payments.find(order_id))
        assert found is not None
        return found

    def record(self, order_id: str) -> PaymentRecord:
        return self.views.record(order_id)

    def stripe_events(self, order_id: str) -> list[dict[str, Any]]:
        intent = self.payment(order_id).intent
        assert intent is not None
        return self.stripe.events(intent)

    def receive(self, event: Mapping[str, Any]) -> None:
        """Takes an event in and applies it, as the queue would have it done."""
        self.events.take_in(*self.stripe.sign(event))
        self.events.apply(event["id"])

    def hear(self, order_id: str) -> None:
        """Receives all that Stripe has to say of an order, in order."""
        for event in self.stripe_events(order_id):
            self.receive(event)

    def announced(self, order_id: str, destination: str = "payments") -> list[str]:
        """The kinds of what was announced about the order, in order."""
        return [kind for kind, _ in self.said(order_id, destination)]

    def said(
        self, order_id: str, destination: str = "payments"
    ) -> list[tuple[str, dict[str, Any]]]:
        with self.database.primary() as connection:
            rows = connection.execute(
                select(outbox.c.type, outbox.c.body)
                .where(outbox.c.aggregate == order_id, outbox.c.destination == destination)
                .order_by(outbox.c.sequence)
            )
            return [(row.type, json.loads(row.body)["data"]) for row in rows]

    def queued(self) -> list[str]:
        """The ids of the events that wait on the queue `stripe-events`."""
        with self.database.primary() as connection:
            rows = connection.execute(
                select(outbox.c.aggregate)
                .where(outbox.c.destination == STRIPE_EVENTS)
                .order_by(outbox.c.sequence)
            )
            return [row.aggregate for row in rows]

    def handle_own_requests(self, order_id: str) -> None:
        """What payments asked of itself."""
        for kind, data in self.said(order_id, REQUESTS):
            assert kind == RefundPayment.kind
            self.requests.refund(RefundPayment.model_validate(data))

    def check(self) -> None:
        with self.database.primary() as connection:
            assert list(unbalanced_orders(connection)) == []


@contextmanager
def open_till(folder: Path, sandbox: StripeSandbox) -> Iterator[Till]:
    database = open_database(folder, "payments", LOCATION)
    clock = ManualClock(datetime.now(UTC))
    reports = RecordedReports()
    gateway = sandbox.gateway()
    transactions = SqlTransactions(database, clock, lambda: None)
    requests = Requests(transactions, gateway, clock, reports)
    events = StripeEvents(transactions, gateway, reports)
    yield Till(
        sandbox,
        database,
        clock,
        gateway,
        reports,
        transactions,
        requests,
        events,
        PaymentViews(transactions, sandbox.keys.publishable_key, sandbox.url),
        Reconciliation(transactions, gateway, requests, events, reports),
    )
    database.dispose()
