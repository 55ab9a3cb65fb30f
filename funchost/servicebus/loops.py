"""A second event loop, in a thread of its own, and calls into it.

The broker lives there: a function of the app that blocks the host's loop, as one does that uses the
synchronous SDK within `async def`, must not block the broker that it waits for.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

__all__ = ["LoopThread"]

T = TypeVar("T")

_Call = tuple[Callable[[], Awaitable[Any]], "asyncio.Future[Any]"]
_Result = tuple["asyncio.Future[Any]", "asyncio.Future[Any]"]


class LoopThread:
    """For calls from the one loop in which it was made. Calls that are made in one turn of that
    loop cross over together, and so do their results: each crossing wakes a thread."""

    def __init__(self, name: str) -> None:
        self._here = asyncio.get_running_loop()
        self._there: asyncio.AbstractEventLoop
        self._calls: deque[_Call] = deque()
        self._results: deque[_Result] = deque()
        self._calls_announced = self._results_announced = False
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._ended = asyncio.Event()

    def start(self) -> None:
        self._thread.start()
        self._started.wait()

    def call(self, make: Callable[[], Awaitable[T]]) -> "asyncio.Future[T]":
        """Calls `make` over there and awaits what it gives. To cancel the future that is returned
        only means not to hear of the outcome."""
        future: asyncio.Future[T] = self._here.create_future()
        self._calls.append((make, future))
        if not self._calls_announced:
            self._calls_announced = True
            self._there.call_soon_threadsafe(self._begin)
        return future

    async def close(self) -> None:
        """After the last call. Tasks that still run over there are cancelled."""
        self._there.call_soon_threadsafe(self._stop.set)
        await self._ended.wait()
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=type(self._here)) as runner:
            runner.run(self._serve())
        self._here.call_soon_threadsafe(self._ended.set)

    async def _serve(self) -> None:
        self._there = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._started.set()
        await self._stop.wait()

    # Each flag is lowered before its queue is emptied: whoever finds it raised has put something
    # into the queue in time, whoever finds it lowered announces again.

    def _begin(self) -> None:
        self._calls_announced = False
        while self._calls:
            make, future = self._calls.popleft()
            outcome: asyncio.Future[Any]
            try:
                outcome = asyncio.ensure_future(make())
            except Exception as error:
                outcome = self._there.create_future()
                outcome.set_exception(error)
            outcome.add_done_callback(partial(self._end, future))

    def _end(self, future: "asyncio.Future[Any]", done: "asyncio.Future[Any]") -> None:
        self._results.append((done, future))
        if not self._results_announced:
            self._results_announced = True
            self._here.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._results_announced = False
        while self._results:
            done, future = self._results.popleft()
            if done.cancelled():
                future.cancel()
                continue
            error = done.exception()
            if future.done():
                continue
            if error is None:
                future.set_result(done.result())
            else:
                future.set_exception(error)
