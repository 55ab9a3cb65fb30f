"""What people switched off, in SQL."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

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
        self.forget(subscriber)
        if off:
            self._connection.execute(
                insert(switches),
                [
                    {"subscriber": subscriber, "kind": kind, "off_since": self._now}
                    for kind in sorted(off)
                ],
            )

    def forget(self, subscriber: Subscriber) -> None:
        self._connection.execute(delete(switches).where(switches.c.subscriber == subscriber))
