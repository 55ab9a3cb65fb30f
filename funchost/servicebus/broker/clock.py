"""Machine time for locks, expiry and schedules. Business time, which a developer may move, does not
move the broker: as in the cloud, it is a service outside the app."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["BrokerClock", "ManualBrokerClock", "SystemBrokerClock"]

_LONGEST_SLEEP = 60.0
"""Seconds. A longer one is made of several, so that a clock which is set right in the meantime, or
a machine that was asleep, delays nothing for long."""


class BrokerClock(Protocol):
    def now(self) -> int:
        """Milliseconds since 1970. May be called in any thread."""
        ...

    def call_at(self, when: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back once on the running loop, not before `when`. The result cancels that."""
        ...


class SystemBrokerClock:
    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def call_at(self, when: int, callback: Callable[[], None]) -> Callable[[], None]:
        alarm = _Alarm(self, when, callback)
        alarm.sleep()
        return alarm.cancel


class _Alarm:
    def __init__(self, clock: SystemBrokerClock, when: int, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._when = when
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None

    def sleep(self) -> None:
        seconds = (self._when - self._clock.now()) / 1000
        loop = asyncio.get_running_loop()
        if seconds <= 0:
            self._handle = loop.call_later(0, self._callback)
        else:
            self._handle = loop.call_later(min(seconds, _LONGEST_SLEEP), self.sleep)

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()


class ManualBrokerClock:
    """Moves only when told to; for tests and for what plays time forward."""

    def __init__(self, start: int = 1_700_000_000_000) -> None:
        self._now = start
        self._alarms: list[tuple[int, int, Callable[[], None]]] = []
        self._cancelled: set[int] = set()
        self._numbers = itertools.count()

    def now(self) -> int:
        return self._now

    def call_at(self, when: int, callback: Callable[[], None]) -> Callable[[], None]:
        number = next(self._numbers)
        heapq.heappush(self._alarms, (when, number, callback))
        return lambda: self._cancelled.add(number)

    def advance(self, milliseconds: int) -> None:
        """Calls back on the way all whose time comes, in their order."""
        end = self._now + milliseconds
        while self._alarms and self._alarms[0][0] <= end:
            when, number, callback = heapq.heappop(self._alarms)
            self._now = max(self._now, when)
            if number not in self._cancelled:
                callback()
            self._cancelled.discard(number)
        self._now = end
