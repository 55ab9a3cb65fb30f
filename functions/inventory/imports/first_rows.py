"""What the first rows of a CSV file tell of all its rows."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from functions.inventory.imports.csv_rows import Row

_MOST_ROWS = 1_000
_MOST_BYTES = 1024 * 1024
_YES_OR_NO = frozenset({"true", "false", "yes", "no", "y", "n", "1", "0", "-1"})
_LONGEST = 10
"""Of a truth value, or a date such as 08/25/2010."""
_SLASHES = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/[0-9]{4}")


@dataclass(frozen=True, slots=True)
class FirstRows:
    """Places of columns: of truth values alone, and of dates that can be read in one way only."""

    switches: set[int] = field(default_factory=set)
    day_first: set[int] = field(default_factory=set)
    month_first: set[int] = field(default_factory=set)


def look_at(rows: Iterable[Row]) -> FirstRows:
    found = FirstRows()
    others: set[int] = set()
    read = 0
    for row in islice(rows, _MOST_ROWS):
        read += sum(map(len, row.cells))
        if read > _MOST_BYTES:
            break
        for place, cell in enumerate(row.cells):
            text = cell.strip()
            if not text:
                continue
            if len(text) > _LONGEST or text.lower() not in _YES_OR_NO:
                others.add(place)
            else:
                found.switches.add(place)
            if dated := _SLASHES.fullmatch(text):
                if int(dated[1]) > 12:
                    found.day_first.add(place)
                elif int(dated[2]) > 12:
                    found.month_first.add(place)
    found.switches.difference_update(others)
    return found
