"""The activities that this process has taken, and those that wait in the store for room."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from functools import partial

from funchost.durable.activities import ActivityRunner
from funchost.durable.events import Event
from funchost.durable.lanes import Lane
from funchost.durable.store import work
from funchost.durable.store.records import ActivityRow
from funchost.durable.store.writer import Writer
from funchost.durable.suspects import MOST_TRIALS, SUSPICIOUS_DEATHS, death_sentence
from funchost.logs import ERROR, WARNING, HostLog

__all__ = ["ActivityWork"]

_CATEGORY = "Host.Triggers.DurableTask"
_RETRY_SECONDS = 1.0


class ActivityWork:
    """`alone` is held by whoever is suspected of killing its process."""

    def __init__(
        self,
        writer: Writer,
        runner: ActivityRunner,
        limit: int,
        log: HostLog,
        owner: Callable[[], str],
        alone: asyncio.Lock,
    ) -> None:
        self._writer = writer
        self._runner = runner
        self._limit = limit
        self._log = log
        self._owner = owner
        self._alone = alone
        self._lane = Lane(limit, self._run)
        self._has_unclaimed = False
        self._is_claiming = False
        self._is_stopping = False

    @property
    def room(self) -> int:
        return self._lane.room

    def add(self, activities: Iterable[ActivityRow], *, left: int) -> None:
        """Activities that are ours; `left` others wait in the store."""
        for activity in activities:
            self._lane.add(activity)
        self._has_unclaimed |= left > 0

    async def claim(self, *, ahead: int = 0) -> None:
        """Takes what nobody has and what there is room for, and `ahead` more, which wait here."""
        if self._is_claiming or self._is_stopping or self._lane.waiting:
            return
        most = self._lane.room + ahead
        if not most:
            self._has_unclaimed = True
            return
        self._is_claiming = True
        try:
            claimed = await self._writer.submit(
                partial(work.claim_activities, owner=self._owner(), most=most)
            )
        finally:
            self._is_claiming = False
        self._has_unclaimed = len(claimed) == most
        for activity in claimed:
            self._lane.add(activity)

    async def stop(self) -> None:
        self._is_stopping = True
        await self._lane.drain()

    async def _run(self, activity: ActivityRow) -> None:
        try:
            if activity.deaths >= SUSPICIOUS_DEATHS:
                async with self._alone:
                    await self._run_suspect(activity)
            else:
                await self._complete(activity, await self._runner.run(activity))
            if self._has_unclaimed:
                # As many again as can run at once: the lane need not wait for the store.
                await self.claim(ahead=self._limit)
        except sqlite3.Error as error:
            self._log.log(_CATEGORY, ERROR, f"The store of the task hub failed: {error}")

    async def _run_suspect(self, activity: ActivityRow) -> None:
        if activity.trials >= MOST_TRIALS:
            why = death_sentence(activity.trials)
            self._log.log(_CATEGORY, ERROR, f"The activity '{activity.name}' is given up: {why}.")
            reason = f"Activity function '{activity.name}' failed: {why}"
            await self._complete(activity, self._runner.failed(activity, reason, ""))
            return
        await self._writer.submit(
            partial(work.mark_activity_trial, number=activity.number, owner=self._owner())
        )
        await self._complete(activity, await self._runner.run(activity))

    async def _complete(self, activity: ActivityRow, event: Event) -> None:
        """Tries until the result is stored, or, at the end of the process, leaves the activity for
        another one to run again."""
        while True:
            complete = partial(
                work.complete_activity, activity=activity, event=event, owner=self._owner()
            )
            try:
                was_ours = await self._writer.submit(complete)
                break
            except sqlite3.Error as error:
                self._log.log(
                    _CATEGORY, ERROR, f"A result of '{activity.name}' was not stored: {error}"
                )
                if self._is_stopping:
                    return
            await asyncio.sleep(_RETRY_SECONDS)
        if not was_ours:
            self._log.log(
                _CATEGORY,
                WARNING,
                f"{activity.instance_id}: a second result of '{activity.name}' was dropped.",
            )
