"""One transaction on inventory's primary, seen through the ports."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from functions.inventory.ports import Transaction
from functions.inventory.store.editions import SqlEditions
from functions.inventory.store.imports import SqlImports
from functions.inventory.store.media import SqlMedia
from functions.inventory.store.reservations import SqlReservations
from functions.inventory.store.stock import SqlStock
from functions.inventory.store.stocktaking import SqlStocktaking
from functions.inventory.store.tables import idempotency_keys, inbox, outbox
from shared.contracts.envelope import Payload
from shared.kit.clock import Clock
from shared.messaging.outbox import Inbox, Outbox
from shared.messaging.telling import Told, untold
from shared.sql.database import Database
from shared.sql.idempotency import SqlDeliveries

T = TypeVar("T")


class SqlTransaction:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.now = now
        self.editions = SqlEditions(connection, now)
        self.stock = SqlStock(connection, now)
        self.stocktaking = SqlStocktaking(connection)
        self.reservations = SqlReservations(connection, now)
        self.media = SqlMedia(connection, now)
        self.imports = SqlImports(connection, now)
        self.deliveries = SqlDeliveries(connection, idempotency_keys, now)
        self.outbox = Outbox(connection, outbox, "inventory", now)
        self.inbox = Inbox(connection, inbox, now)


def _leave_it_to_the_timer() -> None: ...


class SqlTransactions:
    """`nudge` and `told` are called after a commit that announced something. Who has no relay
    leaves what was announced to the timer of the app."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        nudge: Callable[[], None] = _leave_it_to_the_timer,
        told: Told = untold,
    ) -> None:
        self._database = database
        self._clock = clock
        self._nudge = nudge
        self._told = told

    def run(self, work: Callable[[Transaction], T]) -> T:
        announced: Sequence[Payload] = ()

        def started(connection: Connection) -> T:
            nonlocal announced
            transaction = SqlTransaction(connection, self._clock.business_now())
            result = work(transaction)
            announced = transaction.outbox.announced
            return result

        result = self._database.run(started)
        if announced:
            self._nudge()
            self._told(announced)
        return result
