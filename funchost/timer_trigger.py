"""Puts timer listeners behind the host's seam for triggers."""

import asyncio
import json
from typing import Any

from funchost.convert import Datum
from funchost.invoke import InvocationFailedError
from funchost.kinds import BindingError, HostedFunction, Services, TriggerEvent
from funchost.logs import ERROR
from funchost.settings import is_true
from funchost.timers.listener import TimerListener, TimerPayload
from funchost.timers.monitor import SqliteScheduleMonitor
from funchost.timers.schedule import ScheduleError, parse_schedule
from funchost.timers.singleton import SingletonLock

__all__ = ["TimerTrigger", "manual_timer_event"]


class TimerTrigger:
    """One timer function; of all processes with the same state folder one runs it."""

    def __init__(self, hosted: HostedFunction, services: Services) -> None:
        """Raises BindingError for a schedule that cannot be read."""
        self._hosted = hosted
        self._services = services
        zone = services.clock.now().tzinfo
        assert zone is not None
        try:
            self._schedule = parse_schedule(str(hosted.trigger.get("schedule", "")), zone)
        except ScheduleError as error:
            raise BindingError(str(error)) from error
        self._listener: TimerListener | None = None

    async def start(self) -> None:
        name = self._hosted.function.name
        state = self._services.state
        trigger = self._hosted.trigger
        monitor = None
        if is_true(trigger.get("useMonitor", True)):
            monitor = await asyncio.to_thread(SqliteScheduleMonitor, state)
        self._listener = TimerListener(
            name,
            self._schedule,
            self._fire,
            self._services.clock,
            monitor=monitor,
            run_on_startup=is_true(trigger.get("runOnStartup", False)),
            singleton=SingletonLock(state / "locks" / f"{name.lower()}.lock"),
        )
        self._listener.start().add_done_callback(self._report)

    async def stop(self) -> None:
        if self._listener is not None:
            await self._listener.stop()

    async def _fire(self, payload: TimerPayload) -> None:
        details = ", ".join(f"{key}: {value}" for key, value in payload.details.items())
        event = TriggerEvent(
            Datum(payload.json(), "json"),
            reason=f"Timer fired at {self._services.clock.now().isoformat()}",
            details=f"Trigger Details: {details}" if details else None,
        )
        try:
            await self._services.invoke(self._hosted, event)
        except InvocationFailedError:
            return  # the schedule goes on; the failure is in the log

    def _report(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._services.log.log(
                "Host.Startup",
                ERROR,
                f"The listener for function 'Functions.{self._hosted.function.name}' was unable "
                f"to start.\n{error}",
            )


def manual_timer_event(_hosted: HostedFunction, _text: str) -> TriggerEvent:
    """What a run through the management endpoint gives: no status, never past due."""
    payload = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
    return TriggerEvent(Datum(json.dumps(payload), "json"))
