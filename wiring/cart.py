import asyncio
from typing import TYPE_CHECKING

import azure.functions as func

from functions.cart import triggers
from functions.cart.later import Later
from functions.cart.model import LIFETIME
from shared.config import Settings
from shared.config.settings import DOCUMENTS
from shared.contracts.catalogue import Quotes
from shared.http.cookies import CartCookie
from shared.http.edge import Edge
from shared.kit.clock import Clock
from shared.kit.errors import NotConfigured
from shared.kit.provider import Provider
from wiring.common import service_bus

if TYPE_CHECKING:
    from functions.cart.service import CartService
    from shared.documents.port import DocumentStore


class Cart:
    """The parts of the cart service, each built once, when first asked for.

    `carts` is what others ask (`shared.contracts.carts.Carts`).
    """

    def __init__(self, settings: Settings, clock: Clock, quotes: Provider[Quotes]) -> None:
        self._settings = settings
        self._clock = clock
        self._quotes = quotes
        self.cookie = Provider(self._cookie)
        self.carts = Provider(self._carts)

    def blueprint(self, edge: Edge) -> func.Blueprint:
        return triggers.blueprint(edge, self.carts, self.cookie, Provider(self._later))

    def check(self) -> None:
        """That the store of documents answers."""
        asyncio.run(self._check())

    async def _check(self) -> None:
        documents = self._documents()
        try:
            await documents.check()
        finally:
            await documents.close()

    def _cookie(self) -> CartCookie:
        return CartCookie(self._settings.require("PUBLIC_BASE_URL"), LIFETIME)

    def _carts(self) -> "CartService":
        from functions.cart.prices import BoundedPrices
        from functions.cart.service import CartService
        from functions.cart.store import DocumentCarts

        return CartService(
            DocumentCarts(self._documents()),
            BoundedPrices(self._quotes),
            self._clock,
            self._settings.require("SHOP_CURRENCY"),
        )

    def _later(self) -> Later:
        return Later(service_bus(self._settings), self._clock)

    def _documents(self) -> "DocumentStore":
        from functions.cart.store import CONTAINER
        from shared.documents.cosmos import CosmosAccount, CosmosDocuments
        from shared.documents.sqlite import SqliteDocuments

        settings = self._settings
        file = settings.DOCUMENTS_FILE
        if file is not None:
            full = settings.SHOP_FSYNC == "full"
            return SqliteDocuments(file, CONTAINER, self._clock, fsync_full=full)
        account = CosmosAccount(
            settings.CosmosConnection__accountEndpoint,
            settings.optional("CosmosConnection"),
            settings.COSMOS_DATABASE,
            settings.COSMOS_REGIONS,
        )
        if account.endpoint is None and account.connection_string is None:
            raise NotConfigured(f"Missing: {DOCUMENTS}.", headers={"Retry-After": "60"})
        return CosmosDocuments(account, CONTAINER)
