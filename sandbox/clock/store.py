"""`clock.json` in the state folder: the offset of business time, read by all of a shop."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.files import locked, replace

_FIRST_YEAR, _LAST_YEAR = 1970, 2999


class ClockFile:
    def __init__(self, state: Path) -> None:
        self._file = state / "clock.json"

    def offset(self) -> timedelta:
        """Raises ValueError where the file is not what `move` writes."""
        try:
            content = json.loads(self._file.read_text("utf-8"))
            return timedelta(seconds=float(content["offset_seconds"]))
        except FileNotFoundError:
            return timedelta()
        except (ValueError, TypeError, KeyError, OverflowError):
            raise ValueError(
                'clock.json in the state folder is damaged; {"reset": true} writes it anew.'
            ) from None

    def move(self, change: Callable[[], timedelta]) -> timedelta:
        """Stores what `change` returns; no other process changes the file meanwhile.

        Raises ValueError where business time would leave the years that calendars agree on.
        """
        with locked(self._file):
            offset = change()
            try:
                year = (datetime.now(UTC) + offset).year
            except OverflowError:
                year = 0
            if not _FIRST_YEAR <= year <= _LAST_YEAR:
                raise ValueError(f"Business time stays within {_FIRST_YEAR} and {_LAST_YEAR}.")
            replace(self._file, json.dumps({"offset_seconds": offset.total_seconds()}))
        return offset
