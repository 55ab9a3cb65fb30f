"""SQLAlchemy engines for the two databases that the shop runs on: SQLite files and Azure SQL."""

import sqlite3
import time
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

_LOCK_WAIT_SECONDS = 10
_POOL_SIZE = 4
_POOL_WAIT_SECONDS = 2
_TOKEN_SAFE_SECONDS = 1800
"""A pooled connection is dropped at this age, well within the life of its sign-in token."""


def sqlite_reader(url: URL, *, fsync_full: bool) -> Engine:
    """Each block of reads sees one snapshot."""
    engine = _sqlite(url, fsync_full, pool_size=_POOL_SIZE, wait=_POOL_WAIT_SECONDS)
    event.listen(engine, "begin", _begin_deferred)
    return engine


def sqlite_writer(url: URL, *, fsync_full: bool) -> Engine:
    """One connection: the threads of a process queue for it in order, instead of polling the file.

    Other processes are waited for with SQLite's own busy time-out.
    """
    engine = _sqlite(url, fsync_full, pool_size=1, wait=_LOCK_WAIT_SECONDS)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def sql_server(url: URL) -> Engine:
    # The ODBC driver manager would share a connection between identities: its pool does not look at
    # the token. It must be off before the first connection.
    import pyodbc

    pyodbc.pooling = False
    engine = create_engine(
        url,
        pool_size=_POOL_SIZE,
        max_overflow=0,
        pool_timeout=_POOL_WAIT_SECONDS,
        pool_pre_ping=True,
        pool_recycle=_TOKEN_SAFE_SECONDS,
        fast_executemany=True,
    )
    event.listen(engine, "connect", _limit_lock_waits)
    return engine


def _sqlite(url: URL, fsync_full: bool, *, pool_size: int, wait: int) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise ValueError("an SQLite database must be a file, since several processes share it")
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=wait,
        connect_args={"timeout": _LOCK_WAIT_SECONDS, "check_same_thread": False},
    )
    synchronous = "FULL" if fsync_full else "NORMAL"

    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        # We say BEGIN ourselves; Python's own would start a transaction only at the first write.
        connection.isolation_level = None
        _use_write_ahead_log(connection)
        for pragma in (
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "cache_size=-4096",
            "temp_store=MEMORY",
            "journal_size_limit=67108864",
        ):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", prepare)
    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """The mode stays with the file.

    SQLite does not wait for the lock that the change needs: of two processes that open a new file
    at once, one would see "database is locked".
    """
    last = time.monotonic() + _LOCK_WAIT_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > last:
                raise
            time.sleep(0.01)


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _limit_lock_waits(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET LOCK_TIMEOUT {_LOCK_WAIT_SECONDS * 1000}")
    cursor.close()
