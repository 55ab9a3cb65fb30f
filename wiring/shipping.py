from typing import TYPE_CHECKING

import azure.functions as func

from functions.shipping import triggers
from shared.config import Settings
from shared.contracts.catalogue import Quotes
from shared.contracts.orders import OrderAccess, OrderLookup
from shared.http.edge import Edge
from shared.kit.clock import Clock
from shared.kit.provider import Provider
from shared.messaging.telling import Told
from wiring.cart import Cart
from wiring.common import service_bus

if TYPE_CHECKING:
    from functions.shipping.ports import Carrier, Transactions
    from functions.shipping.service.addresses import AddressBook
    from functions.shipping.service.carrier_events import CarrierEvents
    from functions.shipping.service.rates import ShippingRates
    from functions.shipping.service.shipments import Shipments
    from functions.shipping.service.watching import Watch
    from shared.messaging.relay import Relay
    from shared.sql.database import Database


class Shipping:
    """The parts of the shipping service, each built once, when first asked for.

    `addresses`, `rates` and `shipments` (as `Voids`) are what checkout asks
    (`shared.contracts.shipping`); `orders` and `access` are what shipping asks of checkout.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        quotes: Provider[Quotes],
        cart: Cart,
        orders: Provider[OrderLookup],
        access: Provider[OrderAccess],
        told: Told,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._quotes = quotes
        self._cart = cart
        self._orders = orders
        self._access = access
        self._told = told
        self.database = Provider(self._database)
        self.relay = Provider(self._relay)
        self.transactions = Provider(self._transactions)
        self.addresses = Provider(self._addresses)
        self.rates = Provider(self._rates)
        self.carrier = Provider(self._carrier)
        self.shipments = Provider(self._shipments)
        self.events = Provider(self._events)
        self.watch = Provider(self._watch)

    def blueprint(self, edge: Edge) -> func.Blueprint:
        return triggers.blueprint(
            edge,
            triggers.Parts(
                self.addresses,
                self.rates,
                self.shipments,
                self.events,
                self.watch,
                self.relay,
                self._cart.carts,
                self._cart.cookie,
            ),
        )

    def check(self) -> None:
        """That the database answers and has its tables."""
        self.transactions().look(lambda transaction: transaction.shipments.find("none"))

    def _database(self) -> "Database":
        from shared.sql.database import Database

        return Database(
            self._settings.require("SQL_SHIPPING"),
            fsync_full=self._settings.SHOP_FSYNC == "full",
        )

    def _relay(self) -> "Relay":
        from functions.shipping.store.tables import outbox
        from shared.messaging.relay import Relay

        return Relay(self.database(), outbox, service_bus(self._settings), self._clock)

    def _transactions(self) -> "Transactions":
        from functions.shipping.store.transactions import SqlTransactions

        return SqlTransactions(
            self.database(), self._clock, lambda: self.relay().nudge(), self._told
        )

    def _addresses(self) -> "AddressBook":
        from functions.shipping.service.addresses import AddressBook

        return AddressBook(self.transactions())

    def _rates(self) -> "ShippingRates":
        from functions.shipping.service.rates import ShippingRates

        return ShippingRates(self._quotes(), self._clock, self._settings.require("SHOP_CURRENCY"))

    def _carrier(self) -> "Carrier":
        from functions.shipping.easypost.gateway import SdkCarrier

        return SdkCarrier(
            self._settings.require("EASYPOST_API_KEY"),
            self._settings.require("EASYPOST_WEBHOOK_SECRET"),
            self._settings.require("SHOP_SENDER"),
            self._settings.optional("EASYPOST_API_BASE"),
        )

    def _shipments(self) -> "Shipments":
        from functions.shipping.service.shipments import Shipments

        return Shipments(self.transactions(), self._orders, self._access)

    def _events(self) -> "CarrierEvents":
        from functions.shipping.service.carrier_events import CarrierEvents

        return CarrierEvents(self.transactions(), self.carrier())

    def _watch(self) -> "Watch":
        from functions.shipping.service.watching import Watch

        return Watch(self.transactions(), self.carrier(), self._orders, self._clock)
