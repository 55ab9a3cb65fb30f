"""Where answers are kept."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer as bytes.

    `version` is the number of the last change that it knows of. A change of what `tag` names makes
    it old at once. Where it is `loose`, any other change does too, but only after a moment: so a
    list is not made anew for each sale. `made_at` counts seconds since 1970.
    """

    version: int
    tag: str
    etag: str
    body: bytes
    loose: bool = False
    made_at: float = 0.0


class Cache(Protocol):
    """A key that is not there, or cannot be reached, is a miss, never an error."""

    def at_hand(self, key: str) -> Entry | None:
        """As `get`, for an event loop: a miss too where finding out would have to wait."""
        ...

    def get(self, key: str) -> Entry | None: ...

    def put(self, key: str, entry: Entry, lifetime_seconds: float) -> None:
        """Keeps the entry, unless one with a higher version is there."""
        ...
