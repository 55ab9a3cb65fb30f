"""One transaction on notifications' primary, seen through the ports."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from functions.notifications.ports import Transaction
from functions.notifications.store.mails import SqlMails
from functions.notifications.store.switches import SqlSwitches
from functions.notifications.store.tables import outbox
from shared.kit.clock import Clock
from shared.messaging.outbox import Outbox
from shared.sql.database import Database

T = TypeVar("T")


class SqlTransaction:
    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.now = clock.business_now()
        self.mails = SqlMails(connection, self.now, clock.machine_now())
        self.switches = SqlSwitches(connection, self.now)
        self.outbox = Outbox(connection, outbox, "notifications", self.now)


class SqlTransactions:
    """`nudge` is called after a commit that left something in the outbox."""

    def __init__(self, database: Database, clock: Clock, nudge: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._nudge = nudge

    def run(self, work: Callable[[Transaction], T]) -> T:
        last: list[SqlTransaction] = []

        def once(connection: Connection) -> T:
            last[:] = [SqlTransaction(connection, self._clock)]
            return work(last[0])

        result = self._database.run(once)
        if last[0].outbox.announced:
            self._nudge()
        return result

    def look(self, work: Callable[[Transaction], T]) -> T:
        with self._database.primary() as connection:
            return work(SqlTransaction(connection, self._clock))
