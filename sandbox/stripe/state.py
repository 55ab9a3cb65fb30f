"""The account's objects in SQLite. Each request is one transaction; a kill between two loses none.

Objects are kept as the JSON that Stripe would show, beside the columns by which they are found.
"""

import json
import random
import secrets
import sqlite3
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.kept import Kept
from sandbox.knobs import Turnable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    intent TEXT,
    changed REAL NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, sequence);
CREATE INDEX IF NOT EXISTS objects_intent ON objects (intent, kind, sequence);
CREATE TABLE IF NOT EXISTS metadata (
    id TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (id, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS metadata_value ON metadata (name, value);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    request_id TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL, answer TEXT
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due);
CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY, due REAL NOT NULL, refund TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS knobs (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

_ALPHABET = string.ascii_letters + string.digits

Body = dict[str, Any]

_ALL_EVENTS = frozenset({"*"})


def new_id(prefix: str) -> str:
    # One look at the system's randomness, where `secrets.choice` takes one for each sign.
    signs = (_ALPHABET[one % len(_ALPHABET)] for one in secrets.token_bytes(24))
    return f"{prefix}_{''.join(signs)}"


class State:
    def __init__(self, folder: Path, enabled_events: frozenset[str] = _ALL_EVENTS) -> None:
        """`enabled_events`: the kinds that the webhook endpoint asked for; `*` is all."""
        self._enabled_events = enabled_events
        self._kept = Kept(folder / "sandbox" / "stripe.db", _SCHEMA)
        self.chance = random.Random()  # noqa: S311 - it shuffles webhooks

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """Committed at the end of the block, or nothing of it."""
        with self._kept.transaction() as connection:
            yield Transaction(connection, self.chance, self._enabled_events)

    def close(self) -> None:
        self._kept.close()


class Transaction(Turnable):
    def __init__(
        self,
        connection: sqlite3.Connection,
        chance: random.Random,
        enabled_events: frozenset[str] = _ALL_EVENTS,
    ) -> None:
        self.sql = connection
        self.enabled_events = enabled_events
        self.chance = chance
        self.now = int(time.time())
        self.request_id: str | None = None
        self.idempotency_key: str | None = None

    def find(self, kind: str, identity: str) -> Body | None:
        row = self.sql.execute(
            "SELECT body FROM objects WHERE id = ? AND kind = ?", (identity, kind)
        ).fetchone()
        return None if row is None else json.loads(row["body"])

    def put(self, body: Body, intent: str | None = None) -> Body:
        """Stores an object as it is now, new or known."""
        self.sql.execute(
            "INSERT INTO objects (id, kind, created, intent, changed, body)"
            " VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body, changed = excluded.changed",
            (
                body["id"],
                body["object"],
                body["created"],
                intent,
                time.time(),
                json.dumps(body),
            ),
        )
        self.sql.execute("DELETE FROM metadata WHERE id = ?", (body["id"],))
        self.sql.executemany(
            "INSERT INTO metadata VALUES (?, ?, ?)",
            [(body["id"], name, value) for name, value in body.get("metadata", {}).items()],
        )
        return body

    def of_intent(self, kind: str, intent: str) -> list[Body]:
        """Newest first."""
        rows = self.sql.execute(
            "SELECT body FROM objects WHERE intent = ? AND kind = ? ORDER BY sequence DESC",
            (intent, kind),
        )
        return [json.loads(row["body"]) for row in rows]
