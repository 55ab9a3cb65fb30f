"""Two clocks behind one port.

Business time can be moved (saga limits, reservations, cart TTL, schedules, carriers). Machine time
cannot (leases, locks, tokens, signatures, backoff, rate limits). In the cloud both are the
machine's clock.
"""

import json
import logging
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

_log = logging.getLogger(__name__)
_LARGEST_OFFSET = timedelta(days=365 * 1000)


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
    A missing file means no offset. A damaged one leaves the last good offset in force, and is
    reported once in the log: the shop goes on.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._name = os.fspath(file)
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._reported: tuple[int, int] | None = None
        self._offset = timedelta()

    def business_now(self) -> datetime:
        return datetime.now(UTC) + self._current_offset()

    def _current_offset(self) -> timedelta:
        try:
            status = os.stat(self._name)  # which a Path would build anew each time
        except FileNotFoundError:
            return timedelta()
        seen = (status.st_mtime_ns, status.st_ino)
        with self._lock:
            if seen != self._seen:
                try:
                    self._offset = _read_offset(self._file)
                    self._seen = seen
                except FileNotFoundError:
                    return timedelta()
                except (OSError, ValueError, RecursionError) as error:
                    # It is read again each time: what kept it from being read may be over.
                    if seen != self._reported:
                        self._reported = seen
                        _log.warning("%s is damaged, business time stays: %s", self._file, error)
        return self._offset


def _read_offset(file: Path) -> timedelta:
    """Raises ValueError where the file does not say how far business time is moved."""
    content = json.loads(file.read_text("utf-8"))
    seconds = content.get("offset_seconds") if isinstance(content, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError("offset_seconds is not a number")
    # Comparing comes first: a number may be too large for a timedelta, or none at all.
    if not abs(seconds) <= _LARGEST_OFFSET.total_seconds():
        raise ValueError("offset_seconds leads out of the calendar")
    return timedelta(seconds=seconds)


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
