"""The thread pool of synchronous functions.

It does what `loop.run_in_executor` with a ThreadPoolExecutor does, at a third of the cost per call:
no concurrent Future beside the asyncio one, and one wake-up of the loop for all calls that finish
in the same tick.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextvars import Context
from queue import SimpleQueue
from threading import Thread
from typing import Any

__all__ = ["ThreadPool", "configured_size"]

_Job = tuple["asyncio.Future[Any]", Context, Callable[..., Any], tuple[Any, ...]]


def configured_size(value: str | None) -> int:
    """`value` is PYTHON_THREADPOOL_THREAD_COUNT; anything but a positive integer gives Python's
    own default."""
    try:
        size = int(value or "")
    except ValueError:
        size = 0
    return size if size >= 1 else min(32, (os.cpu_count() or 1) + 4)


class ThreadPool:
    """Threads are started as they are needed, and are daemons: a function that never returns
    cannot keep the host from ending. All methods belong to the loop's thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._unfinished = 0
        self._finished: deque[tuple[asyncio.Future[Any], BaseException | None, Any]] = deque()
        self._wake_pending = False

    def submit(
        self, context: Context, work: Callable[..., Any], *arguments: Any
    ) -> "asyncio.Future[Any]":
        """Runs `work` within `context`. What it raises, even SystemExit, goes to the future."""
        future = self._loop.create_future()
        self._unfinished += 1
        if len(self._threads) < self._size and self._unfinished > len(self._threads):
            thread = Thread(target=self._serve, name=f"funchost-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put((future, context, work, arguments))
        return future

    @property
    def is_busy(self) -> bool:
        return self._unfinished > 0

    def close(self) -> None:
        for _ in self._threads:
            self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, context, work, arguments = job
            error: BaseException | None = None
            result = None
            try:
                result = context.run(work, *arguments)
            except BaseException as raised:
                # The loop's side raises it again; a thread of the pool outlives every job.
                error = raised
            del job, context, work, arguments
            self._finished.append((future, error, result))
            del future, error, result
            if not self._wake_pending:
                self._wake_pending = True
                try:
                    self._loop.call_soon_threadsafe(self._deliver)
                except RuntimeError:  # the loop has closed: nobody waits any more
                    return

    def _deliver(self) -> None:
        # Cleared first: whoever finishes from here on wakes the loop again.
        self._wake_pending = False
        while self._finished:
            future, error, result = self._finished.popleft()
            self._unfinished -= 1
            if not future.done():
                # As a pair, because a future refuses StopIteration.
                future.set_result((error, result))
