"""The host's clock: business time, which a developer may move, in the zone of the schedules."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from funchost.settings import SettingsError

_POLL_SECONDS = 0.25
"""How soon a sleeper notices that the clock was moved by another process."""


_LARGEST_OFFSET = timedelta(days=365 * 1000)
_MOVED_BACK_SECONDS = 5.0
"""A smaller step back is the machine's clock being set right."""


class HostClock(Protocol):
    def now(self) -> datetime:
        """Aware, in the host's zone."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Returns when `now()` has reached `when`, also because the clock was moved; and before
        that if the clock was moved back meanwhile, since `when` may then be much too far."""
        ...


class ZoneError(SettingsError):
    """The zone that the settings name is not known on this machine."""


class MachineZone(tzinfo):
    """The zone the operating system is set to, with its daylight saving rules."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        local = moment.replace(tzinfo=UTC).astimezone()
        first = local.replace(tzinfo=self, fold=0)
        if first.utcoffset() == local.utcoffset():
            return first
        return first.replace(fold=1)


def host_zone(settings: Mapping[str, str]) -> tzinfo:
    """`WEBSITE_TIME_ZONE`, else `TZ`, else the machine's zone. Raises ZoneError for a
    `WEBSITE_TIME_ZONE` that is not an IANA name; a `TZ` in POSIX form is the machine's business."""
    name = settings.get("WEBSITE_TIME_ZONE")
    if name:
        zone = _find_zone(name)
        if zone is None:
            raise ZoneError(f"WEBSITE_TIME_ZONE is '{name}', which is no known IANA time zone.")
        return zone
    return _find_zone(settings.get("TZ", "").removeprefix(":")) or MachineZone()


def _find_zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


class SystemClock:
    """Machine time."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone or MachineZone()

    def now(self) -> datetime:
        return datetime.now(self._zone)

    async def sleep_until(self, when: datetime) -> None:
        await _poll_until(lambda: datetime.now(UTC), when)


class StateClock:
    """Machine time plus the offset in `<state>/clock.json`, `{"offset_seconds": 86400.0}`, which
    every process of the installation reads; no file means no offset. A file that cannot be read
    leaves the last offset in force: the writer replaces it whole, so the next reading succeeds."""

    def __init__(self, state: Path, zone: tzinfo | None = None) -> None:
        self._zone = zone or MachineZone()
        self._file = state / "clock.json"
        self._name = os.fspath(self._file)
        self._stamp: tuple[int, int, int] | None = None
        self._offset = timedelta()

    def now(self) -> datetime:
        return self._utc_now().astimezone(self._zone)

    async def sleep_until(self, when: datetime) -> None:
        await _poll_until(self._utc_now, when)

    def _utc_now(self) -> datetime:
        return datetime.now(UTC) + self._current_offset()

    def _current_offset(self) -> timedelta:
        try:
            status = os.stat(self._name)  # Path.stat costs thrice as much
        except FileNotFoundError:
            self._stamp, self._offset = None, timedelta()
            return self._offset
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp != self._stamp:
            try:
                self._offset = _read_offset(self._file)
                self._stamp = stamp
            except (OSError, ValueError, KeyError, TypeError, OverflowError):
                pass  # the docstring of the class says why
        return self._offset


def _read_offset(file: Path) -> timedelta:
    offset = timedelta(
        seconds=float(json.loads(file.read_text(encoding="utf-8"))["offset_seconds"])
    )
    if abs(offset) > _LARGEST_OFFSET:
        raise ValueError(f"an offset of {offset} leads out of the calendar")
    return offset


async def _poll_until(utc_now: Callable[[], datetime], when: datetime) -> None:
    """Elapsed time counts: datetimes of one zone would be subtracted as the wall shows them."""
    goal = when.astimezone(UTC)
    # The wait is short although the goal is far, since the clock may be moved meanwhile.
    before = seconds = (goal - utc_now()).total_seconds()
    while 0 < seconds <= before + _MOVED_BACK_SECONDS:
        await asyncio.sleep(min(seconds, _POLL_SECONDS))
        before, seconds = seconds, (goal - utc_now()).total_seconds()


class ManualClock:
    """Moves only when told to. For tests, and for hosts that play time forward."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._zone = start.tzinfo or UTC
        self._sleepers: dict[
            asyncio.Future[None], tuple[datetime, asyncio.Task[object] | None]
        ] = {}

    def now(self) -> datetime:
        return self._now.astimezone(self._zone)

    async def sleep_until(self, when: datetime) -> None:
        when = when.astimezone(UTC)
        if when <= self._now:
            # Without giving way, a loop over due times would starve everything else.
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers[woken] = (when, asyncio.current_task())
        try:
            await woken
        finally:
            del self._sleepers[woken]

    def advance(self, duration: timedelta) -> None:
        """Moves at once; sleepers whose time lies within wake when the loop runs next, and all of
        them when `duration` is negative."""
        self._now += duration
        for woken, (when, _) in self._sleepers.items():
            if (when <= self._now or duration < timedelta()) and not woken.done():
                woken.set_result(None)

    async def play(self, duration: timedelta) -> None:
        """Moves from due time to due time, and each time lets the tasks that woke run until they
        sleep on this clock again or end."""
        end = self._now + duration
        while due := [when for when, _ in self._sleepers.values() if when <= end]:
            moment = min(due)
            tasks = [task for when, task in self._sleepers.values() if when <= moment]
            self.advance(max(moment - self._now, timedelta()))
            await asyncio.sleep(0)

            while any(map(self._is_busy, tasks)):  # noqa: ASYNC110 - busy with anything at all
                await asyncio.sleep(0)
        self.advance(max(end - self._now, timedelta()))
        await asyncio.sleep(0)

    def _is_busy(self, task: asyncio.Task[object] | None) -> bool:
        if task is None or task.done():
            return False
        sleeping = [woken for woken, (_, sleeper) in self._sleepers.items() if sleeper is task]
        return all(woken.done() for woken in sleeping)
