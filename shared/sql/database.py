"""One service's database: a primary that decides, and perhaps a replica that is read.

Nothing connects before the first block is entered. All of it may be used from any thread.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.kit.provider import Provider
from shared.sql.connections import Connections
from shared.sql.engines import patient, sql_server, sqlite_reader, sqlite_writer
from shared.sql.faults import DatabaseBusy, is_deadlock, is_transient, known_fault
from shared.telemetry import is_recording, span

T = TypeVar("T")

DEADLOCK_TRIES = 4
_CONNECTION_PATIENCE_SECONDS = 60
"""A serverless database that was paused needs about a minute before it takes the first sign-in."""


class Database:
    """Every block raises DatabaseBusy (503, Retry-After) when no connection or lock comes free, and
    DatabaseFull (503) when the disk is.

    Blocks do not nest: a second `write` in the same thread would wait for the first.
    """

    def __init__(
        self,
        url: str,
        read_url: str | None = None,
        *,
        fsync_full: bool = False,
        in_bulk: bool = False,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`read_url` names a replica; `fsync_full` has SQLite wait for the disk at each commit.

        `in_bulk` is for a process that writes much and answers nobody meanwhile.
        """
        primary = make_url(url)
        replica = make_url(read_url) if read_url else primary
        self._pause = pause
        self._name = Path(primary.database or "").stem
        self._described = {
            "db.system.name": "sqlite"
            if primary.get_backend_name() == "sqlite"
            else "microsoft.sql_server",
            "db.namespace": self._name,
            "db.operation.name": "transaction",
        }
        self._count = itertools.count(1)
        self.commits = 0
        """A number that is another one after each `write` and `run` of this process."""
        self._primary: Provider[Connections]
        self._writer: Provider[Connections]
        if primary.get_backend_name() == "sqlite":
            self._primary = Provider(lambda: sqlite_reader(primary, fsync_full=fsync_full))
            self._writer = Provider(
                lambda: sqlite_writer(primary, fsync_full=fsync_full, in_bulk=in_bulk)
            )
            self._replica = Provider(lambda: sqlite_reader(replica, fsync_full=fsync_full))
        else:
            self._primary = self._writer = Provider(lambda: sql_server(primary))
            self._replica = Provider(lambda: sql_server(replica, read_only=True))
        if not read_url or (replica == primary and primary.get_backend_name() == "sqlite"):
            self._replica = self._primary

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Reads that may be a moment old: from the replica where there is one."""
        with self._block(self._replica) as connection:
            yield connection

    @contextmanager
    def primary(self) -> Iterator[Connection]:
        """Reads that decide something, without writing."""
        with self._block(self._primary) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction on the primary: committed at the end of the block, or not at all.

        SQLite takes the write lock at once, so that what is read inside cannot change.
        """
        with self._observed(), self._block(self._writer) as connection, connection.begin():
            yield connection
        self.commits = next(self._count)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A writing connection that leaves its transactions to the caller; for changes of the
        schema, which on SQL Server may take as long as they need.
        """
        with self._block(self._writer) as connection, patient(connection):
            yield connection

    def run(self, work: Callable[[Connection], T]) -> T:
        """`write` around `work`, started again when SQL Server asks for it.

        A connection can break after the commit was taken, so `work` must be harmless when it is
        done twice: guarded by an idempotency key, an id or a version.
        """
        last_call = time.monotonic() + _CONNECTION_PATIENCE_SECONDS
        tries = 0
        while True:
            tries += 1
            try:
                with (
                    self._observed(),
                    self._writer().connect() as connection,
                    connection.begin(),
                ):
                    result = work(connection)
                self.commits = next(self._count)
                return result
            except PoolTimeout as error:
                raise DatabaseBusy from error
            except DBAPIError as error:
                wait = min(0.05 * 2**tries, 10.0)
                patient = time.monotonic() + wait < last_call
                if is_transient(error) and (
                    tries < DEADLOCK_TRIES if is_deadlock(error) else patient
                ):
                    self._pause(wait)
                elif fault := known_fault(error):
                    raise fault from error
                else:
                    raise

    def _observed(self) -> AbstractContextManager[object]:
        """A transaction's span, from waiting for a connection to the commit. Statements have none:
        each costs less than a span."""
        if not is_recording():
            return nullcontext()
        return span(f"transaction {self._name}", kind="client", attributes=self._described)

    def dispose(self) -> None:
        """Closes the idle connections; the next block opens new ones."""
        for connections in {self._primary(), self._writer(), self._replica()}:
            connections.dispose()

    @contextmanager
    def _block(self, connections: Provider[Connections]) -> Iterator[Connection]:
        try:
            with connections().connect() as connection:
                yield connection
        except (DBAPIError, PoolTimeout) as error:
            if fault := known_fault(error):
                raise fault from error
            raise
