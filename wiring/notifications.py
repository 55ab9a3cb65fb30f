from email.utils import parseaddr
from typing import TYPE_CHECKING

import azure.functions as func

from functions.notifications import triggers
from shared.config import Settings
from shared.config.settings import MAIL
from shared.http.edge import Edge
from shared.kit.clock import Clock
from shared.kit.errors import NotConfigured
from shared.kit.provider import Provider
from wiring.checkout import Checkout
from wiring.common import service_bus
from wiring.inventory import Inventory

if TYPE_CHECKING:
    from functions.notifications.ports import MailPort
    from functions.notifications.service.preferences import PreferenceBook
    from functions.notifications.service.sending import Sending
    from functions.notifications.service.subscribers import Subscribers
    from functions.notifications.service.telling import Telling
    from functions.notifications.store.transactions import SqlTransactions
    from shared.messaging.relay import Relay
    from shared.sql.database import Database


class Notifications:
    """The parts of the notifications service, each built once, when first asked for."""

    def __init__(
        self, settings: Settings, clock: Clock, inventory: Inventory, checkout: Checkout
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._inventory = inventory
        self._checkout = checkout
        self.database = Provider(self._database)
        self.relay = Provider(self._relay)
        self.transactions = Provider(self._transactions)
        self.subscribers = Provider(self._subscribers)
        self.telling = Provider(self._telling)
        self.sending = Provider(self._sending)
        self.preferences = Provider(self._preferences)

    def blueprint(self, edge: Edge) -> func.Blueprint:
        return triggers.blueprint(edge, self.telling, self.sending, self.preferences, self.relay)

    def check(self) -> None:
        """That the database answers and has its tables."""
        self.preferences().of("nobody")

    def _database(self) -> "Database":
        from shared.sql.database import Database

        return Database(
            self._settings.require("SQL_NOTIFICATIONS"),
            fsync_full=self._settings.SHOP_FSYNC == "full",
        )

    def _relay(self) -> "Relay":
        from functions.notifications.store.tables import outbox
        from shared.messaging.relay import Relay

        return Relay(self.database(), outbox, service_bus(self._settings), self._clock)

    def _transactions(self) -> "SqlTransactions":
        from functions.notifications.store.transactions import SqlTransactions

        return SqlTransactions(self.database(), self._clock, lambda: self.relay().nudge())

    def _subscribers(self) -> "Subscribers":
        from functions.notifications.service.subscribers import Subscribers

        return Subscribers(self._settings.require("SHOP_SECRET"))

    def _telling(self) -> "Telling":
        from functions.notifications.service.telling import Telling

        return Telling(
            self.transactions(),
            self._checkout.orders(),
            self.subscribers(),
            self._clock,
            self._settings.MAIL_STAFF,
        )

    def _sending(self) -> "Sending":
        from functions.notifications.letters.writer import JinjaLetters
        from functions.notifications.service.sending import Pages, Sending

        settings = self._settings
        sender = settings.require("MAIL_FROM")
        name, address = parseaddr(sender)
        return Sending(
            self.transactions(),
            self._checkout.receipts(),
            self._inventory.quotes(),
            JinjaLetters(name or address.rpartition("@")[2]),
            self._port(sender),
            self.subscribers(),
            Pages(settings.require("PUBLIC_BASE_URL")),
            self._clock,
            settings.MAIL_STAFF,
        )

    def _preferences(self) -> "PreferenceBook":
        from functions.notifications.service.preferences import PreferenceBook

        return PreferenceBook(self.transactions(), self.subscribers())

    def _port(self, sender: str) -> "MailPort":
        settings = self._settings
        reply_to = settings.MAIL_REPLY_TO
        if (sandbox := settings.optional("MAIL_SANDBOX_URL")) is not None:
            from functions.notifications.mail.sandbox import SandboxMail

            return SandboxMail(sandbox, sender, reply_to)
        if (smtp := settings.optional("MAIL_SMTP_URL")) is not None:
            from functions.notifications.mail.smtp import SmtpMail

            return SmtpMail(smtp, sender, reply_to, self._clock)
        connection = settings.optional("MAIL_CONNECTION")
        endpoint = settings.optional("MAIL_ENDPOINT")
        if connection is None and endpoint is None:
            raise NotConfigured(f"Missing: {MAIL}.", headers={"Retry-After": "60"})
        from functions.notifications.mail.azure import AzureMail, email_client

        return AzureMail(email_client(connection, endpoint), sender, reply_to)
