"""Two clocks behind one port.

Business time can be moved (saga limits, reservations, cart TTL, schedules, carriers). Machine time
cannot (leases, locks, tokens, signatures, backoff, rate limits). In the cloud both are the
machine's clock.
"""

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    def business_now(self) -> datetime:
        """UTC, aware."""
        ...

    def machine_now(self) -> datetime:
        """UTC, aware."""
        ...


class MachineClock:
    """Both times are the machine's."""

    def business_now(self) -> datetime:
        return datetime.now(UTC)

    def machine_now(self) -> datetime:
        return datetime.now(UTC)


class SharedOffsetClock(MachineClock):
    """Business time is the machine's plus the offset in a file that all processes of a shop read.

    The file is JSON, `{"offset_seconds": number}`; it is replaced whole, never written in place.
    A missing file means no offset; one that is not JSON is an error, for time must not be guessed.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._offset = timedelta()

    def business_now(self) -> datetime:
        return datetime.now(UTC) + self._current_offset()

    def _current_offset(self) -> timedelta:
        try:
            status = os.stat(self._file)
        except FileNotFoundError:
            return timedelta()
        seen = (status.st_mtime_ns, status.st_ino)
        if seen != self._seen:
            with self._lock:
                content = json.loads(self._file.read_text("utf-8"))
                self._offset = timedelta(seconds=float(content["offset_seconds"]))
                self._seen = seen
        return self._offset


class ManualClock:
    """Stands still until it is told to move; for tests and simulations."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.business = start
        self.machine = start

    def business_now(self) -> datetime:
        return self.business

    def machine_now(self) -> datetime:
        return self.machine

    def advance(self, by: timedelta) -> None:
        """Moves both times, as real waiting does."""
        self.business += by
        self.machine += by

    def advance_business(self, by: timedelta) -> None:
        """Moves business time alone, as `POST /admin/clock` does."""
        self.business += by
