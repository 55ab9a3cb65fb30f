"""SQLAlchemy engines for the two databases that the shop runs on: SQLite files and Azure SQL."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import PoolProxiedConnection
from sqlalchemy.pool import QueuePool

from shared.sql.connections import Connections, KeptConnections
from shared.sql.odbc import Token, identity, prepared, sign_in_by_token, signs_in_by_token
from shared.sql.sqlite_file import LOCK_WAIT_SECONDS, begin_writing, prepare

POOL_SIZE = 4
POOL_WAIT_SECONDS = 2
_WRITERS_CACHE_KIBIBYTES = 32 * 1024
_CACHE_IN_BULK_KIBIBYTES = 128 * 1024
_PAGES_OF_LOG_IN_BULK = 100_000
LOGIN_SECONDS = 15
STATEMENT_SECONDS = 30
_TOKEN_SAFE_SECONDS = 1800
"""A pooled connection is dropped at this age, well within the life of its sign-in token."""


class ReadingDialect(SQLiteDialect_pysqlite):
    """Begins by itself: a listener for it would have SQLAlchemy look for listeners four times in
    each statement."""

    driver = "reading"
    supports_statement_cache = True

    def do_begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        _raw(dbapi_connection).execute("BEGIN")


class WritingDialect(SQLiteDialect_pysqlite):
    driver = "writing"
    supports_statement_cache = True

    def do_begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        begin_writing(_raw(dbapi_connection))


registry.register("sqlite.reading", __name__, ReadingDialect.__name__)
registry.register("sqlite.writing", __name__, WritingDialect.__name__)


def sqlite_reader(url: URL, *, fsync_full: bool) -> Connections:
    """Each block of reads sees one snapshot."""
    engine = _sqlite(url, "reading", fsync_full, POOL_SIZE)
    return KeptConnections(engine, POOL_SIZE, POOL_WAIT_SECONDS)


def sqlite_writer(url: URL, *, fsync_full: bool, in_bulk: bool = False) -> Connections:
    """One connection: the threads of a process queue for it in order, instead of polling the file.

    Other processes are waited for by looking often. `in_bulk`: nobody waits for a single commit, so
    the log may grow before it is brought into the file, and the cache is larger.
    """
    engine = _sqlite(url, "writing", fsync_full, 1)
    event.listen(engine, "connect", _hold_much_more if in_bulk else _hold_what_is_written)
    event.listen(engine, "connect", _wait_by_itself)
    if in_bulk:
        event.listen(engine, "connect", _let_the_log_grow)
        event.listen(engine, "close", _bring_the_log_in)
    return KeptConnections(engine, 1, LOCK_WAIT_SECONDS)


def sql_server(
    url: URL,
    *,
    read_only: bool = False,
    token: Token | None = None,
    now: Callable[[], float] = time.time,
    login_seconds: int = LOGIN_SECONDS,
    statement_seconds: int = STATEMENT_SECONDS,
) -> Engine:
    """`token` signs in where the URL names nobody; without it, the app's own identity does.

    The engine's own pool looks at each connection's age and health.
    """
    # The ODBC driver manager would share a connection between identities: its pool does not look at
    # the token. It must be off before the first connection.
    import pyodbc

    pyodbc.pooling = False
    engine = create_engine(
        prepared(url, read_only=read_only),
        hide_parameters=True,  # they may be somebody's name and address, and errors are logged
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_pre_ping=True,
        pool_recycle=_TOKEN_SAFE_SECONDS,
        fast_executemany=True,
        connect_args={"timeout": login_seconds},
    )
    if signs_in_by_token(url):
        sign_in_by_token(engine, token or identity(), now)

    def limit_waits(connection: Any, _record: Any) -> None:
        """A server that went silent is given up; of the two, a lock is given up first, by its
        name."""
        connection.timeout = statement_seconds
        cursor = connection.cursor()
        cursor.execute(f"SET LOCK_TIMEOUT {LOCK_WAIT_SECONDS * 1000}")
        cursor.close()

    event.listen(engine, "connect", limit_waits)
    return engine


@contextmanager
def patient(connection: Connection) -> Iterator[None]:
    """Without SQL Server's limit for statements: an index of a large table takes longer."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "mssql":
        yield
        return
    limit, driver.timeout = driver.timeout, 0
    try:
        yield
    finally:
        driver.timeout = limit


def _sqlite(url: URL, driver: str, fsync_full: bool, size: int) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise ValueError("an SQLite database must be a file, since several processes share it")
    engine = create_engine(
        url.set(drivername=f"sqlite+{driver}"),
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        connect_args={"timeout": LOCK_WAIT_SECONDS, "check_same_thread": False},
    )

    def opened(connection: sqlite3.Connection, _record: Any) -> None:
        prepare(connection, fsync_full=fsync_full)

    event.listen(engine, "connect", opened)
    return engine


def _raw(connection: PoolProxiedConnection) -> Any:
    return connection.driver_connection


def _hold_what_is_written(connection: sqlite3.Connection, _record: Any) -> None:
    """A thousand books of an import touch more pages than a reader's cache has, and what it cannot
    hold is written before the end and read again.
    """
    connection.execute(f"PRAGMA cache_size=-{_WRITERS_CACHE_KIBIBYTES}")


def _hold_much_more(connection: sqlite3.Connection, _record: Any) -> None:
    """Among a million editions those thousand books change 28,000 pages of 4 KiB."""
    connection.execute(f"PRAGMA cache_size=-{_CACHE_IN_BULK_KIBIBYTES}")


def _let_the_log_grow(connection: sqlite3.Connection, _record: Any) -> None:
    """A chunk of an import fills more than the usual thousand pages: each commit would write them
    once more and wait for the disk, while most are changed again by the next. Among 200,000
    editions a chunk fills 17,000; of so many chunks as fit in here, two of five are different ones.
    The file is not shortened in between: to lengthen it again costs more than to write over it.
    """
    connection.execute(f"PRAGMA wal_autocheckpoint={_PAGES_OF_LOG_IN_BULK}")
    connection.execute("PRAGMA journal_size_limit=-1")


def _bring_the_log_in(connection: sqlite3.Connection, _record: Any) -> None:
    """Else the next commit of another process, which somebody waits for, would do it."""
    with suppress(sqlite3.Error):  # nothing is lost: it stays in the log
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _wait_by_itself(connection: sqlite3.Connection, _record: Any) -> None:
    """See `begin_writing`. Once it has begun, a writer waits for nobody."""
    connection.execute("PRAGMA busy_timeout=0")
