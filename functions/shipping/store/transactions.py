"""One transaction on shipping's primary, seen through the ports."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from functions.shipping.ports import Transaction
from functions.shipping.store.addresses import SqlAddresses
from functions.shipping.store.voids import SqlVoids
from shared.kit.clock import Clock
from shared.sql.database import Database

T = TypeVar("T")


class SqlTransaction:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.now = now
        self.addresses = SqlAddresses(connection, now)
        self.voids = SqlVoids(connection, now)


class SqlTransactions:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def run(self, work: Callable[[Transaction], T]) -> T:
        return self._database.run(lambda connection: work(self._transaction(connection)))

    def look(self, work: Callable[[Transaction], T]) -> T:
        with self._database.primary() as connection:
            return work(self._transaction(connection))

    def _transaction(self, connection: Connection) -> SqlTransaction:
        return SqlTransaction(connection, self._clock.business_now())
