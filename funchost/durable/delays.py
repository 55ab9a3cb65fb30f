"""Fires timers and delayed signals when business time has come to them."""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial

from funchost.clock import HostClock
from funchost.durable.events import from_micros, to_micros
from funchost.durable.store import work
from funchost.durable.store.writer import Writer
from funchost.logs import ERROR, HostLog

__all__ = ["DelayedEvents"]

_RETRY_SECONDS = 1.0


class DelayedEvents:
    """Sleeps until the earliest one of the hub. Several processes may wake for the same: the store
    gives each to one."""

    def __init__(
        self, writer: Writer, clock: HostClock, log: HostLog, owner: Callable[[], str]
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._log = log
        self._owner = owner
        self._due: int | None = None
        self._sleeper: asyncio.Task[None] | None = None
        self._firing: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    async def start(self) -> None:
        self.plan(await self._writer.submit(work.next_due))

    async def stop(self) -> None:
        self._is_stopping = True
        if self._sleeper is not None:
            self._sleeper.cancel()
        await asyncio.gather(*self._firing)

    def plan(self, due: int | None) -> None:
        """`due` in microseconds of business time; an earlier one than that which is waited for
        changes the plan."""
        if due is None or self._is_stopping or (self._due is not None and due >= self._due):
            return
        self._due = due
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._sleeper = asyncio.create_task(self._sleep(due), name="durable timers")

    async def _sleep(self, due: int) -> None:
        when = from_micros(due)
        # The clock returns early where it was moved back.
        while (now := to_micros(self._clock.now())) < due:
            await self._clock.sleep_until(when)
        self._due = self._sleeper = None
        task = asyncio.create_task(self._fire(now))
        self._firing.add(task)
        task.add_done_callback(self._firing.discard)

    async def _fire(self, now: int) -> None:
        try:
            due = await self._writer.submit(partial(work.fire_due, now=now, owner=self._owner()))
        except sqlite3.Error as error:
            self._log.log(
                "Host.Triggers.DurableTask", ERROR, f"Durable timers could not be fired: {error}"
            )
            await asyncio.sleep(_RETRY_SECONDS)
            due = now
        self.plan(due)
