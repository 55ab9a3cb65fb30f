"""The log of changes, as caches follow it."""

import sqlite3
import threading
from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, bindparam, func, make_url, select

from functions.inventory.store.tables import changes
from shared.sql.database import Database

CATALOGUE = "catalogue"
_NEWEST = select(func.max(changes.c.sequence))
_SINCE = (
    select(changes.c.sequence, changes.c.work_id, changes.c.catalogue)
    .where(changes.c.sequence > bindparam("sequence"))
    .order_by(changes.c.sequence)
)


class Watch(Protocol):
    def moved(self) -> bool: ...


class SqlChangeLog:
    """`watch` tells cheaply whether anything was committed at all."""

    def __init__(self, database: Database, watch: Watch) -> None:
        self._database = database
        self._watch = watch

    def moved(self) -> bool:
        return self._watch.moved()

    def newest(self) -> int:
        with self._database.primary() as connection:
            return newest_change(connection)

    def since(self, sequence: int) -> Sequence[tuple[int, tuple[str, ...]]]:
        """A change is tagged with its work, and `CATALOGUE` where lists must follow at once."""
        with self._database.primary() as connection:
            found = connection.execute(_SINCE, {"sequence": sequence})
            return [
                (row.sequence, (str(row.work_id), *((CATALOGUE,) if row.catalogue else ())))
                for row in found
            ]


class AlwaysMoved:
    """For a database that has to be asked."""

    def moved(self) -> bool:
        return True


class SqliteWatch:
    """Sees each commit to an SQLite file, by any process, for the price of a look at shared memory.

    https://www.sqlite.org/pragma.html#pragma_data_version
    """

    def __init__(self, url: str) -> None:
        self._file = make_url(url).database
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None

    def moved(self) -> bool:
        with self._lock:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    self._file or "", isolation_level=None, check_same_thread=False
                )
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            before, self._version = self._version, version
            return bool(before != version)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def newest_change(connection: Connection) -> int:
    """The number of the last change that this connection's snapshot knows of."""
    return connection.scalar(_NEWEST) or 0
