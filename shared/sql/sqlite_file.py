"""How every connection to an SQLite file is set up, whoever opens it."""

import sqlite3
import time

LOCK_WAIT_SECONDS = 10
_LOOK_EVERY_SECONDS = 0.002


def prepare(connection: sqlite3.Connection, *, fsync_full: bool) -> None:
    """Write-ahead log, foreign keys, and no transaction but those that are begun by hand.

    `fsync_full` has each commit wait for the disk.
    """
    # Python's own BEGIN would start a transaction only at the first write.
    connection.isolation_level = None
    _use_write_ahead_log(connection)
    for pragma in (
        f"synchronous={'FULL' if fsync_full else 'NORMAL'}",
        "foreign_keys=ON",
        "cache_size=-4096",
        "temp_store=MEMORY",
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")


def begin_writing(connection: sqlite3.Connection, seconds: float = LOCK_WAIT_SECONDS) -> None:
    """Takes the write lock, of a connection whose own `busy_timeout` is 0.

    SQLite looks ever less often for a lock that another process holds, up to ten times a second: of
    two busy processes, one then waits while the other takes the lock again and again. Raises
    `sqlite3.OperationalError` after so many seconds.
    """
    last = time.monotonic() + seconds
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > last:
                raise
        time.sleep(_LOOK_EVERY_SECONDS)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """The mode stays with the file.

    SQLite does not wait for the lock that the change needs: of two processes that open a new file
    at once, one would see "database is locked".
    """
    last = time.monotonic() + LOCK_WAIT_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > last:
                raise
            time.sleep(0.01)
