"""Where a timer's last and next occurrence are kept, so that a restart knows what was missed."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

_BUSY_SECONDS = 10


@dataclass(frozen=True)
class ScheduleStatus:
    """`last` None means that the timer never ran; `last_updated` None that nothing was stored."""

    last: datetime | None
    next: datetime
    last_updated: datetime | None


class ScheduleMonitor(Protocol):
    async def read(self, function: str) -> ScheduleStatus | None: ...

    async def write(self, function: str, status: ScheduleStatus) -> None: ...


class MemoryScheduleMonitor:
    """Forgets with the process."""

    def __init__(self) -> None:
        self._statuses: dict[str, ScheduleStatus] = {}

    async def read(self, function: str) -> ScheduleStatus | None:
        return self._statuses.get(function)

    async def write(self, function: str, status: ScheduleStatus) -> None:
        self._statuses[function] = status


class SqliteScheduleMonitor:
    """One row per function in `<state>/timers.db`. Several processes may use the file; a write that
    has returned survives the death of the process. A file that is deleted is made anew."""

    def __init__(self, state: Path) -> None:
        self._file = state / "timers.db"
        self._connect().close()

    async def read(self, function: str) -> ScheduleStatus | None:
        return await asyncio.to_thread(self._read, function)

    async def write(self, function: str, status: ScheduleStatus) -> None:
        await asyncio.to_thread(self._write, function, status)

    def _connect(self) -> sqlite3.Connection:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._file, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS timer_status (function TEXT PRIMARY KEY, last TEXT,"
                " next TEXT NOT NULL, last_updated TEXT) STRICT"
            )
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _read(self, function: str) -> ScheduleStatus | None:
        with closing(self._connect()) as connection:
            row = connection.execute(
                "SELECT last, next, last_updated FROM timer_status WHERE function = ?", (function,)
            ).fetchone()
        if row is None:
            return None
        last, following, updated = row
        return ScheduleStatus(_moment(last), datetime.fromisoformat(following), _moment(updated))

    def _write(self, function: str, status: ScheduleStatus) -> None:
        row = (
            function,
            status.last and status.last.isoformat(),
            status.next.isoformat(),
            status.last_updated and status.last_updated.isoformat(),
        )
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT OR REPLACE INTO timer_status VALUES (?, ?, ?, ?)", row)
            connection.execute("COMMIT")


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)
