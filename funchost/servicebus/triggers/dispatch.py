"""The part that all ways of dispatching share: running to the end what was begun."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from funchost.servicebus.sources.port import MessageSource

__all__ = ["Begun", "Dispatcher"]


class Dispatcher(Protocol):
    async def run(self, source: MessageSource) -> None:
        """Takes messages from the source and runs the function for them until it is cancelled, or
        raises SourceError. What was begun goes on after that; see `finish`."""

    async def finish(self) -> None:
        """Returns when all that was begun in any `run` is settled and all receivers are closed."""


class Begun:
    """Tasks that outlive the loop that began them, so that to stop listening cuts off nothing."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self) -> None:
        while self._tasks:
            await asyncio.wait(set(self._tasks))
