from typing import TYPE_CHECKING

import azure.functions as func

from functions.checkout import triggers
from shared.config import Settings
from shared.http.edge import Edge
from shared.kit.clock import Clock
from shared.kit.provider import Provider
from shared.messaging.telling import Told
from wiring.common import service_bus

if TYPE_CHECKING:
    from functions.checkout.service.back_office import BackOffice
    from functions.checkout.service.customers import Customers
    from functions.checkout.service.news import News
    from functions.checkout.service.orders import GuestLinks, OrderBook, Visitors
    from functions.checkout.service.receipts import OrderReceipts
    from functions.checkout.service.starting import CheckoutIds, Starting
    from functions.checkout.service.steps import Steps
    from functions.checkout.service.sweeping import Sweeping
    from functions.checkout.service.watching import Watching
    from functions.checkout.store.transactions import SqlTransactions
    from shared.contracts.notifications import Correspondences
    from shared.messaging.relay import Relay
    from shared.sql.database import Database
    from wiring.cart import Cart
    from wiring.inventory import Inventory
    from wiring.payments import Payments
    from wiring.shipping import Shipping


class Checkout:
    """The parts of the checkout service, each built once, when first asked for.

    `orders`, `receipts` and `access` are what other services ask (`shared.contracts.orders`).
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        inventory: "Inventory",
        cart: "Cart",
        payments: "Payments",
        shipping: "Shipping",
        correspondences: "Provider[Correspondences]",
        told: Told,
    ) -> None:
        from functions.checkout.service.watching import Bell

        self._settings = settings
        self._clock = clock
        self._inventory = inventory
        self._cart = cart
        self._shipping = shipping
        self._correspondences = correspondences
        self._told = told
        self._bell = Bell()
        self.database = Provider(self._database)
        self.relay = Provider(self._relay)
        self.transactions = Provider(self._transactions)
        self.orders = Provider(self._orders)
        self.receipts = Provider(self._receipts)
        self.access = Provider(self._access)
        self._parts = triggers.Parts(
            starting=Provider(self._starting),
            watching=Provider(self._watching),
            orders=self.orders,
            back_office=Provider(self._back_office),
            customers=Provider(self._customers),
            steps=Provider(self._steps),
            news=Provider(self._news),
            sweeping=Provider(self._sweeping),
            relay=self.relay,
            ids=Provider(self._ids),
            links=Provider(self._links),
            carts=cart.carts,
            payments=payments.views,
            cookie=cart.cookie,
        )

    def blueprint(self, edge: Edge) -> func.Blueprint:
        return triggers.blueprint(edge, self._parts)

    def check(self) -> None:
        """That the database answers and has its tables."""
        with self.transactions().read() as transaction:
            transaction.orders.find("none")

    def _database(self) -> "Database":
        from shared.sql.database import Database

        return Database(
            self._settings.require("SQL_ORDERS"), fsync_full=self._settings.SHOP_FSYNC == "full"
        )

    def _relay(self) -> "Relay":
        from functions.checkout.store.tables import outbox
        from shared.messaging.relay import Relay

        return Relay(self.database(), outbox, service_bus(self._settings), self._clock)

    def _transactions(self) -> "SqlTransactions":
        from functions.checkout.store.transactions import SqlTransactions

        return SqlTransactions(
            self.database(),
            self._clock,
            lambda: self.relay().nudge(),
            self._bell.ring,
            self._told,
        )

    def _starting(self) -> "Starting":
        from functions.checkout.service.starting import Starting

        return Starting(
            self.transactions(),
            self._shipping.addresses(),
            self._parts.ids(),
            self._settings.require("SHOP_CURRENCY"),
        )

    def _steps(self) -> "Steps":
        from functions.checkout.service.steps import Steps

        return Steps(
            self.transactions(),
            self._inventory.quotes(),
            self._inventory.holds(),
            self._shipping.rates(),
            self._shipping.shipments(),
        )

    def _watching(self) -> "Watching":
        from functions.checkout.service.watching import Watching

        return Watching(self.transactions(), self._bell)

    def _orders(self) -> "OrderBook":
        from functions.checkout.service.orders import OrderBook

        return OrderBook(self.transactions(), self._shipping.shipments())

    def _back_office(self) -> "BackOffice":
        from functions.checkout.service.back_office import BackOffice

        return BackOffice(self.transactions(), self._settings.require("SHOP_CURRENCY"))

    def _access(self) -> "Visitors":
        from functions.checkout.service.orders import Visitors

        return Visitors(self.transactions(), self._parts.links())

    def _receipts(self) -> "OrderReceipts":
        from functions.checkout.service.receipts import OrderReceipts

        return OrderReceipts(self.transactions(), self._parts.links())

    def _customers(self) -> "Customers":
        from functions.checkout.service.customers import Customers

        return Customers(
            self.transactions(),
            self._shipping.addresses(),
            self._cart.carts(),
            self._correspondences(),
        )

    def _news(self) -> "News":
        from functions.checkout.service.news import News

        return News(self.transactions())

    def _sweeping(self) -> "Sweeping":
        from functions.checkout.service.sweeping import Sweeping

        return Sweeping(self.transactions())

    def _ids(self) -> "CheckoutIds":
        from functions.checkout.service.starting import CheckoutIds

        return CheckoutIds(self._settings.require("SHOP_SECRET"))

    def _links(self) -> "GuestLinks":
        from functions.checkout.service.orders import GuestLinks

        return GuestLinks(self._settings.require("SHOP_SECRET"), self._clock)
