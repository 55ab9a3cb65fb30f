"""What people and tests turn on a stand-in, checked before it is turned."""

import json
import random
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.answers import Refused

Knobs = Mapping[str, tuple[Callable[[Any], bool], str]]
"""By name: what is allowed, and in words."""

_LONGEST_SECONDS = 3600


def is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


def is_seconds(value: Any) -> bool:
    return is_number(value) and 0 <= value <= _LONGEST_SECONDS


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


WEBHOOKS: Knobs = {
    "duplicate": (is_share, "a share from 0 to 1"),
    "reorder": (is_share, "a share from 0 to 1"),
    "drop": (is_share, "a share from 0 to 1"),
    "paused": (lambda value: isinstance(value, bool), "true or false"),
    "endpoint": (
        lambda value: isinstance(value, str) and value.startswith(("http://", "https://")),
        "a web address",
    ),
    "seed": (lambda value: type(value) is int, "a whole number"),
}


def checked(body: str, known: Knobs) -> dict[str, Any] | None:
    """None for a reset. Raises Refused."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Refused("invalid_request", "The body is not a JSON object.")
    if said == {"reset": True}:
        return None
    for name, value in said.items():
        if name not in known:
            raise Refused("invalid_request", f"{name} is not known; choose of {', '.join(known)}.")
        check, meaning = known[name]
        if not check(value):
            raise Refused("invalid_request", f"{name} must be {meaning}.")
    return said


class Turnable:
    """A transaction on a store that has the table `knobs`."""

    sql: sqlite3.Connection
    chance: random.Random

    def knob(self, name: str, default: Any) -> Any:
        row = self.sql.execute("SELECT value FROM knobs WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row["value"])

    def turn(self, knobs: Mapping[str, Any]) -> None:
        self.sql.executemany(
            "INSERT INTO knobs VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [(name, json.dumps(value)) for name, value in knobs.items()],
        )

    def turn_webhooks(self, said: dict[str, Any] | None) -> dict[str, Any]:
        """As `WEBHOOKS` names them; None turns them back. Returns what is in force."""
        if said is None:
            self.turn({"webhooks": {}})
            self.sql.execute("DELETE FROM knobs WHERE name = 'endpoint'")
            return {}
        if "seed" in said:
            self.chance.seed(said.pop("seed"))
        if "endpoint" in said:
            self.turn({"endpoint": said.pop("endpoint")})
        knobs: dict[str, Any] = self.knob("webhooks", {}) | said
        self.turn({"webhooks": knobs})
        return knobs
