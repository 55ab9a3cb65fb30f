"""Bounded concurrency in the event loop."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["Lane"]

T = TypeVar("T")


class Lane(Generic[T]):
    """Runs `work` on items in the order in which they were added, `limit` at a time. What `work`
    raises is its own fault: it must report its errors itself."""

    def __init__(self, limit: int, work: Callable[[T], Awaitable[None]]) -> None:
        self._limit = limit
        self._work = work
        self._waiting: deque[T] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def room(self) -> int:
        """How many more items would begin at once."""
        return max(0, self._limit - len(self._running) - len(self._waiting))

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def add(self, item: T) -> None:
        self._waiting.append(item)
        self._fill()

    async def drain(self) -> None:
        """Begins nothing more, and waits for what runs. What waits is forgotten."""
        self._is_closed = True
        self._waiting.clear()
        while self._running:
            await asyncio.wait(self._running)

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._limit and not self._is_closed:
            task = asyncio.ensure_future(self._run(self._waiting.popleft()))
            self._running.add(task)
            task.add_done_callback(self._finished)

    async def _run(self, item: T) -> None:
        await self._work(item)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._fill()
        if not task.cancelled():
            task.result()
