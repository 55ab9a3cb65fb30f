"""Looks into messages without touching them."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from funchost.servicebus.amqp.sections import EncodedMessage
from funchost.servicebus.amqp.values import Timestamp
from funchost.servicebus.operator.management import ask
from funchost.servicebus.operator.target import Target
from funchost.servicebus.sources.client import received_message

__all__ = [
    "PEEK",
    "SEND",
    "BrowsedMessage",
    "browse",
    "count_by_reason",
    "dead_letters_of",
]

PEEK = "com.microsoft:peek-message"
SEND = "com.microsoft:schedule-message"
"""It takes encoded messages, and without a time to wait for it sends at once."""
_PAGE = 250
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATES = ("active", "deferred", "scheduled")
_GIVEN_UP = re.compile(r"after (\d+) delivery attempts", re.ASCII)


@dataclass(frozen=True)
class BrowsedMessage:
    """`deliveries` are those that have been, of a dead letter those before it was given up as well;
    `body` as AMQP carried it, data sections joined."""

    sequence_number: int
    enqueued_time: datetime | None
    state: str
    deliveries: int
    message_id: str | None
    session_id: str | None
    subject: str | None
    application_properties: dict[str, Any]
    body: Any

    @property
    def reason(self) -> str:
        return str(self.application_properties.get("DeadLetterReason") or "")

    @property
    def description(self) -> str:
        return str(self.application_properties.get("DeadLetterErrorDescription") or "")


def dead_letters_of(entity: str) -> str:
    """The path of an entity's dead letters; of dead letters, themselves."""
    suffix = "/$DeadLetterQueue"
    return entity if entity.lower().endswith(suffix.lower()) else f"{entity}{suffix}"


async def browse(
    target: Target, entity: str, *, start: int = 1, session: str | None = None
) -> AsyncIterator[BrowsedMessage]:
    """All messages from a sequence number on, in order. A broker of this machine shows those of
    every session; Azure only those of one that is not held by somebody, so that it must be named.
    Raises ManagementError or the SDK's errors."""
    if target.local_port is not None:
        async for message in _browse_locally(target.local_port, entity, start, session):
            yield message
        return
    options: dict[str, Any] = {} if session is None else {"session_id": session}
    async with target.client.get_queue_receiver(entity, **options) as receiver:
        while page := await receiver.peek_messages(_PAGE, sequence_number=start):
            for peeked in page:
                yield _from_sdk(peeked)
            start = (page[-1].sequence_number or 0) + 1


def count_by_reason(messages: Iterable[BrowsedMessage]) -> list[tuple[str, int]]:
    return Counter(message.reason for message in messages).most_common()


async def _browse_locally(
    port: int, entity: str, start: int, session: str | None
) -> AsyncIterator[BrowsedMessage]:
    while True:
        body: dict[str, Any] = {"from-sequence-number": start, "message-count": _PAGE}
        if session is not None:
            body["session-id"] = session
        answer = await ask(port, PEEK, body, entity=entity)
        if answer is None or not answer["messages"]:
            return
        for item in answer["messages"]:
            message = _from_wire(item["message"])
            yield message
            start = message.sequence_number + 1


def _from_wire(encoded: bytes) -> BrowsedMessage:
    message = EncodedMessage(encoded)
    annotations = message.annotations
    enqueued = annotations.get("x-opt-enqueued-time")
    return BrowsedMessage(
        int(annotations["x-opt-sequence-number"]),
        None if enqueued is None else _EPOCH + timedelta(milliseconds=enqueued),
        _STATES[annotations.get("x-opt-message-state") or 0],
        _deliveries(message.header[4] or 0, message.application_properties),
        message.message_id,
        message.session_id,
        message.subject,
        {
            name: _EPOCH + timedelta(milliseconds=value) if isinstance(value, Timestamp) else value
            for name, value in message.application_properties.items()
        },
        message.body_value,
    )


def _from_sdk(peeked: Any) -> BrowsedMessage:
    message = received_message(peeked)
    return BrowsedMessage(
        message.sequence_number,
        message.enqueued_time,
        peeked.state.name.lower(),
        _deliveries(message.delivery_count - 1, message.application_properties),
        message.message_id,
        message.session_id,
        message.subject,
        dict(message.application_properties),
        message.body,
    )


def _deliveries(counted: int, said: Mapping[str, Any]) -> int:
    """A broker counts a dead letter's deliveries from its burial on; how many led there stands in
    its description."""
    given_up = _GIVEN_UP.search(str(said.get("DeadLetterErrorDescription") or ""))
    return counted if given_up is None else max(counted, int(given_up[1]))
