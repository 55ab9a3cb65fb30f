"""One transaction on the orders' primary, seen through the ports."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from functions.checkout.ports import Transaction
from functions.checkout.store.desk import SqlDesk
from functions.checkout.store.orders import SqlOrders
from functions.checkout.store.shoppers import SqlShoppers
from functions.checkout.store.tables import idempotency_keys, inbox, outbox
from shared.kit.clock import Clock
from shared.messaging.outbox import Inbox, Outbox
from shared.messaging.telling import Told, untold
from shared.sql.database import Database
from shared.sql.idempotency import SqlDeliveries

T = TypeVar("T")


class SqlTransaction:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.now = now
        self.orders = SqlOrders(connection, now)
        self.shoppers = SqlShoppers(connection, now)
        self.desk = SqlDesk(connection, self.orders)
        self.deliveries = SqlDeliveries(connection, idempotency_keys, now)
        self.outbox = Outbox(connection, outbox, "checkout", now)
        self.inbox = Inbox(connection, inbox, now)


class SqlTransactions:
    """`announce` and `told` are called after each commit that left something in the outbox;
    `changed`, with their ids, after each that gave orders another version."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        announce: Callable[[], None],
        changed: Callable[[Collection[str]], None],
        told: Told = untold,
    ) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce
        self._changed = changed
        self._told = told

    def run(self, work: Callable[[Transaction], T]) -> T:
        last: list[SqlTransaction] = []

        def once(connection: Connection) -> T:
            last[:] = [SqlTransaction(connection, self._clock.business_now())]
            return work(last[0])

        result = self._database.run(once)
        if announced := last[0].outbox.announced:
            self._announce()
            self._told(announced)
        if last[0].orders.changed:
            self._changed(last[0].orders.changed)
        return result

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self._database.primary() as connection:
            yield SqlTransaction(connection, self._clock.business_now())
