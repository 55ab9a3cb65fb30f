"""One transaction on payments' primary, seen through the ports."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from functions.payments.ports import Transaction
from functions.payments.store.calls import SqlCalls
from functions.payments.store.events import SqlEvents
from functions.payments.store.ledger import SqlLedger
from functions.payments.store.payments import SqlPayments
from functions.payments.store.refunds import SqlRefunds
from functions.payments.store.tables import outbox
from shared.contracts.envelope import Payload
from shared.kit.clock import Clock
from shared.messaging.outbox import Outbox
from shared.messaging.telling import Told, untold
from shared.sql.database import Database

T = TypeVar("T")


class SqlTransaction:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.now = now
        self.payments = SqlPayments(connection, now)
        self.refunds = SqlRefunds(connection, now)
        self.calls = SqlCalls(connection)
        self.ledger = SqlLedger(connection, now)
        self.events = SqlEvents(connection, now)
        self.outbox = Outbox(connection, outbox, "payments", now)


class SqlTransactions:
    """`nudge` and `told` are called after a commit that announced something."""

    def __init__(
        self, database: Database, clock: Clock, nudge: Callable[[], None], told: Told = untold
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

    def look(self, work: Callable[[Transaction], T]) -> T:
        with self._database.primary() as connection:
            return work(SqlTransaction(connection, self._clock.business_now()))
