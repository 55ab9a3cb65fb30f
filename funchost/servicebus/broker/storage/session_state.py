"""What applications note down for a session; it outlives the messages."""

import sqlite3

from funchost.servicebus.broker.catalogue import Container

__all__ = ["read_session_state", "write_session_state"]


def read_session_state(
    connection: sqlite3.Connection, container: Container, session: str
) -> bytes | None:
    row = connection.execute(
        "SELECT state FROM session_state WHERE container = ? AND session = ?",
        (container.number, session),
    ).fetchone()
    return None if row is None else row[0]


def write_session_state(
    connection: sqlite3.Connection,
    container: Container,
    session: str,
    state: bytes | None,
    now: int,
) -> None:
    if state is None:
        connection.execute(
            "DELETE FROM session_state WHERE container = ? AND session = ?",
            (container.number, session),
        )
    else:
        connection.execute(
            "INSERT OR REPLACE INTO session_state VALUES (?, ?, ?, ?)",
            (container.number, session, state, now),
        )
