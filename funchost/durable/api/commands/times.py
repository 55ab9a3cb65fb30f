"""Times on the command line: ISO 8601, or an age such as `7d`."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from funchost.durable.api.parameters import read_moment

__all__ = ["TimeError", "read_time_or_age"]

_AGE = re.compile(r"(\d{1,6})\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class TimeError(ValueError):
    """The text is one sentence for the user."""


def read_time_or_age(option: str, text: str, now: Callable[[], datetime]) -> datetime:
    """`now` is business time, by which ages are counted. Raises TimeError."""
    if age := _AGE.fullmatch(text.strip().lower()):
        try:
            return now() - timedelta(**{_UNITS[age[2]]: int(age[1])})
        except OverflowError:
            raise TimeError(f"{option}: {text} is longer ago than the calendar goes.") from None
    moment = read_moment(text)
    if moment is None:
        raise TimeError(
            f"{option} takes a time such as 2026-01-31T12:00Z or an age such as 7d, not '{text}'."
        )
    return moment
