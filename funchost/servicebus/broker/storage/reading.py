"""Looks at what is committed, beside the writer."""

import sqlite3
from collections.abc import Collection, Sequence

from funchost.servicebus.broker.catalogue import Container
from funchost.servicebus.broker.interface import EntityCounts, StoredMessage
from funchost.servicebus.broker.storage.delivery import MESSAGE_COLUMNS, stored_message
from funchost.servicebus.broker.storage.schema import SEQUENCE_BITS
from funchost.servicebus.broker.storage.transaction import State, message_id

__all__ = ["count", "next_session", "peek", "sessions"]

_PEEK_BYTES = 4 << 20
_ACTIVE = (State.READY, State.LOCKED)
_SESSIONS_AFTER = (
    "SELECT session FROM message INDEXED BY message_session WHERE session IS NOT NULL"
    " AND container = ? AND state = ? AND session {} ? ORDER BY session LIMIT 1"
)


def peek(
    connection: sqlite3.Connection,
    container: Container,
    from_sequence: int,
    limit: int,
    session: str | None,
) -> list[StoredMessage]:
    first = message_id(container, max(0, min(from_sequence, (1 << SEQUENCE_BITS) - 1)))
    last = message_id(container, (1 << SEQUENCE_BITS) - 1)
    if session is None or not container.entity.requires_session:
        ids = "SELECT id FROM message WHERE id BETWEEN :first AND :last"
        if session is not None:
            ids += " AND id IN (SELECT id FROM body WHERE session_id = :session)"
    else:
        # The index is ordered by id within each state; these are merged, not sorted.
        ids = " UNION ALL ".join(
            "SELECT id FROM message INDEXED BY message_session WHERE session = :session"  # noqa: S608
            f" AND container = :container AND state = {state:d} AND id BETWEEN :first AND :last"
            for state in State
        )
    cursor = connection.execute(
        f"SELECT {MESSAGE_COLUMNS} FROM ({ids} ORDER BY id LIMIT :limit) AS found"  # noqa: S608
        " CROSS JOIN message USING (id) CROSS JOIN body USING (id)",
        {
            "container": container.number,
            "first": first,
            "last": last,
            "limit": limit,
            "session": session,
        },
    )
    messages: list[StoredMessage] = []
    size = 0
    for row in cursor:
        size += len(row[-1])
        if messages and size > _PEEK_BYTES:
            break
        messages.append(stored_message(row, None, None))
    cursor.close()
    return messages


def next_session(
    connection: sqlite3.Connection, container: Container, after: str | None, held: Collection[str]
) -> str | None:
    """The first session with active messages that comes after `after`, and then from the start,
    and that nobody holds."""
    found = _first_session(connection, container, after, held)
    if found is None and after is not None:
        found = _first_session(connection, container, None, held)
    return found


def _first_session(
    connection: sqlite3.Connection, container: Container, after: str | None, held: Collection[str]
) -> str | None:
    session = _following_session(connection, container, after)
    while session is not None and session in held:
        session = _following_session(connection, container, session)
    return session


def _following_session(
    connection: sqlite3.Connection,
    container: Container,
    after: str | None,
    *,
    states: Sequence[State] = (State.READY,),
) -> str | None:
    # Leaps from one session to the next in the index, however many messages each of them has.
    statement = _SESSIONS_AFTER.format(">=" if after is None else ">")
    rows = [
        connection.execute(statement, (container.number, state, after or "")).fetchone()
        for state in states
    ]
    return min((row[0] for row in rows if row is not None), default=None)


def sessions(
    connection: sqlite3.Connection,
    container: Container,
    skip: int,
    top: int,
    updated_after: int | None,
) -> list[str]:
    """What `Broker.sessions` says."""
    if updated_after is not None:
        rows = connection.execute(
            "SELECT session FROM session_state WHERE container = ? AND updated_at > ?"
            " ORDER BY session LIMIT ? OFFSET ?",
            (container.number, updated_after, top, skip),
        )
        return [row[0] for row in rows]
    found: list[str] = []
    session = _session_after(connection, container, None)
    while session is not None and len(found) < skip + top:
        found.append(session)
        session = _session_after(connection, container, session)
    return found[skip:]


def _session_after(
    connection: sqlite3.Connection, container: Container, after: str | None
) -> str | None:
    active = _following_session(connection, container, after, states=_ACTIVE)
    noted = connection.execute(
        "SELECT min(session) FROM session_state WHERE container = ?1 AND session >= ?2"
        " AND (session > ?2 OR ?3)",
        (container.number, after or "", after is None),
    ).fetchone()[0]
    return min((session for session in (active, noted) if session is not None), default=None)


def _count_active_sessions(connection: sqlite3.Connection, container: Container) -> int:
    number = 0
    session = _following_session(connection, container, None, states=_ACTIVE)
    while session is not None:
        number += 1
        session = _following_session(connection, container, session, states=_ACTIVE)
    return number


def count(connection: sqlite3.Connection, container: Container) -> EntityCounts:
    states: dict[int, int] = dict(
        connection.execute(
            "SELECT state, count(*) FROM message WHERE id BETWEEN ? AND ? GROUP BY state",
            (message_id(container, 0), message_id(container, (1 << SEQUENCE_BITS) - 1)),
        )
    )
    has_sessions = container.entity.requires_session
    return EntityCounts(
        entity=container.entity,
        active=states.get(State.READY, 0) + states.get(State.LOCKED, 0),
        deferred=states.get(State.DEFERRED, 0) + states.get(State.DEFERRED_LOCKED, 0),
        scheduled=states.get(State.SCHEDULED, 0),
        sessions=_count_active_sessions(connection, container) if has_sessions else 0,
    )
