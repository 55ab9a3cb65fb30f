"""One transaction on shipping's primary, seen through the ports."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from functions.shipping.ports import Transaction
from functions.shipping.store.addresses import SqlAddresses
from functions.shipping.store.events import SqlCarrierEvents
from functions.shipping.store.orders import SqlOrders
from functions.shipping.store.shipments import SqlShipments
from functions.shipping.store.tables import inbox, outbox
from shared.contracts.envelope import Payload
from shared.kit.clock import Clock
from shared.messaging.outbox import Inbox, Outbox
from shared.messaging.telling import Told, untold
from shared.sql.database import Database

T = TypeVar("T")


class SqlTransaction:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.now = now
        self.addresses = SqlAddresses(connection, now)
        self.orders = SqlOrders(connection, now)
        self.shipments = SqlShipments(connection, now)
        self.events = SqlCarrierEvents(connection, now)
        self.outbox = Outbox(connection, outbox, "shipping", now)
        self.inbox = Inbox(connection, inbox, now)


def _leave_it_to_the_timer() -> None:
    pass


class SqlTransactions:
    """`nudge` and `told` are called after a commit that announced something. Who has no relay
    leaves what was announced to the timer's."""

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
            transaction = self._transaction(connection)
            result = work(transaction)
            announced = transaction.outbox.announced
            return result

        result = self._database.run(started)
        if announced:
            self._nudge()
            self._told(announced)
        return result

    def look(self, work: Callable[[Transaction], T]) -> T:
        with self._database.primary() as connection:
            return work(self._transaction(connection))

    def _transaction(self, connection: Connection) -> SqlTransaction:
        return SqlTransaction(connection, self._clock.business_now())
