"""The query of a management request, read as the extension reads it: what .NET's TryParse would
not take counts as not given, and names are compared without case."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

from funchost.dotnet_dates import parse_datetime
from funchost.http_messages import read_query

__all__ = ["Parameters", "read_moment"]

_OFFSET = re.compile(r"(?<=[\d ])([+-])(\d{1,2}):?(\d{2})?$")
# A plus sign that nobody escaped arrives as a blank.
_LOST_PLUS = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+) (\d\d:\d\d)")
_WHOLE_NUMBER = re.compile(r"\s*[+-]?\d{1,9}\s*")


class Parameters:
    def __init__(self, query: str) -> None:
        """`query` is the raw text after the question mark."""
        self._values = {name.lower(): value for name, value in read_query(query).items()}

    def text(self, name: str) -> str | None:
        return self._values.get(name.lower())

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = (self.text(name) or "").strip().lower()
        return value == "true" if value in {"true", "false"} else default

    def number(self, name: str) -> int | None:
        value = self.text(name)
        return int(value) if value is not None and _WHOLE_NUMBER.fullmatch(value) else None

    def seconds(self, name: str) -> float | None:
        try:
            value = float(self.text(name) or "")
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    def moment(self, name: str) -> datetime | None:
        value = self.text(name)
        return None if value is None else read_moment(value)

    def choices(self, name: str, known: Iterable[str]) -> frozenset[str]:
        """Those of a comma-separated list that are `known`, in the spelling of `known`; a number
        stands for the place in it, as .NET's enumerations have it."""
        names = list(known)
        spelling = {word.lower(): word for word in names}
        spelling |= {str(at): word for at, word in enumerate(names)}
        words = (self.text(name) or "").split(",")
        return frozenset(
            spelling[key] for word in words if (key := word.strip().lower()) in spelling
        )


def read_moment(text: str) -> datetime | None:
    """In UTC, which is also taken for a time without an offset. None when it cannot be read."""
    text = text.strip()
    if (found := _LOST_PLUS.fullmatch(text)) is not None:
        text = f"{found[1]}+{found[2]}"
    moment = parse_datetime(text)
    if moment is None:
        return None
    zone: timezone = UTC
    if ":" in text and (found := _OFFSET.search(text)):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        if offset >= timedelta(hours=15):
            return None
        zone = timezone(-offset if found[1] == "-" else offset)
    try:
        return moment.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return None
