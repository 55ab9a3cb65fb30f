"""Fires one timer function, by the algorithm of the Functions host's own TimerListener."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from funchost.clock import HostClock
from funchost.timers.monitor import ScheduleMonitor, ScheduleStatus
from funchost.timers.schedule import Schedule, describe_next
from funchost.timers.singleton import SingletonLock

_log = logging.getLogger("Host.Triggers.Timer")

_NO_DATE = "0001-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class TimerPayload:
    """What one invocation is told. `status` is the record as it was before this run, None without
    monitor; `details` are the host's trigger details, empty for a run that is on time."""

    adjust_for_dst: bool
    status: ScheduleStatus | None
    is_past_due: bool
    details: dict[str, str]

    def json(self) -> str:
        """The trigger data as the Python worker receives it."""
        return json.dumps(
            {
                "Schedule": {"AdjustForDST": self.adjust_for_dst},
                "ScheduleStatus": self.status and _status_json(self.status),
                "IsPastDue": self.is_past_due,
            },
            separators=(",", ":"),
        )


Fire = Callable[[TimerPayload], Awaitable[None]]


class TimerListener:
    """Runs from `start` to `stop` in the event loop; invocations never overlap. With `singleton`
    only one process runs the timer, and another takes over when that one ends."""

    def __init__(
        self,
        function: str,
        schedule: Schedule,
        fire: Fire,
        clock: HostClock,
        *,
        monitor: ScheduleMonitor | None = None,
        run_on_startup: bool = False,
        singleton: SingletonLock | None = None,
    ) -> None:
        """`monitor` None is `use_monitor=False`; a schedule of less than a minute has none."""
        self._function = function
        self._schedule = schedule
        self._fire = fire
        self._clock = clock
        self._monitor = monitor if schedule.needs_monitor(clock.now()) else None
        self._run_on_startup = run_on_startup
        self._singleton = singleton
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._invoking = False

    def start(self) -> asyncio.Task[None]:
        """The task ends with an error only when the monitor's store fails at start."""
        self._task = asyncio.create_task(self._run(), name=f"timer {self._function}")
        return self._task

    async def stop(self) -> None:
        """Waits for the invocation under way and its record; starts no other."""
        self._stopping = True
        if self._task is None:
            return
        if not self._invoking:
            self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        if self._singleton is not None:
            await self._singleton.acquire()
        try:
            await self._listen()
        finally:
            if self._singleton is not None:
                self._singleton.release()

    async def _listen(self) -> None:
        now = self._clock.now()
        status = await self._stored_status(now)
        _log.info(
            "The next 5 occurrences of the '%s' schedule (%s) will be:\n%s",
            self._function,
            self._schedule,
            describe_next(self._schedule, now, 5),
        )
        if self._monitor is not None and _is_after(now, status.next):
            _log.debug("Function '%s' is past due on startup. Executing now.", self._function)
            details = {
                "UnscheduledInvocationReason": "IsPastDue",
                "OriginalSchedule": _ticks(status.next),
            }
            status = await self._invoke(status, details, is_past_due=True)
        elif self._run_on_startup:
            _log.debug(
                "Function '%s' is configured to run on startup. Executing now.", self._function
            )
            status = await self._invoke(status, {"UnscheduledInvocationReason": "RunOnStartup"})
        while not self._stopping:
            before = self._clock.now()
            await self._clock.sleep_until(status.next)
            now = self._clock.now()
            if _is_after(before, now):
                # The clock was moved back: without a new plan the timer would rest until then.
                following = self._schedule.next_after(now)
                status = await self._store_or_log(ScheduleStatus(None, following, now))
            else:
                status = await self._invoke(status, {})

    async def _stored_status(self, now: datetime) -> ScheduleStatus:
        """The record, made or brought in line with a schedule that was changed meanwhile."""
        if self._monitor is None:
            return ScheduleStatus(None, self._schedule.next_after(now), None)
        status = await self._monitor.read(self._function)
        if status is None:
            return await self._store(ScheduleStatus(None, self._schedule.next_after(now), now))
        base = status.last or status.last_updated or now
        if _is_after(base, now):
            # The clock was moved back while the host was down.
            base = now
        expected = self._schedule.next_after(base)
        if not _is_same(status.next, expected):
            # A change of the schedule never makes a timer past due.
            if _is_after(now, expected):
                expected, base = self._schedule.next_after(now), now
            return await self._store(ScheduleStatus(None, expected, base))
        return status

    async def _invoke(
        self, status: ScheduleStatus, details: dict[str, str], *, is_past_due: bool = False
    ) -> ScheduleStatus:
        """Returns the record after the run; a function that fails does not stop its schedule."""
        started = self._clock.now()
        payload = TimerPayload(
            self._schedule.adjust_for_dst,
            status if self._monitor is not None else None,
            is_past_due,
            details,
        )
        self._invoking = True
        try:
            try:
                await self._fire(payload)
            except Exception:
                # The host swallows what a function raises; it is logged here, so nothing is lost.
                _log.exception("The timer function '%s' failed.", self._function)
            if not details and _is_after(status.next, started):
                # Fired a little early, as clocks do: the same occurrence must not fire again.
                started = status.next
            following = self._schedule.next_after(started)
            return await self._store_or_log(ScheduleStatus(started, following, started))
        finally:
            self._invoking = False

    async def _store_or_log(self, status: ScheduleStatus) -> ScheduleStatus:
        try:
            return await self._store(status)
        except Exception:
            # Whatever the store raises, the timer goes on with the record in memory, as the real
            # listener does; a restart may then repeat this run as past due.
            _log.exception("The status of the timer '%s' could not be stored.", self._function)
            return status

    async def _store(self, status: ScheduleStatus) -> ScheduleStatus:
        if self._monitor is not None:
            await self._monitor.write(self._function, status)
        return status


def _status_json(status: ScheduleStatus) -> dict[str, str]:
    return {
        "Last": _round_trip(status.last) if status.last else _NO_DATE,
        "Next": _round_trip(status.next),
        "LastUpdated": _round_trip(status.last_updated) if status.last_updated else _NO_DATE,
    }


def _round_trip(moment: datetime) -> str:
    """ISO 8601 with the offset, the fraction without trailing zeros, as Newtonsoft prints it."""
    text = moment.isoformat()
    if not moment.microsecond:
        return text
    return text[:19] + text[19:26].rstrip("0") + text[26:]


def _ticks(moment: datetime) -> str:
    """.NET's "o" format: seven digits of the second's fraction, always."""
    text = moment.isoformat(timespec="microseconds")
    return f"{text[:26]}0{text[26:]}"


# Two moments of one zone are compared as the wall shows them unless both are in UTC.
def _is_after(moment: datetime, other: datetime) -> bool:
    return moment.astimezone(UTC) > other.astimezone(UTC)


def _is_same(moment: datetime, other: datetime) -> bool:
    return moment.astimezone(UTC) == other.astimezone(UTC)
