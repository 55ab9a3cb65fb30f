"""The dates and times that .NET's `DateTime.Parse` reads in the invariant culture."""

import re
from datetime import datetime

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTH = f"(?P<name>{'|'.join(f'{name}|{name[:3]}' for name in _MONTHS)})"
_WEEKDAY = f"(?:(?:{'|'.join(f'{name}|{name[:3]}' for name in _DAYS)}),?[ ]*)?"
_GAP = "[ ,./-]+"

_DATES = [
    re.compile(_WEEKDAY + pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<year>\d{3,4})[-/.](?P<month>\d{1,2})(?:[-/.](?P<day>\d{1,2}))?",
        r"(?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?:[-/.](?P<year>\d{1,4}))?",
        r"(?P<month>\d{1,2})[-/.](?P<year>\d{3,4})",
        rf"(?P<day>\d{{1,2}}){_GAP}{_MONTH}(?:{_GAP}(?P<year>\d{{1,4}}))?",
        rf"{_MONTH}{_GAP}(?P<day>\d{{1,2}})(?:{_GAP}(?P<year>\d{{1,4}}))?",
        rf"{_MONTH}{_GAP}(?P<year>\d{{3,4}})",
        rf"(?P<year>\d{{3,4}}){_GAP}{_MONTH}(?:{_GAP}(?P<day>\d{{1,2}}))?",
    )
]
_TIME = re.compile(
    r"(?:(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,](?P<fraction>\d+))?)?"
    r"|(?P<only_hour>\d{1,2})(?=[ ]*[ap]))"
    r"(?:[ ]*(?P<half>[ap])m?)?"
    r"(?:[ ]*(?:Z|GMT|(?P<offset>[+-]\d{1,2}(?::?\d{2})?)))?",
    re.IGNORECASE,
)


def parse_datetime(text: str) -> datetime | None:
    """The parts as written, naive and without the offset; a part that is not given is 1 January
    2000 at midnight. None when .NET would not read the text."""
    text = text.strip()
    for pattern in _DATES:
        found = pattern.match(text)
        if found is None:
            continue
        rest = text[found.end() :]
        time = re.sub(r"^(?:T(?=\d)|[ ,]+)", "", rest, flags=re.IGNORECASE)
        if rest and (time == rest or not time):
            continue
        parsed = _combine(found.groupdict(), time)
        if parsed is not None:
            return parsed
    return _combine({}, text) if text else None


def is_datetime(text: str) -> bool:
    return parse_datetime(text) is not None


def _combine(date: dict[str, str | None], time: str) -> datetime | None:
    clock = _TIME.fullmatch(time) if time else None
    if time and clock is None:
        return None
    name = date.get("name")
    month = _month_number(name) if name else int(date.get("month") or 1)
    hour, minute, second, microsecond = _clock(clock)
    try:
        return datetime(  # noqa: DTZ001 - the offset is not part of what was asked
            _full_year(date.get("year")),
            month,
            int(date.get("day") or 1),
            hour,
            minute,
            second,
            microsecond,
        )
    except ValueError:
        return None


def _month_number(name: str) -> int:
    return next(at for at, full in enumerate(_MONTHS, 1) if full.startswith(name.lower()[:3]))


def _full_year(written: str | None) -> int:
    if written is None:
        return 2000
    year = int(written)
    if len(written) > 2:
        return year
    # .NET's two-digit years reach up to 2049.
    return year + (2000 if year < 50 else 1900)


def _clock(found: re.Match[str] | None) -> tuple[int, int, int, int]:
    """An hour of 24, which `datetime` refuses, stands for a clock that cannot be read."""
    if found is None:
        return 0, 0, 0, 0
    hour = int(found["hour"] or found["only_hour"])
    half = (found["half"] or "").lower()
    if half:
        if hour > 12:
            return 24, 0, 0, 0
        hour = hour % 12 + (12 if half == "p" else 0)
    fraction = (found["fraction"] or "")[:6].ljust(6, "0")
    return hour, int(found["minute"] or 0), int(found["second"] or 0), int(fraction)
