"""Durations as ISO 8601 writes them."""

import re
from datetime import timedelta

_NUMBER = r"(\d{1,9}(?:[.,]\d{1,9})?)"
_DURATION = re.compile(
    rf"([+-]?)P(?=.)(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=.)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)
_WITH_YEARS_OR_MONTHS = re.compile(r"[+-]?P[^T]*[YM].*")


def parse_duration(text: str) -> timedelta:
    """`P1D`, `PT36H`, `P1W`, `-PT0.5S`. Raises ValueError with a sentence that says why not."""
    found = _DURATION.fullmatch(text)
    if found is None:
        if _WITH_YEARS_OR_MONTHS.fullmatch(text):
            raise ValueError("Years and months have no fixed length; give weeks or days.")
        raise ValueError("It is not an ISO 8601 duration such as P1D or PT90M.")
    sign, *numbers = found.groups()
    weeks, days, hours, minutes, seconds = (
        float(number.replace(",", ".")) if number else 0.0 for number in numbers
    )
    try:
        duration = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError("The duration is too long.") from None
    return -duration if sign == "-" else duration
