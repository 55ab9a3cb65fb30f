"""Messages as triggers and output bindings see them, whichever way they came."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["OutgoingMessage", "ReceivedMessage"]


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message under a lock. `body` is bytes for data, text for an AMQP value that is a string,
    None for no body, and any other value as AMQP carried it. `delivery_count` is 1 at the first
    delivery, as .NET counts. Times are aware; `expires_at` None is never. `handle` belongs to the
    receiver that gave the message."""

    body: Any
    sequence_number: int
    delivery_count: int
    lock_token: str
    enqueued_time: datetime
    expires_at: datetime | None = None
    locked_until: datetime | None = None
    message_id: str | None = None
    content_type: str | None = None
    correlation_id: str | None = None
    subject: str | None = None
    to: str | None = None
    reply_to: str | None = None
    reply_to_session_id: str | None = None
    session_id: str | None = None
    partition_key: str | None = None
    dead_letter_source: str | None = None
    application_properties: Mapping[str, Any] = field(default_factory=dict)
    handle: Any = None


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """What an output binding sends: nothing else can be set from Python."""

    body: bytes
    message_id: str
    content_type: str | None = "text/plain"
