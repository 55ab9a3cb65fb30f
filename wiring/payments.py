from typing import TYPE_CHECKING

import azure.functions as func

from functions.payments import triggers
from shared.config import Settings
from shared.http.edge import Edge
from shared.kit.clock import Clock
from shared.kit.provider import Provider
from shared.messaging.telling import Telling
from shared.telemetry import DomainEvents
from wiring.common import service_bus

if TYPE_CHECKING:
    from functions.payments.ports import StripeGateway, Transactions
    from functions.payments.service.reconcile import Reconciliation
    from functions.payments.service.requests import Requests
    from functions.payments.service.views import PaymentViews
    from functions.payments.service.webhooks import StripeEvents
    from shared.messaging.relay import Relay
    from shared.sql.database import Database


class Payments:
    """The parts of the payments service, each built once, when first asked for.

    `views` is what checkout asks (`shared.contracts.payments.Payments`).
    """

    def __init__(self, settings: Settings, clock: Clock, events: "Provider[DomainEvents]") -> None:
        from functions.payments.service.reports import TelemetryReports

        self._settings = settings
        self._clock = clock
        self._told = Telling(events)
        self._reports = TelemetryReports(events)
        self.database = Provider(self._database)
        self.relay = Provider(self._relay)
        self.transactions = Provider(self._transactions)
        self.gateway = Provider(self._gateway)
        self.requests = Provider(self._requests)
        self.events = Provider(self._events)
        self.views = Provider(self._views)
        self.reconciliation = Provider(self._reconciliation)

    def blueprint(self, edge: Edge) -> func.Blueprint:
        return triggers.blueprint(
            edge, self.requests, self.events, self.views, self.reconciliation, self.relay
        )

    def check(self) -> None:
        """That the database answers and has its tables."""
        self.transactions().look(lambda transaction: transaction.events.raw("none"))

    def _database(self) -> "Database":
        from shared.sql.database import Database

        return Database(
            self._settings.require("SQL_PAYMENTS"),
            fsync_full=self._settings.SHOP_FSYNC == "full",
        )

    def _relay(self) -> "Relay":
        from functions.payments.store.tables import outbox
        from shared.messaging.relay import Relay

        return Relay(self.database(), outbox, service_bus(self._settings), self._clock)

    def _transactions(self) -> "Transactions":
        from functions.payments.store.transactions import SqlTransactions

        return SqlTransactions(
            self.database(), self._clock, lambda: self.relay().nudge(), self._told
        )

    def _gateway(self) -> "StripeGateway":
        from functions.payments.stripe.gateway import SdkGateway

        return SdkGateway(
            self._settings.require("STRIPE_SECRET_KEY"),
            self._settings.require("STRIPE_WEBHOOK_SECRET"),
            self._settings.optional("STRIPE_API_BASE"),
        )

    def _requests(self) -> "Requests":
        from functions.payments.service.requests import Requests

        return Requests(self.transactions(), self.gateway(), self._clock, self._reports)

    def _events(self) -> "StripeEvents":
        from functions.payments.service.webhooks import StripeEvents

        return StripeEvents(self.transactions(), self.gateway(), self._reports)

    def _views(self) -> "PaymentViews":
        from functions.payments.service.views import PaymentViews

        return PaymentViews(
            self.transactions(),
            self._settings.require("STRIPE_PUBLISHABLE_KEY"),
            self._settings.optional("STRIPE_API_BASE"),
        )

    def _reconciliation(self) -> "Reconciliation":
        from functions.payments.service.reconcile import Reconciliation

        return Reconciliation(
            self.transactions(), self.gateway(), self.requests(), self.events(), self._reports
        )
