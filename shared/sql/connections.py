"""Where blocks get their connections from."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from queue import Empty, SimpleQueue
from typing import Protocol

from sqlalchemy import Connection, Engine

from shared.sql.faults import DatabaseBusy


class Connections(Protocol):
    def connect(self) -> AbstractContextManager[Connection]:
        """Raises DatabaseBusy, or SQLAlchemy's TimeoutError, when none comes free in time."""

    def dispose(self) -> None:
        """Closes those that are idle."""


class KeptConnections:
    """At most `size`, which stay open from block to block: to take one from an engine's pool and to
    bring it back costs more than SQLite needs for what most blocks do."""

    def __init__(self, engine: Engine, size: int, wait_seconds: float) -> None:
        self._engine = engine
        self._size = size
        self._wait_seconds = wait_seconds
        self._free: SimpleQueue[Connection | None] = SimpleQueue()
        """None is one that is still to be opened."""
        for _ in range(size):
            self._free.put(None)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        try:
            kept = self._free.get(timeout=self._wait_seconds)
        except Empty as error:
            raise DatabaseBusy from error
        connection = None
        try:
            connection = kept or self._engine.connect()
            yield connection
            if connection.in_transaction():
                connection.rollback()
        except BaseException:
            # Its state may be anything; the engine knows how to make it good, or to drop it.
            if connection is not None:
                connection.close()
            connection = None
            raise
        finally:
            self._free.put(connection)

    def dispose(self) -> None:
        for _ in range(self._free.qsize()):
            try:
                kept = self._free.get_nowait()
            except Empty:
                break
            if kept is not None:
                kept.close()
            self._free.put(None)
        self._engine.dispose()
