"""Keeps locks alive while functions run."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

__all__ = ["LockRenewal"]

_EARLY_SECONDS = 10.0


class LockRenewal:
    """Renews one lock from `start` until `stop`, at most for `limit` seconds in all: ten seconds
    before it ends, but not before half of what is left of it has passed. When a renewal fails it
    gives up: the settlement will tell."""

    def __init__(self, renew: Callable[[], Awaitable[datetime]], limit: float) -> None:
        self._renew = renew
        self._limit = limit
        self._handle: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._end = 0.0
        self._stopped = False

    def start(self, locked_until: datetime | None) -> None:
        """None is a lock of unknown length, which is not renewed."""
        if locked_until is None or self._limit <= 0:
            return
        self._end = asyncio.get_running_loop().time() + self._limit
        self._plan(locked_until)

    async def stop(self) -> None:
        """Waits for a renewal under way: a client's request must not be cut off halfway."""
        self._stopped = True
        if self._handle is not None:
            self._handle.cancel()
        if self._task is not None:
            await self._task

    def _plan(self, locked_until: datetime) -> None:
        loop = asyncio.get_running_loop()
        left = (locked_until - datetime.now(UTC)).total_seconds()
        due = loop.time() + max(left / 2, left - _EARLY_SECONDS)
        if left > 0 and due < self._end and not self._stopped:
            self._handle = loop.call_at(due, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._once())

    async def _once(self) -> None:
        try:
            locked_until = await self._renew()
        except Exception:
            return  # the docstring of the class says why
        self._task = None
        self._plan(locked_until)
