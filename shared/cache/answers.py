"""Reads through the cache: one that is new enough, or built once however many ask at once.

They are awaited on an event loop, which answers by itself where that takes no waiting at all; what
asks a database or another machine is done in a thread.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from shared.cache.changes import Changes
from shared.cache.port import Cache, Entry
from shared.kit.threads import Threads
from shared.telemetry.metrics import CACHE_LOOKUPS

Build = Callable[[bool], Entry]
"""Builds an answer, in a thread; True asks for the primary instead of a replica."""

_HIT, _MISS, _SHARED = ({"outcome": outcome} for outcome in ("hit", "miss", "shared"))
_TOLERATED_SECONDS = 0.7
"""With the time between two looks at the log, less than the second within which writes are seen."""


class Answers(Protocol):
    def at_hand(self, key: str) -> Entry | None:
        """An answer that is new enough, found without waiting; None where `read` may find one."""
        ...

    async def read(self, key: str, lifetime_seconds: float, build: Build) -> Entry: ...


class UncachedAnswers:
    """Builds each answer anew."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    def at_hand(self, key: str) -> Entry | None:
        return None

    async def read(self, key: str, lifetime_seconds: float, build: Build) -> Entry:
        return await self._threads.run(build, False)


class CachedAnswers:
    """An answer's version says which changes it knows of, so the age of a replica cannot matter:
    one that lags behind a change gives a version that is too low, and the primary is asked.
    """

    def __init__(
        self,
        cache: Cache,
        changes: Changes,
        threads: Threads,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._cache = cache
        self._changes = changes
        self._threads = threads
        self._now = now
        self._flights: dict[str, asyncio.Task[Entry]] = {}

    def at_hand(self, key: str) -> Entry | None:
        if self._changes.is_due:
            return None
        entry = self._cache.at_hand(key)
        if entry is None or not self._is_new_enough(entry):
            return None
        CACHE_LOOKUPS.record(1, _HIT)
        return entry

    async def read(self, key: str, lifetime_seconds: float, build: Build) -> Entry:
        """Raises what `build` raises, to all who wait for it."""
        if self._changes.is_due:
            await self._threads.run(self._changes.follow)
        entry = self._cache.at_hand(key)
        waited = False
        while entry is None or not self._is_new_enough(entry):
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = asyncio.create_task(self._fly(key, lifetime_seconds, build))
                self._flights[key] = flight
            # One who goes away takes the answer from nobody else.
            entry = await asyncio.shield(flight)
            if leads:
                return entry
            # One that took off before the last change was read may bring too little.
            waited = True
        CACHE_LOOKUPS.record(1, _SHARED if waited else _HIT)
        return entry

    def _is_new_enough(self, entry: Entry) -> bool:
        if entry.version < self._changes.floor(entry.tag):
            return False
        if not entry.loose or entry.version >= self._changes.newest:
            return True
        return -1.0 < self._now() - entry.made_at < _TOLERATED_SECONDS

    async def _fly(self, key: str, lifetime_seconds: float, build: Build) -> Entry:
        try:
            return await self._threads.run(self._fetch, key, lifetime_seconds, build)
        finally:
            del self._flights[key]

    def _fetch(self, key: str, lifetime_seconds: float, build: Build) -> Entry:
        entry = self._cache.get(key)
        if entry is not None and self._is_new_enough(entry):
            CACHE_LOOKUPS.record(1, _HIT)
            return entry
        CACHE_LOOKUPS.record(1, _MISS)
        entry = build(False)
        if not self._is_new_enough(entry):
            entry = build(True)
        self._cache.put(key, entry, lifetime_seconds)
        return entry
