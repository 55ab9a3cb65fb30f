from typing import TYPE_CHECKING

import azure.functions as func

from functions.inventory import triggers
from shared.blobs.uploads import FolderUploads
from shared.config import Settings
from shared.http.edge import Edge
from shared.kit.clock import Clock
from shared.kit.provider import Provider
from shared.kit.threads import Threads
from shared.messaging.telling import Told
from wiring.common import blob_container, service_bus, storage_account

if TYPE_CHECKING:
    from functions.inventory.ports import Transactions
    from functions.inventory.service.browse import Browse
    from functions.inventory.service.catalogue import Catalogue
    from functions.inventory.service.imports import Imports
    from functions.inventory.service.media import Media
    from functions.inventory.service.returns import Returns
    from functions.inventory.service.stock import Stock
    from functions.inventory.service.stocktaking import Stocktaking
    from shared.blobs.uploads import Uploads
    from shared.cache.answers import Answers
    from shared.cache.redis import RedisCache
    from shared.contracts.catalogue import Holds, Quotes
    from shared.messaging.relay import Relay
    from shared.sql.database import Database


_READING_THREADS = 8
"""Twice the connections of a pool: when one is brought back, somebody waits for it already."""


class Inventory:
    """The parts of the inventory service, each built once, when first asked for.

    Other services ask `quotes` for what decides, `shown_quotes` for what is shown, and `holds`.
    """

    def __init__(self, settings: Settings, clock: Clock, told: Told) -> None:
        self._settings = settings
        self._clock = clock
        self._told = told
        self.database = Provider(self._database)
        self.relay = Provider(self._relay)
        self.transactions = Provider(self._transactions)
        self.browse = Provider(self._browse)
        self.catalogue = Provider(self._catalogue)
        self.stock = Provider(self._stock)
        self.stocktaking = Provider(self._stocktaking)
        self.media = Provider(self._media)
        self.imports = Provider(self._imports)
        self.returns = Provider(self._returns)
        self.uploads = self._uploads()
        self.quotes = Provider(lambda: self._quotes(primary=True))
        self.shown_quotes = Provider(lambda: self._quotes(primary=False))
        self.holds = Provider(self._holds)
        self.redis = Provider(self._redis)

    def blueprint(self, edge: Edge) -> func.Blueprint:
        return triggers.blueprint(
            edge,
            self.browse,
            self.catalogue,
            self.stock,
            self.stocktaking,
            self.media,
            self.imports,
            self.returns,
            self.uploads,
            self.relay,
        )

    def check(self) -> None:
        """That the database answers and has its tables."""
        from functions.inventory.store.change_log import newest_change

        with self.database().primary() as connection:
            newest_change(connection)

    def _database(self) -> "Database":
        from shared.sql.database import Database

        return Database(
            self._settings.require("SQL_INVENTORY"),
            self._settings.optional("SQL_INVENTORY_READ"),
            fsync_full=self._settings.SHOP_FSYNC == "full",
        )

    def _relay(self) -> "Relay":
        from functions.inventory.store.tables import outbox
        from shared.messaging.relay import Relay

        return Relay(self.database(), outbox, service_bus(self._settings), self._clock)

    def _transactions(self) -> "Transactions":
        from functions.inventory.store.transactions import SqlTransactions

        return SqlTransactions(
            self.database(), self._clock, lambda: self.relay().nudge(), self._told
        )

    def _browse(self) -> "Browse":
        from functions.inventory.service.browse import Browse
        from functions.inventory.store.search_mssql import SqlServerSearch
        from functions.inventory.store.search_sqlite import SqliteSearch
        from functions.inventory.store.shelves import SqlShelves

        search = SqliteSearch() if self._is_embedded else SqlServerSearch()
        shelves = SqlShelves(self.database(), search)
        return Browse(
            shelves,
            self._answers(Threads("shelves", _READING_THREADS)),
            self._clock,
            self._settings.require("CDN_BASE_URL"),
        )

    def _imports(self) -> "Imports":
        from functions.inventory.service.importing import Importer
        from functions.inventory.service.imports import Imports

        transactions = self.transactions()
        currency = self._settings.require("SHOP_CURRENCY")
        importer = Importer(transactions, self.catalogue(), self._clock, currency)
        return Imports(transactions, importer, self._import_files(), self._clock)

    def _import_files(self) -> "Uploads":
        if self.uploads is not None:
            return self.uploads
        from shared.blobs.azure import AzureUploads

        return AzureUploads(storage_account(self._settings), "imports")

    def _uploads(self) -> FolderUploads | None:
        """Beside the folder of blobs, which everybody may see."""
        folder = self._settings.BLOB_FOLDER
        if folder is None:
            return None
        origin = self._settings.PUBLIC_BASE_URL
        return FolderUploads(folder.with_name("uploads"), f"{origin}/api/uploads")

    def _answers(self, threads: Threads) -> "Answers":
        from functions.inventory.store.change_log import AlwaysMoved, SqlChangeLog, SqliteWatch
        from shared.cache.answers import CachedAnswers, UncachedAnswers
        from shared.cache.changes import Changes
        from shared.cache.memory import MemoryCache

        if self._settings.INVENTORY_CACHE == "off":
            return UncachedAnswers(threads)
        url = self._settings.require("SQL_INVENTORY")
        watch = SqliteWatch(url) if self._is_embedded else AlwaysMoved()
        database = self.database()
        # Seldom, because a look lets go of the interpreter's lock, and a busy server waits for it.
        changes = Changes(SqlChangeLog(database, watch), 0.25, own_commits=lambda: database.commits)
        return CachedAnswers(self.redis() or MemoryCache(), changes, threads)

    def _redis(self) -> "RedisCache | None":
        from shared.cache.redis import RedisCache

        url = self._settings.optional("REDIS_URL")
        return None if url is None else RedisCache(url)

    def _catalogue(self) -> "Catalogue":
        from functions.inventory.service.catalogue import Catalogue

        return Catalogue(
            self.transactions(),
            self._settings.require("SHOP_CURRENCY"),
            self._settings.require("CDN_BASE_URL"),
        )

    def _quotes(self, *, primary: bool) -> "Quotes":
        from functions.inventory.store.quotes import SqlQuotes

        cdn = self._settings.require("CDN_BASE_URL")
        return SqlQuotes(self.database(), self._clock, cdn, primary=primary)

    def _holds(self) -> "Holds":
        from functions.inventory.service.holds import StockHolds

        return StockHolds(self.stock())

    def _stock(self) -> "Stock":
        from functions.inventory.service.stock import Stock

        return Stock(self.transactions(), self._settings.INVENTORY_LOW_STOCK)

    def _stocktaking(self) -> "Stocktaking":
        from functions.inventory.service.stocktaking import Stocktaking

        return Stocktaking(self.transactions(), self._settings.INVENTORY_LOW_STOCK)

    def _returns(self) -> "Returns":
        from functions.inventory.service.returns import Returns

        return Returns(self.transactions())

    def _media(self) -> "Media":
        from functions.inventory.media_model import PUBLIC, UPLOADS
        from functions.inventory.service.media import Media

        return Media(
            self.transactions(),
            blob_container(self._settings, UPLOADS),
            blob_container(self._settings, PUBLIC),
            self._settings.require("CDN_BASE_URL"),
        )

    @property
    def _is_embedded(self) -> bool:
        return bool(self._settings.require("SQL_INVENTORY").startswith("sqlite:"))
