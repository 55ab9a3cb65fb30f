"""The carrier's parcels in SQLite. Each request is one transaction; a kill between two loses none.

Shipments and trackers are kept as the JSON that EasyPost would show.
"""

import json
import random
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.kept import Kept
from sandbox.knobs import Turnable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS shipments (id TEXT PRIMARY KEY, tracker TEXT UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trackers (
    id TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, created TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS trackers_created ON trackers (created);
CREATE TABLE IF NOT EXISTS steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tracker TEXT NOT NULL, due TEXT NOT NULL,
    said TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS steps_due ON steps (due);
CREATE INDEX IF NOT EXISTS steps_tracker ON steps (tracker);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tracker TEXT NOT NULL, created REAL NOT NULL,
    due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, answer TEXT,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due);
CREATE TABLE IF NOT EXISTS knobs (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

Body = dict[str, Any]


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(16)}"


def written(moment: datetime) -> str:
    """As EasyPost writes a time; such texts sort as the times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class State:
    """`now` is business time."""

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._kept = Kept(folder / "sandbox" / "carrier.db", _SCHEMA)
        self._now = now
        self.chance = random.Random()  # noqa: S311 - it shuffles webhooks

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """Committed at the end of the block, or nothing of it."""
        with self._kept.transaction() as connection:
            yield Transaction(connection, self._now(), self.chance)

    def close(self) -> None:
        self._kept.close()


class Transaction(Turnable):
    def __init__(
        self, connection: sqlite3.Connection, now: datetime, chance: random.Random
    ) -> None:
        self.sql = connection
        self.now = now
        self.chance = chance

    def shipment(self, identity: str) -> Body | None:
        row = self.sql.execute("SELECT body FROM shipments WHERE id = ?", (identity,)).fetchone()
        return None if row is None else json.loads(row["body"])

    def put_shipment(self, body: Body) -> None:
        tracker = body["tracker"] and body["tracker"]["id"]
        self.sql.execute(
            "INSERT INTO shipments VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET tracker = excluded.tracker, body = excluded.body",
            (body["id"], tracker, json.dumps(body)),
        )

    def tracker(self, name: str) -> Body | None:
        """By its id or its tracking code."""
        row = self.sql.execute(
            "SELECT body FROM trackers WHERE id = ? OR code = ?", (name, name)
        ).fetchone()
        return None if row is None else json.loads(row["body"])

    def put_tracker(self, body: Body) -> None:
        self.sql.execute(
            "INSERT INTO trackers VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET body = excluded.body",
            (body["id"], body["tracking_code"], body["created_at"], json.dumps(body)),
        )
