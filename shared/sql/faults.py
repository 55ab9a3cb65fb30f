"""Which database errors pass by themselves, and what a caller is told when they do not.

The SQL Server numbers are Azure SQL's documented transient faults, and the deadlock victim's.
"""

import re
import sqlite3
from typing import ClassVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.kit.errors import AppError, Unavailable

_DEADLOCK = 1205
_LOCK_TIMEOUT = 1222
_TRANSIENT = frozenset(
    {_DEADLOCK, 4060, 10053, 10054, 10060, 10928, 10929, 40197, 40501, 40613, 49918, 49919, 49920}
)
_TRANSIENT_STATES = frozenset({"40001", "08001", "08S01", "HYT00", "HYT01"})
_FULL = frozenset({1101, 1105, 9002, 40544})
_NUMBER = re.compile(r"\((\d{3,5})\)")


class DatabaseBusy(AppError):
    """All connections are in use, or a lock was not freed in time. Nothing was changed."""

    status: ClassVar[int] = 503
    kind: ClassVar[str] = "busy"
    title: ClassVar[str] = "The shop is busy"

    def __init__(self) -> None:
        super().__init__("The database is busy; try again.", headers={"Retry-After": "1"})


class DatabaseFull(Unavailable):
    """The disk, or what the database may take of it, is used up. Nothing was changed."""

    kind: ClassVar[str] = "no-room"

    def __init__(self) -> None:
        super().__init__("The database has no room left on its disk; nothing was changed.")


def is_transient(error: DBAPIError) -> bool:
    """True where the same transaction, sent again whole, can be expected to pass (SQL Server)."""
    return bool(_server_numbers(error) & _TRANSIENT) or _state(error) in _TRANSIENT_STATES


def is_deadlock(error: DBAPIError) -> bool:
    return _DEADLOCK in _server_numbers(error)


def is_busy(error: DBAPIError | PoolTimeout) -> bool:
    """True where the pool was empty or a lock was held for longer than we wait."""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error.orig, sqlite3.OperationalError):
        # The low byte is the primary code; the rest says which kind of busy.
        return error.orig.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return _LOCK_TIMEOUT in _server_numbers(error) or is_transient(error)


def is_full(error: DBAPIError | PoolTimeout) -> bool:
    """True where only an operator can help, by making room."""
    if isinstance(error, PoolTimeout):
        return False
    if isinstance(error.orig, sqlite3.OperationalError):
        return error.orig.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
    return bool(_server_numbers(error) & _FULL)


def known_fault(error: DBAPIError | PoolTimeout) -> AppError | None:
    """What a caller is told of it; None where it is nobody's fault but ours."""
    if is_busy(error):
        return DatabaseBusy()
    return DatabaseFull() if is_full(error) else None


def _server_numbers(error: DBAPIError) -> set[int]:
    if error.orig is None or isinstance(error.orig, sqlite3.Error):
        return set()
    return {int(number) for number in _NUMBER.findall(str(error.orig))}


def _state(error: DBAPIError) -> str:
    """The five letters that ODBC puts first."""
    arguments = error.orig.args if error.orig is not None else ()
    return str(arguments[0]) if arguments else ""
