"""What happens to messages by itself: schedules come due, locks and messages expire."""

from collections.abc import Mapping

from funchost.servicebus.broker.catalogue import Container
from funchost.servicebus.broker.storage.routing import deliver
from funchost.servicebus.broker.storage.settlement import expire, unlock
from funchost.servicebus.broker.storage.transaction import NewMessage, State, Transaction

__all__ = ["next_due", "process_due", "release_session", "release_sessions"]

_PER_TRANSACTION = 200
"""So that senders and receivers need not wait for a long row of expiries."""


def process_due(transaction: Transaction, containers: Mapping[int, Container]) -> int | None:
    """Does a part of what is due, oldest first. The result is when it is to be called again, which
    is in the past while something is left; None when nothing is waiting for a time."""
    rows = transaction.connection.execute(
        "SELECT id, container, state FROM message WHERE due <= ? ORDER BY due, id LIMIT ?",
        (transaction.now, _PER_TRANSACTION),
    ).fetchall()
    for row, number, state in rows:
        container = containers[number]
        if state == State.READY:
            expire(transaction, container, row)
        elif state == State.SCHEDULED:
            _activate(transaction, container, row)
        else:
            unlock(transaction, container, row)
    transaction.flush()
    return next_due(transaction)


def next_due(transaction: Transaction) -> int | None:
    due: int | None = transaction.connection.execute(
        "SELECT min(due) FROM message WHERE due IS NOT NULL"
    ).fetchone()[0]
    return due


def _activate(transaction: Transaction, container: Container, row: int) -> None:
    first, scheduled_at, time_to_live, session_id, source, hops, encoded = (
        transaction.connection.execute(
            "SELECT enqueued_sequence, scheduled_at, time_to_live, session_id, dead_letter_source,"
            " hops, encoded FROM body WHERE id = ?",
            (row,),
        ).fetchone()
    )
    transaction.delete(row)
    message_id = transaction.codec.envelope(encoded).message_id
    deliver(
        transaction,
        container,
        NewMessage(
            encoded, session_id, message_id, time_to_live, scheduled_at, first, hops, source
        ),
    )


def release_session(transaction: Transaction, container: Container, session: str) -> bool:
    """Unlocks what a receiver left of its session. True where it has no message to receive."""
    rows = transaction.connection.execute(
        "SELECT id FROM message WHERE container = ? AND session = ? AND state IN (?, ?)"
        " AND session IS NOT NULL ORDER BY id",
        (container.number, session, State.LOCKED, State.DEFERRED_LOCKED),
    ).fetchall()
    for (row,) in rows:
        unlock(transaction, container, row)
    ready = transaction.connection.execute(
        "SELECT 1 FROM message WHERE container = ? AND session = ? AND state = ?"
        " AND session IS NOT NULL LIMIT 1",
        (container.number, session, State.READY),
    ).fetchone()
    return ready is None


def release_sessions(transaction: Transaction, container: Container) -> None:
    """At take-over: sessions were held by links, and those died with their process."""
    rows = transaction.connection.execute(
        "SELECT id FROM message WHERE container = ? AND state IN (?, ?) AND session IS NOT NULL",
        (container.number, State.LOCKED, State.DEFERRED_LOCKED),
    ).fetchall()
    for (row,) in rows:
        unlock(transaction, container, row)
