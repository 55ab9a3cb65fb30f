"""Threads of one's own, for what an event loop must not wait for."""

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Does what `asyncio.to_thread` does, in at most so many threads that nobody else uses: where
    these wait for a database that is slow, others go on.
    """

    def __init__(self, name: str, most: int) -> None:
        self._executor = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def run(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Within the caller's context, so that spans and log lines know where they belong."""
        call = functools.partial(contextvars.copy_context().run, work, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)
