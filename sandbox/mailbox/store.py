"""Mails in SQLite, in the state folder."""

import json
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.kept import Kept

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL COLLATE NOCASE,
    received REAL NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_recipient ON messages (recipient, sequence);
CREATE TABLE IF NOT EXISTS faults (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, calls INTEGER NOT NULL, recipient TEXT NOT NULL
);
"""
_MOST = 500

Message = dict[str, Any]


class Messages:
    """Each call is one transaction."""

    def __init__(self, folder: Path) -> None:
        self._kept = Kept(folder / "sandbox" / "mailbox.db", _SCHEMA)

    def take(self, said: Mapping[str, Any]) -> bool:
        """False where a mail with this id is there already; it stays as it came first."""
        with self._kept.transaction() as sql:
            known = sql.execute(
                "UPDATE messages SET times = times + 1 WHERE id = ?", (said["id"],)
            ).rowcount
            if not known:
                sql.execute(
                    "INSERT INTO messages (id, recipient, received, body) VALUES (?, ?, ?, ?)",
                    (said["id"], said["to"], time.time(), json.dumps(said)),
                )
            return not known

    def newest(self, to: str | None) -> list[Message]:
        with self._kept.transaction() as sql:
            rows = sql.execute(
                "SELECT body, received, times FROM messages WHERE ? IS NULL OR recipient = ?"
                " ORDER BY sequence DESC LIMIT ?",
                (to, to, _MOST),
            ).fetchall()
        return [_message(row) for row in rows]

    def one(self, identity: str) -> Message | None:
        with self._kept.transaction() as sql:
            row = sql.execute(
                "SELECT body, received, times FROM messages WHERE id = ?", (identity,)
            ).fetchone()
        return None if row is None else _message(row)

    def empty(self) -> None:
        with self._kept.transaction() as sql:
            sql.execute("DELETE FROM messages")

    def order_fault(self, kind: str, calls: int, to: str) -> None:
        with self._kept.transaction() as sql:
            sql.execute(
                "INSERT INTO faults (kind, calls, recipient) VALUES (?, ?, ?)", (kind, calls, to)
            )

    def mend(self) -> None:
        with self._kept.transaction() as sql:
            sql.execute("DELETE FROM faults")

    def faults(self) -> list[dict[str, Any]]:
        with self._kept.transaction() as sql:
            rows = sql.execute(
                "SELECT kind, calls, recipient AS 'to' FROM faults ORDER BY sequence"
            )
            return [dict(row) for row in rows]

    def fault(self, to: str) -> str | None:
        """The kind of what is to go wrong with a mail to this recipient; it counts as used."""
        with self._kept.transaction() as sql:
            row = sql.execute(
                "SELECT sequence, kind, calls FROM faults WHERE instr(lower(?), lower(recipient))"
                " ORDER BY sequence LIMIT 1",
                (to,),
            ).fetchone()
            if row is None:
                return None
            change = "UPDATE faults SET calls = calls - 1 WHERE sequence = ?"
            if row["calls"] == 1:
                change = "DELETE FROM faults WHERE sequence = ?"
            sql.execute(change, (row["sequence"],))
            return str(row["kind"])

    def close(self) -> None:
        self._kept.close()


def _message(row: sqlite3.Row) -> Message:
    """With `received`, seconds since 1970, and `times`, how often it was handed in."""
    return {**json.loads(row["body"]), "received": row["received"], "times": row["times"]}
