"""When a timer is due: a cron expression read in the host's zone, or a constant interval."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import Protocol

from funchost.timers.ncrontab import CronError, CronExpression, parse_cron

NEVER = datetime.max.replace(tzinfo=UTC)
"""The next occurrence of a date that does not exist."""


class ScheduleError(ValueError):
    """The text is neither a cron expression nor a time span."""


class Schedule(Protocol):
    adjust_for_dst: bool

    def next_after(self, moment: datetime) -> datetime:
        """Strictly after `moment` (aware), in the host's zone; NEVER when there is none."""
        ...

    def needs_monitor(self, now: datetime) -> bool:
        """False for one that is due more than once a minute: its status is never stored."""
        ...


def parse_schedule(text: str, zone: tzinfo) -> Schedule:
    """Raises ScheduleError with the host's own sentence."""
    try:
        return CronSchedule(parse_cron(text), zone)
    except CronError as error:
        interval = parse_timespan(text)
        if interval is None:
            raise ScheduleError(
                f"The schedule expression '{text}' was not recognized as a valid cron expression"
                " or timespan string."
            ) from error
        return ConstantSchedule(interval, zone)


def occurrences(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    while (after := schedule.next_after(after)) != NEVER:
        yield after


class CronSchedule:
    adjust_for_dst = True

    def __init__(self, cron: CronExpression, zone: tzinfo) -> None:
        self._cron = cron
        self._zone = zone
        parts = cron.text.split()
        # The host's own test for "fires at an interval", on the normalised expression.
        self.is_interval = any(re.search("[*/-]", part) for part in parts[: len(parts) - 3])

    def __str__(self) -> str:
        return f"Cron: '{self._cron.text}'"

    def next_after(self, moment: datetime) -> datetime:
        """Across the end of daylight saving time, an interval goes on through both passes of the
        repeated hour, and a point in time is due in the first pass alone. A time that the spring
        change skips is due as much later as the clocks were moved."""
        now = moment.astimezone(self._zone)
        wall = self._cron.next_after(now.replace(tzinfo=None, fold=0))
        if wall is None:
            return NEVER
        if self._is_repeated(wall):
            first = wall.replace(tzinfo=self._zone, fold=0)
            if first.astimezone(UTC) > now.astimezone(UTC):
                return first
            return self._second_pass(wall)
        # A skipped time with fold 0 has the offset from before the change; by way of UTC it becomes
        # the time that clocks show then.
        due = wall.replace(tzinfo=self._zone).astimezone(UTC)
        return (due - self._gained(now, due)).astimezone(self._zone)

    def needs_monitor(self, now: datetime) -> bool:
        if any(part != "*" for part in self._cron.text.split()[1:]):
            return True
        wall = now.astimezone(self._zone).replace(tzinfo=None)
        first = self._cron.next_after(wall)
        second = first and self._cron.next_after(first)
        return second is None or second >= wall + timedelta(minutes=1)

    def _is_repeated(self, wall: datetime) -> bool:
        first, second = (wall.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        return _offset(first) > _offset(second)

    def _second_pass(self, wall: datetime) -> datetime:
        if self.is_interval:
            return wall.replace(tzinfo=self._zone, fold=1)
        later: datetime | None = wall
        while later is not None and self._is_repeated(later):
            later = self._cron.next_after(later)
        return NEVER if later is None else later.replace(tzinfo=self._zone)

    def _gained(self, now: datetime, due: datetime) -> timedelta:
        """The repeated hour, for an interval that steps out of its first pass: real time counts."""
        if not self.is_interval or not self._is_repeated(now.replace(tzinfo=None)):
            return timedelta()
        return _offset(now) - _offset(due.astimezone(self._zone))


@dataclass(frozen=True)
class ConstantSchedule:
    interval: timedelta
    zone: tzinfo
    adjust_for_dst = False

    def __str__(self) -> str:
        return f"Constant: {format_timespan(self.interval)}"

    def next_after(self, moment: datetime) -> datetime:
        try:
            return (moment.astimezone(UTC) + self.interval).astimezone(self.zone)
        except OverflowError:
            return NEVER

    def needs_monitor(self, now: datetime) -> bool:
        return self.interval >= timedelta(minutes=1)


def describe_next(schedule: Schedule, now: datetime, count: int) -> str:
    """One line per occurrence, as the host logs them at start: local, then UTC where it differs."""
    lines = []
    for due in islice(occurrences(schedule, now), count):
        universal = f"{due.astimezone(UTC):%m/%d/%Y %H:%M:%S}Z"
        offset = due.isoformat()[-6:]
        local = f"{due:%m/%d/%Y %H:%M:%S}{offset} ({universal})"
        lines.append(universal if _is_universal(due) else local)
    return "\n".join(lines)


def _is_universal(moment: datetime) -> bool:
    """Whether the zone never differs from UTC, as London's does in summer."""
    return not any(_offset(moment.replace(month=month, day=1)) for month in (1, 7))


def parse_timespan(text: str) -> timedelta | None:
    """A positive .NET TimeSpan: `d`, `hh:mm`, `hh:mm:ss[.f]`, `d.hh:mm:ss`, `d:hh:mm:ss`. As in
    .NET, `hh:mm:ss` with more than 23 hours is read as days, hours and minutes."""
    found = next(filter(None, (form.fullmatch(text.strip()) for form in _TIMESPANS)), None)
    if found is None:
        return None
    parts = {name: int(digits or 0) for name, digits in found.groupdict().items()}
    fraction = int((found.groupdict().get("f") or "").ljust(6, "0")[:6])
    span = timedelta(
        parts.get("d", 0), parts.get("s", 0), fraction, 0, parts.get("m", 0), parts.get("h", 0)
    )
    return span if span > timedelta() else None


_UNDER_24 = r"(?P<h>[01]?\d|2[0-3])"
_MINUTES = r"(?P<m>[0-5]?\d)"
_SECONDS = r"(?P<s>[0-5]?\d)(?:\.(?P<f>\d{1,7}))?"
_TIMESPANS = [
    re.compile(form, re.ASCII)
    for form in (
        r"(?P<d>\d{1,7})",
        rf"(?:(?P<d>\d{{1,7}})\.)?{_UNDER_24}:{_MINUTES}(?::{_SECONDS})?",
        rf"(?P<d>\d{{1,7}}):{_UNDER_24}:{_MINUTES}:{_SECONDS}",
        rf"(?P<d>\d{{1,7}}):{_UNDER_24}:{_MINUTES}",
    )
]


def format_timespan(span: timedelta) -> str:
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days = f"{span.days}." if span.days else ""
    fraction = f".{span.microseconds:06}0" if span.microseconds else ""
    return f"{days}{hours:02}:{minutes:02}:{seconds:02}{fraction}"


def _offset(moment: datetime) -> timedelta:
    offset = moment.utcoffset()
    assert offset is not None
    return offset
