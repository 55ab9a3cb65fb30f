"""Where messages go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """`id` becomes the broker's message id, so that its duplicate detection saves work. The broker
    keeps it to itself until `not_before`, of the machine's time."""

    id: str
    type: str
    session: str | None
    body: bytes
    traceparent: str | None = None
    tracestate: str | None = None
    not_before: datetime | None = None


class PublishFailed(Exception):
    """Some or all of the messages may not have been taken; to send all again is harmless."""


class Publisher(Protocol):
    def publish(self, destination: str, messages: Sequence[Message], patience: float) -> None:
        """Returns when the broker has taken all of them. `patience` counts seconds.

        Raises PublishFailed.
        """
        ...
