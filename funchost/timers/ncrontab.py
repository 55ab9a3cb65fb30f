"""Cron expressions as NCrontab reads them: five fields, or six with seconds first; the day of the
month and the day of the week must both match."""

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta


class CronError(ValueError):
    """The expression is not NCrontab's; the sentence names the field."""


@dataclass(frozen=True)
class _Kind:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()


_KINDS = (
    _Kind("second", 0, 59),
    _Kind("minute", 0, 59),
    _Kind("hour", 0, 23),
    _Kind("day", 1, 31),
    _Kind(
        "month",
        1,
        12,
        (
            *("january", "february", "march", "april", "may", "june"),
            *("july", "august", "september", "october", "november", "december"),
        ),
    ),
    _Kind(
        "day of week",
        0,
        6,
        ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"),
    ),
)

# The Gregorian calendar, week days included, repeats after 400 years.
_CYCLE_YEARS = 400


@dataclass(frozen=True)
class CronExpression:
    """`fields` holds the sorted values of second, minute, hour, day, month and day of week;
    `text` is the normalised expression, with as many fields as were written."""

    fields: tuple[tuple[int, ...], ...]
    text: str

    def next_after(self, base: datetime) -> datetime | None:
        """The first occurrence strictly after `base`, in whole seconds; both are naive wall time.
        None when there is none before the year 10000."""
        try:
            start = base.replace(microsecond=0) + timedelta(seconds=1)
        except OverflowError:
            return None
        seconds, minutes, hours, days, months, weekdays = self.fields
        last_year = min(start.year + _CYCLE_YEARS, 9999)
        for year in range(start.year, last_year + 1):
            for month in months:
                if (year, month) < (start.year, start.month):
                    continue
                first_weekday, length = calendar.monthrange(year, month)
                for day in days:
                    if day > length or (year, month, day) < (start.year, start.month, start.day):
                        continue
                    # monthrange counts from Monday, cron from Sunday.
                    if (first_weekday + day) % 7 not in weekdays:
                        continue
                    today = (year, month, day) == (start.year, start.month, start.day)
                    earliest = (start.hour, start.minute, start.second) if today else (0, 0, 0)
                    time = _first_time(hours, minutes, seconds, earliest)
                    if time is not None:
                        return datetime(year, month, day, *time)  # noqa: DTZ001 - wall time
        return None


def parse_cron(expression: str) -> CronExpression:
    """Raises CronError."""
    written = expression.split()
    if len(written) not in {5, 6}:
        raise CronError(f"'{expression}' does not have five or six fields.")
    kinds = _KINDS[-len(written) :]
    fields = [_parse_field(kind, field) for kind, field in zip(kinds, written, strict=True)]
    text = " ".join(_format(kind, field) for kind, field in zip(kinds, fields, strict=True))
    return CronExpression(tuple([(0,), *fields][-6:]), text)


def _first_time(
    hours: tuple[int, ...],
    minutes: tuple[int, ...],
    seconds: tuple[int, ...],
    earliest: tuple[int, int, int],
) -> tuple[int, int, int] | None:
    for hour in hours:
        if hour < earliest[0]:
            continue
        for minute in minutes:
            if (hour, minute) < earliest[:2]:
                continue
            for second in seconds:
                if (hour, minute, second) >= earliest:
                    return hour, minute, second
    return None


def _parse_field(kind: _Kind, text: str) -> tuple[int, ...]:
    values: set[int] = set()
    for item in text.split(","):
        values.update(_parse_item(kind, item))
    return tuple(sorted(values))


def _parse_item(kind: _Kind, item: str) -> range:
    span, slash, step_text = item.partition("/")
    step = 1
    if slash:
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", step_text):
            raise CronError(f"'{step_text}' is no step for the {kind.name}.")
        step = max(int(step_text), 1)
    first_text, dash, last_text = span.partition("-")
    if span == "*":
        first, last = kind.low, kind.high
    elif dash:
        first, last = sorted((_value(kind, first_text), _value(kind, last_text)))
    else:
        first = _value(kind, span)
        last = kind.high if slash else first
    for value in (first, last):
        if not kind.low <= value <= kind.high:
            raise CronError(f"{value} is no {kind.name}: it must be {kind.low} to {kind.high}.")
    return range(first, last + 1, step)


def _value(kind: _Kind, text: str) -> int:
    if re.fullmatch("[0-9]{1,9}", text):
        return int(text)
    for value, word in enumerate(kind.words, kind.low):
        if text and word.startswith(text.lower()):
            return value
    raise CronError(f"'{text}' is no {kind.name}.")


def _format(kind: _Kind, values: tuple[int, ...]) -> str:
    if len(values) == kind.high - kind.low + 1:
        return "*"
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][-1] == value - 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
