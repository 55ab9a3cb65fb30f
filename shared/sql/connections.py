"""Where blocks get their connections from."""

import threading
from collections import deque
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
    bring it back costs more than SQLite needs for what most blocks do.

    Whoever waits longest comes first. Otherwise the thread that brings one back would take it again
    for its next block, before one of those that wait has woken up.
    """

    def __init__(self, engine: Engine, size: int, wait_seconds: float) -> None:
        self._engine = engine
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._free: list[Connection | None] = [None] * size
        """None is one that is still to be opened."""
        self._waiting: deque[SimpleQueue[Connection | None]] = deque()

    @property
    def waiting(self) -> int:
        """How many blocks wait for one."""
        return len(self._waiting)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        kept = self._take()
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
            self._give(connection)

    def dispose(self) -> None:
        with self._lock:
            idle, self._free = self._free, [None] * len(self._free)
        for kept in idle:
            if kept is not None:
                kept.close()
        self._engine.dispose()

    def _take(self) -> Connection | None:
        with self._lock:
            if self._free:
                return self._free.pop()
            turn: SimpleQueue[Connection | None] = SimpleQueue()
            self._waiting.append(turn)
        try:
            return turn.get(timeout=self._wait_seconds)
        except Empty as error:
            with self._lock:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                    raise DatabaseBusy from error
            return turn.get()  # it came at the last moment

    def _give(self, connection: Connection | None) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().put(connection)
            else:
                self._free.append(connection)
