"""Where a message goes: into its queue, on by forwarding, to the subscriptions whose rules want it,
or into a dead-letter queue."""

from collections.abc import Sequence

from funchost.servicebus.broker.catalogue import Container
from funchost.servicebus.broker.errors import MessageNotFound, NotAllowed
from funchost.servicebus.broker.interface import (
    MAX_MESSAGE_BYTES,
    EntityKind,
    IncomingMessage,
    MessageChanges,
    MessageProperties,
    PropertyValue,
)
from funchost.servicebus.broker.rules.rule import copies
from funchost.servicebus.broker.rules.values import EvaluationError
from funchost.servicebus.broker.storage.transaction import (
    NewMessage,
    State,
    Transaction,
    message_id,
)

__all__ = ["accept", "bury", "cancel_scheduled", "dead_letter_properties", "deliver"]

_MAX_HOPS = 4
"""Forwardings of one message; the vendor's limit."""

_LARGEST_COPY = MAX_MESSAGE_BYTES + 65_536
"""What a rule's action adds may exceed the limit for sends a little, but not without end."""

_DUPLICATES_PER_PURGE = 2
"""Old records that are forgotten for each new one, so that they go as fast as they came."""


def accept(
    transaction: Transaction, container: Container, messages: Sequence[IncomingMessage]
) -> list[int]:
    """What `Broker.send` says."""
    numbers = []
    for incoming in messages:
        envelope = incoming.envelope
        if container.entity.requires_session and envelope.session_id is None:
            raise NotAllowed(
                "The SessionId was not set on a message, and it cannot be sent to the entity. "
                f"Entities that have session support enabled, such as '{container.entity.path}', "
                "can only receive messages that have the SessionId set to a valid value."
            )
        message = NewMessage(
            incoming.encoded,
            envelope.session_id,
            envelope.message_id,
            envelope.time_to_live,
            envelope.scheduled_at,
        )
        numbers.append(_route(transaction, container, message))
    return numbers


def cancel_scheduled(
    transaction: Transaction, container: Container, sequence_numbers: Sequence[int]
) -> None:
    for number in sequence_numbers:
        deleted = transaction.connection.execute(
            "DELETE FROM message WHERE id = ? AND state = ?",
            (message_id(container, number), State.SCHEDULED),
        )
        if deleted.rowcount == 0:
            raise MessageNotFound(f"There is no scheduled message {number}.")
        transaction.delete(message_id(container, number))


def deliver(transaction: Transaction, container: Container, message: NewMessage) -> int:
    """Hands on a message whose time has come. The result is as of `Broker.send`."""
    if container.entity.kind is not EntityKind.TOPIC:
        return _enter(transaction, container, message, container.settings.time_to_live)
    message.enqueued_sequence = message.enqueued_sequence or transaction.next_sequence(container)
    properties: MessageProperties | None = None
    for subscription in container.subscriptions:
        limit = _shorter(container.settings.time_to_live, subscription.settings.time_to_live)
        if subscription.takes_all:
            _enter(transaction, subscription, _copy(message, MessageChanges(), transaction), limit)
            continue
        properties = properties or transaction.codec.properties(message.encoded)
        try:
            wanted = [
                _copy(message, changes, transaction)
                for changes in copies(subscription.rules, properties)
            ]
        except EvaluationError as error:
            if subscription.settings.dead_letter_on_filter_error:
                copy = _copy(message, MessageChanges(), transaction)
                _bury_new(transaction, subscription, copy, "FilterEvaluationException", str(error))
            continue
        for copy in wanted:
            _enter(transaction, subscription, copy, limit)
    return 0


def bury(
    transaction: Transaction,
    container: Container,
    message: NewMessage,
    properties: dict[str, PropertyValue],
    *,
    sequence: int,
    enqueued_at: int,
) -> None:
    """Dead-letters what was a message of `container`; its old row must be gone."""
    message.encoded = transaction.codec.edit(
        message.encoded, MessageChanges(application=properties)
    )
    target = container.forward_dead_letters_to
    if target is not None:
        message.enqueued_sequence = message.enqueued_sequence or sequence
        message.dead_letter_source = container.entity.path
        message.scheduled_at = None
        _forward(transaction, container, target, message)
        return
    if container.dead_letters is None:
        raise NotAllowed(f"'{container.entity.path}' has no dead letters.")
    transaction.insert(
        container.dead_letters, sequence, message, State.READY, enqueued_at=enqueued_at
    )


def dead_letter_properties(reason: str | None, description: str | None) -> dict[str, PropertyValue]:
    properties: dict[str, PropertyValue] = {}
    if reason is not None:
        properties["DeadLetterReason"] = reason
    if description is not None:
        properties["DeadLetterErrorDescription"] = description
    return properties


def _route(transaction: Transaction, container: Container, message: NewMessage) -> int:
    if _is_duplicate(transaction, container, message):
        return 0
    if message.scheduled_at is not None and message.scheduled_at > transaction.now:
        sequence = transaction.next_sequence(container)
        transaction.insert(
            container,
            sequence,
            message,
            State.SCHEDULED,
            due=message.scheduled_at,
            time_to_live=message.time_to_live,
        )
        return sequence
    return deliver(transaction, container, message)


def _is_duplicate(transaction: Transaction, container: Container, message: NewMessage) -> bool:
    if not container.settings.requires_duplicate_detection or message.message_id is None:
        return False
    now = transaction.now
    transaction.connection.execute(
        "DELETE FROM duplicate WHERE rowid IN"
        " (SELECT rowid FROM duplicate WHERE until <= ? ORDER BY until LIMIT ?)",
        (now, _DUPLICATES_PER_PURGE),
    )
    recorded = transaction.connection.execute(
        "INSERT INTO duplicate VALUES (?, ?, ?) ON CONFLICT (container, message_id)"
        " DO UPDATE SET until = excluded.until WHERE until <= ?",
        (container.number, message.message_id, now + container.settings.duplicate_window, now),
    )
    return recorded.rowcount == 0


def _enter(
    transaction: Transaction, container: Container, message: NewMessage, limit: int | None
) -> int:
    """`limit` is the time to live that the entity grants at most."""
    if container.forward_to is not None:
        message.enqueued_sequence = message.enqueued_sequence or transaction.next_sequence(
            container
        )
        message.time_to_live = _shorter(message.time_to_live, limit)
        _forward(transaction, container, container.forward_to, message)
        return 0
    if container.entity.requires_session and message.session_id is None:
        _bury_new(
            transaction,
            container,
            message,
            "Session id is null.",
            "Session enabled entity doesn't allow a message whose session identifier is null.",
        )
        return 0
    sequence = transaction.next_sequence(container)
    time_to_live = _shorter(message.time_to_live, limit)
    transaction.insert(
        container,
        sequence,
        message,
        State.READY,
        expires=None if time_to_live is None else transaction.now + time_to_live,
        time_to_live=time_to_live,
    )
    return sequence


def _forward(
    transaction: Transaction, source: Container, target: Container, message: NewMessage
) -> None:
    message.hops += 1
    if message.hops > _MAX_HOPS and source.transfer_dead_letters is not None:
        message.encoded = transaction.codec.edit(
            message.encoded,
            MessageChanges(
                application=dead_letter_properties(
                    "MaxTransferHopCountExceeded",
                    f"The message was forwarded more than {_MAX_HOPS} times.",
                )
            ),
        )
        sequence = transaction.next_sequence(source)
        transaction.insert(source.transfer_dead_letters, sequence, message, State.READY)
    else:
        _route(transaction, target, message)


def _bury_new(
    transaction: Transaction, container: Container, message: NewMessage, reason: str, text: str
) -> None:
    bury(
        transaction,
        container,
        message,
        dead_letter_properties(reason, text),
        sequence=transaction.next_sequence(container),
        enqueued_at=transaction.now,
    )


def _copy(message: NewMessage, changes: MessageChanges, transaction: Transaction) -> NewMessage:
    """Raises EvaluationError where the changes would make it too large."""
    encoded, session_id = message.encoded, message.session_id
    if changes != MessageChanges():
        encoded = transaction.codec.edit(encoded, changes)
        if len(encoded) > _LARGEST_COPY:
            raise EvaluationError(f"the message would have {len(encoded)} bytes")
        if "SessionId" in changes.system:
            session_id = changes.system["SessionId"]
    return NewMessage(
        encoded,
        session_id,
        message.message_id,
        message.time_to_live,
        message.scheduled_at,
        message.enqueued_sequence,
        message.hops,
        message.dead_letter_source,
    )


def _shorter(first: int | None, second: int | None) -> int | None:
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
