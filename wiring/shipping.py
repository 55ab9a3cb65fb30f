from typing import TYPE_CHECKING

import azure.functions as func

from functions.shipping import triggers
from shared.config import Settings
from shared.contracts.catalogue import Quotes
from shared.http.edge import Edge
from shared.kit.clock import Clock
from shared.kit.provider import Provider
from wiring.cart import Cart

if TYPE_CHECKING:
    from functions.shipping.ports import Transactions
    from functions.shipping.service.addresses import AddressBook
    from functions.shipping.service.rates import ShippingRates
    from functions.shipping.service.voids import OrderVoids
    from shared.sql.database import Database


class Shipping:
    """The parts of the shipping service, each built once, when first asked for.

    `addresses`, `rates` and `voids` are what checkout asks (`shared.contracts.shipping`).
    """

    def __init__(
        self, settings: Settings, clock: Clock, quotes: Provider[Quotes], cart: Cart
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._quotes = quotes
        self._cart = cart
        self.database = Provider(self._database)
        self.transactions = Provider(self._transactions)
        self.addresses = Provider(self._addresses)
        self.rates = Provider(self._rates)
        self.voids = Provider(self._voids)

    def blueprint(self, edge: Edge) -> func.Blueprint:
        return triggers.blueprint(
            edge, self.addresses, self.rates, self._cart.carts, self._cart.cookie
        )

    def check(self) -> None:
        """That the database answers and has its tables."""
        self.addresses().address("nobody", "none")

    def _database(self) -> "Database":
        from shared.sql.database import Database

        return Database(
            self._settings.require("SQL_SHIPPING"),
            fsync_full=self._settings.SHOP_FSYNC == "full",
        )

    def _transactions(self) -> "Transactions":
        from functions.shipping.store.transactions import SqlTransactions

        return SqlTransactions(self.database(), self._clock)

    def _addresses(self) -> "AddressBook":
        from functions.shipping.service.addresses import AddressBook

        return AddressBook(self.transactions())

    def _rates(self) -> "ShippingRates":
        from functions.shipping.service.rates import ShippingRates

        return ShippingRates(self._quotes(), self._clock, self._settings.require("SHOP_CURRENCY"))

    def _voids(self) -> "OrderVoids":
        from functions.shipping.service.voids import OrderVoids

        return OrderVoids(self.transactions())
