"""Ends locks: by what receivers decide, and by what happens when they do not."""

from collections.abc import Mapping, Sequence
from typing import assert_never
from uuid import UUID

from funchost.servicebus.broker.catalogue import Container
from funchost.servicebus.broker.errors import MessageLockLost
from funchost.servicebus.broker.interface import (
    Abandon,
    Complete,
    DeadLetter,
    Defer,
    MessageChanges,
    Outcome,
    PropertyValue,
    Release,
)
from funchost.servicebus.broker.storage.routing import bury, dead_letter_properties
from funchost.servicebus.broker.storage.schema import SEQUENCE_BITS
from funchost.servicebus.broker.storage.transaction import (
    NewMessage,
    State,
    Transaction,
    message_lock,
    sequence_of,
)

__all__ = ["expire", "move_to_dead_letters", "renew_locks", "settle", "unlock"]


def settle(
    transaction: Transaction, container: Container, tokens: Sequence[UUID], outcome: Outcome
) -> None:
    """What `Broker.settle` says. For one token it raises before it has changed anything."""
    for token in tokens:
        row, lock = message_lock(token)
        if row >> SEQUENCE_BITS != container.number or not _settle_one(
            transaction, container, row, lock, outcome
        ):
            if transaction.settled_before.has(token, type(outcome)):
                continue
            raise MessageLockLost(
                "The lock supplied is invalid. Either the lock expired, or the message has "
                f"already been removed from the queue. Lock token: {token}"
            )
        transaction.settled.append((token, type(outcome)))


def _settle_one(
    transaction: Transaction, container: Container, row: int, lock: int, outcome: Outcome
) -> bool:
    connection = transaction.connection
    if isinstance(outcome, Complete):
        deleted = connection.execute(
            "DELETE FROM message WHERE id = ? AND lock = ? AND (due IS NULL OR due > ?)",
            (row, lock, transaction.now),
        )
        if deleted.rowcount == 1:
            connection.execute("DELETE FROM body WHERE id = ?", (row,))
        return deleted.rowcount == 1
    held = connection.execute(
        "SELECT state FROM message WHERE id = ? AND lock = ? AND (due IS NULL OR due > ?)",
        (row, lock, transaction.now),
    ).fetchone()
    if held is None:
        return False
    match outcome:
        case Release():
            connection.execute(
                "UPDATE message SET deliveries = deliveries - 1 WHERE id = ?", (row,)
            )
            unlock(transaction, container, row, counts=False)
        case Abandon():
            _change(transaction, row, outcome.properties)
            unlock(transaction, container, row)
        case Defer():
            _change(transaction, row, outcome.properties)
            connection.execute(
                "UPDATE message SET state = ?, lock = NULL, due = NULL WHERE id = ?",
                (State.DEFERRED, row),
            )
        case DeadLetter():
            properties = dead_letter_properties(outcome.reason, outcome.description)
            move_to_dead_letters(transaction, container, row, {**outcome.properties, **properties})
        case _:
            assert_never(outcome)
    return True


def _change(transaction: Transaction, row: int, properties: Mapping[str, PropertyValue]) -> None:
    if not properties:
        return
    (encoded,) = transaction.connection.execute(
        "SELECT encoded FROM body WHERE id = ?", (row,)
    ).fetchone()
    changed = transaction.codec.edit(encoded, MessageChanges(application=properties))
    transaction.connection.execute("UPDATE body SET encoded = ? WHERE id = ?", (changed, row))


def unlock(
    transaction: Transaction, container: Container, row: int, *, counts: bool = True
) -> None:
    """Makes a locked message available again, or a deferred one deferred. If the delivery `counts`
    and was its last one, it is dead-lettered."""
    state, session, deliveries, expires = transaction.connection.execute(
        "SELECT state, session, deliveries, expires FROM message WHERE id = ?", (row,)
    ).fetchone()
    limit = container.settings.max_delivery_count
    if counts and container.limits_deliveries and deliveries >= limit:
        move_to_dead_letters(
            transaction,
            container,
            row,
            dead_letter_properties(
                "MaxDeliveryCountExceeded",
                f"Message could not be consumed after {limit} delivery attempts.",
            ),
        )
        return
    ready = state == State.LOCKED
    due = expires if ready else None
    transaction.connection.execute(
        "UPDATE message SET state = ?, lock = NULL, due = ? WHERE id = ?",
        (State.READY if ready else State.DEFERRED, due, row),
    )
    transaction.effects.at(due)
    if ready:
        transaction.effects.announce(container.number, session)


def expire(transaction: Transaction, container: Container, row: int) -> None:
    """The end of a message that outlived its time, which nobody holds."""
    if container.settings.dead_letter_on_expiration:
        properties = dead_letter_properties(
            "TTLExpiredException", "The message expired and was dead lettered."
        )
        move_to_dead_letters(transaction, container, row, properties)
    else:
        transaction.delete(row)


def move_to_dead_letters(
    transaction: Transaction, container: Container, row: int, properties: dict[str, PropertyValue]
) -> None:
    body = transaction.connection.execute(
        "SELECT enqueued_sequence, enqueued_at, scheduled_at, time_to_live, session_id,"
        " dead_letter_source, hops, encoded FROM body WHERE id = ?",
        (row,),
    ).fetchone()
    first_sequence, enqueued_at, scheduled_at, time_to_live, session_id, source, hops, encoded = (
        body
    )
    message_id = None
    if container.forward_dead_letters_to is not None:
        message_id = transaction.codec.envelope(encoded).message_id
    transaction.delete(row)
    bury(
        transaction,
        container,
        NewMessage(
            encoded,
            session_id,
            message_id,
            time_to_live,
            scheduled_at,
            first_sequence,
            hops,
            source,
        ),
        properties,
        sequence=sequence_of(row),
        enqueued_at=enqueued_at,
    )


def renew_locks(
    transaction: Transaction, container: Container, tokens: Sequence[UUID]
) -> list[int]:
    until = transaction.now + container.settings.lock_duration
    for token in tokens:
        row, lock = message_lock(token)
        renewed = transaction.connection.execute(
            "UPDATE message SET due = ? WHERE id = ? AND lock = ? AND due > ? AND container = ?",
            (until, row, lock, transaction.now, container.number),
        )
        if renewed.rowcount == 0:
            raise MessageLockLost(f"The lock {token} has expired or never was.")
    transaction.effects.at(until)
    return [until] * len(tokens)
