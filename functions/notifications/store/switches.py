"""What people switched off, in SQL."""

from contextlib import suppress
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from functions.notifications.model import Optional, Subscriber
from functions.notifications.store.tables import switches


class SqlSwitches:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def off(self, subscriber: Subscriber) -> frozenset[Optional]:
        found = select(switches.c.kind).where(switches.c.subscriber == subscriber)
        return frozenset(self._connection.scalars(found))

    def turn(self, subscriber: Subscriber, off: frozenset[Optional]) -> None:
        on_again = switches.c.kind.not_in(sorted(off))
        self._connection.execute(
            delete(switches).where(switches.c.subscriber == subscriber, on_again)
        )
        for kind in sorted(off):
            # It may be off already, or somebody turns it off at the same moment.
            with suppress(IntegrityError):
                self._connection.execute(
                    insert(switches).values(subscriber=subscriber, kind=kind, off_since=self._now)
                )

    def forget(self, subscriber: Subscriber) -> None:
        self._connection.execute(delete(switches).where(switches.c.subscriber == subscriber))
