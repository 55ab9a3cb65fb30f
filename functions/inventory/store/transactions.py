"""One transaction on inventory's primary, seen through the ports."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from functions.inventory.ports import Transaction
from functions.inventory.store.editions import SqlEditions
from functions.inventory.store.imports import SqlImports
from functions.inventory.store.media import SqlMedia
from functions.inventory.store.reservations import SqlReservations
from functions.inventory.store.stock import SqlStock
from functions.inventory.store.tables import idempotency_keys
from shared.kit.clock import Clock
from shared.sql.database import Database
from shared.sql.idempotency import SqlDeliveries

T = TypeVar("T")


class SqlTransaction:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.now = now
        self.editions = SqlEditions(connection, now)
        self.stock = SqlStock(connection, now)
        self.reservations = SqlReservations(connection, now)
        self.media = SqlMedia(connection, now)
        self.imports = SqlImports(connection, now)
        self.deliveries = SqlDeliveries(connection, idempotency_keys, now)


class SqlTransactions:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def run(self, work: Callable[[Transaction], T]) -> T:
        return self._database.run(
            lambda connection: work(SqlTransaction(connection, self._clock.business_now()))
        )
