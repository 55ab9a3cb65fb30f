"""Takes messages out for receivers."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from funchost.servicebus.broker.catalogue import Container
from funchost.servicebus.broker.errors import MessageNotFound
from funchost.servicebus.broker.interface import MessageState, ReceiveMode, StoredMessage
from funchost.servicebus.broker.storage.settlement import expire
from funchost.servicebus.broker.storage.transaction import (
    NewMessage,
    State,
    Transaction,
    make_locks,
    message_id,
    sequence_of,
    token_of,
)

__all__ = ["MESSAGE_COLUMNS", "Fetched", "fetch", "receive_deferred", "restore", "stored_message"]

_BURST_BYTES = 1 << 20

MESSAGE_COLUMNS = (
    "message.id, state, deliveries, expires, enqueued_sequence, enqueued_at, scheduled_at,"
    " time_to_live, dead_letter_source, session_id, encoded"
)

Row = tuple[
    int, int, int, int | None, int, int, int | None, int | None, str | None, str | None, bytes
]

_STATES = {
    State.READY: MessageState.ACTIVE,
    State.LOCKED: MessageState.ACTIVE,
    State.DEFERRED: MessageState.DEFERRED,
    State.DEFERRED_LOCKED: MessageState.DEFERRED,
    State.SCHEDULED: MessageState.SCHEDULED,
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """`exhausted` means that the entity had no more at that moment."""

    messages: list[StoredMessage]
    exhausted: bool


def fetch(
    transaction: Transaction,
    container: Container,
    session: str | None,
    count: int,
    mode: ReceiveMode,
) -> Fetched:
    """The next messages in order, at most `count` and about 1 MiB together. Never raises."""
    while True:
        rows, exhausted = _read_ready(transaction.connection, container, session, count)
        alive = []
        for row in rows:
            expires = row[3]
            if expires is not None and expires <= transaction.now:
                expire(transaction, container, row[0])
            else:
                alive.append(row)
        if alive or exhausted:
            return Fetched(_take(transaction, container, alive, mode), exhausted)


def _read_ready(
    connection: sqlite3.Connection, container: Container, session: str | None, count: int
) -> tuple[list[Row], bool]:
    if session is None:
        index, condition = "message_ready", "session IS NULL"
        arguments: tuple[object, ...] = (container.number, count)
    else:
        index, condition = "message_session", "session = ?3"
        arguments = (container.number, count, session)
    # The order of a CROSS JOIN is kept as written, so that nothing is sorted.
    cursor = connection.execute(
        f"SELECT {MESSAGE_COLUMNS} FROM message INDEXED BY {index} CROSS JOIN body USING (id)"  # noqa: S608
        f" WHERE container = ?1 AND state = 0 AND {condition} ORDER BY message.id LIMIT ?2",
        arguments,
    )
    rows: list[Row] = []
    size = 0
    for row in cursor:
        rows.append(row)
        size += len(row[10])
        if size >= _BURST_BYTES:
            cursor.close()
            return rows, False
    return rows, len(rows) < count


def _take(
    transaction: Transaction, container: Container, rows: Sequence[Row], mode: ReceiveMode
) -> list[StoredMessage]:
    connection = transaction.connection
    if mode is ReceiveMode.RECEIVE_AND_DELETE:
        ids = [(row[0],) for row in rows]
        connection.executemany("DELETE FROM message WHERE id = ?", ids)
        connection.executemany("DELETE FROM body WHERE id = ?", ids)
        return [stored_message(row, None, None) for row in rows]
    if container.entity.requires_session:
        until = None
    else:
        until = transaction.now + container.settings.lock_duration
    locks = make_locks(len(rows))
    connection.executemany(
        "UPDATE message SET state = state + 1, due = ?, lock = ?, deliveries = deliveries + 1"
        " WHERE id = ?",
        [(until, lock, row[0]) for lock, row in zip(locks, rows, strict=True)],
    )
    if rows:
        transaction.effects.at(until)
    return [stored_message(row, lock, until) for lock, row in zip(locks, rows, strict=True)]


def receive_deferred(
    transaction: Transaction,
    container: Container,
    sequence_numbers: Sequence[int],
    mode: ReceiveMode,
    session: str | None,
) -> list[StoredMessage] | MessageNotFound:
    """Returns the error where it comes from an expired message, whose end is to be committed."""
    rows: list[Row] = []
    expired = []
    for number in dict.fromkeys(sequence_numbers):
        row: Row | None = transaction.connection.execute(
            f"SELECT {MESSAGE_COLUMNS} FROM message JOIN body USING (id)"  # noqa: S608
            " WHERE message.id = ? AND state = ? AND session IS ?",
            (message_id(container, number), State.DEFERRED, session),
        ).fetchone()
        if row is None:
            raise MessageNotFound(f"There is no deferred message {number}.")
        rows.append(row)
        if row[3] is not None and row[3] <= transaction.now:
            expired.append(number)
            expire(transaction, container, row[0])
    if expired:
        return MessageNotFound(f"The deferred message {expired[0]} has expired.")
    return _take(transaction, container, rows, mode)


def restore(
    transaction: Transaction, container: Container, messages: Sequence[StoredMessage]
) -> None:
    """Puts messages back that were received and deleted but not handed over."""
    for message in messages:
        time_to_live = message.time_to_live
        transaction.insert(
            container,
            message.sequence_number,
            NewMessage(
                message.encoded,
                message.session_id,
                None,
                time_to_live,
                message.scheduled_at,
                message.enqueued_sequence_number,
                0,
                message.dead_letter_source,
            ),
            State.READY,
            expires=None if time_to_live is None else message.enqueued_at + time_to_live,
            enqueued_at=message.enqueued_at,
            time_to_live=time_to_live,
            deliveries=message.delivery_count,
        )


def stored_message(row: Row, lock: int | None, locked_until: int | None) -> StoredMessage:
    return StoredMessage(
        encoded=row[10],
        sequence_number=sequence_of(row[0]),
        enqueued_sequence_number=row[4],
        enqueued_at=row[5],
        delivery_count=row[2],
        state=_STATES[State(row[1])],
        time_to_live=row[7],
        scheduled_at=row[6],
        dead_letter_source=row[8],
        session_id=row[9],
        lock_token=None if lock is None else token_of(row[0], lock),
        locked_until=locked_until,
    )
