"""Reads through the cache: one that is new enough, or built once however many ask at once."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from shared.cache.changes import Changes
from shared.cache.port import Cache, Entry
from shared.telemetry.metrics import CACHE_LOOKUPS

Build = Callable[[bool], Entry]
"""Builds an answer; True asks for the primary instead of a replica."""

_PATIENCE_SECONDS = 15
_HIT, _MISS, _SHARED = ({"outcome": outcome} for outcome in ("hit", "miss", "shared"))
_TOLERATED_SECONDS = 0.7
"""With the time between two looks at the log, less than the second within which writes are seen."""


class Answers(Protocol):
    def read(self, key: str, lifetime_seconds: float, build: Build) -> Entry: ...


class UncachedAnswers:
    """Builds each answer anew."""

    def read(self, key: str, lifetime_seconds: float, build: Build) -> Entry:
        return build(False)


class CachedAnswers:
    """An answer's version says which changes it knows of, so the age of a replica cannot matter:
    one that lags behind a change gives a version that is too low, and the primary is asked.
    """

    def __init__(
        self, cache: Cache, changes: Changes, now: Callable[[], float] = time.time
    ) -> None:
        self._cache = cache
        self._changes = changes
        self._now = now
        self._lock = threading.Lock()
        self._flights: dict[str, _Flight] = {}

    def read(self, key: str, lifetime_seconds: float, build: Build) -> Entry:
        """Raises what `build` raises, to all who wait for it."""
        self._changes.follow()
        entry = self._cache.get(key)
        waited = False
        while entry is None or not self._is_new_enough(entry):
            with self._lock:
                flight = self._flights.get(key)
                leads = flight is None
                if flight is None:
                    flight = self._flights[key] = _Flight()
            if leads:
                CACHE_LOOKUPS.record(1, _MISS)
                return self._lead(flight, key, lifetime_seconds, build)
            # One that took off before the last change was read may bring too little.
            entry = flight.wait()
            waited = True
        CACHE_LOOKUPS.record(1, _SHARED if waited else _HIT)
        return entry

    def _is_new_enough(self, entry: Entry) -> bool:
        if entry.version < self._changes.floor(entry.tag):
            return False
        if not entry.loose or entry.version >= self._changes.newest:
            return True
        return -1.0 < self._now() - entry.made_at < _TOLERATED_SECONDS

    def _lead(self, flight: "_Flight", key: str, lifetime_seconds: float, build: Build) -> Entry:
        try:
            entry = build(False)
            if not self._is_new_enough(entry):
                entry = build(True)
            self._cache.put(key, entry, lifetime_seconds)
            flight.entry = entry
            return entry
        except BaseException as error:
            flight.error = error
            raise
        finally:
            with self._lock:
                del self._flights[key]
            flight.landed.set()


class _Flight:
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.entry: Entry | None = None
        self.error: BaseException | None = None

    def wait(self) -> Entry | None:
        """None where it did not land in time."""
        if not self.landed.wait(_PATIENCE_SECONDS):
            return None
        if self.error is not None:
            raise self.error
        return self.entry
