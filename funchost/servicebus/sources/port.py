"""How triggers and output bindings reach an entity, whoever runs its broker.

SourceError                the entity cannot be used for now; the listener tries again
├── EntityError            and will not be until somebody changes something
└── LockLostError          a settlement or renewal came too late, or another one came first
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from funchost.servicebus.messages import OutgoingMessage, ReceivedMessage

__all__ = [
    "EntityError",
    "LockLostError",
    "MessageReceiver",
    "MessageSource",
    "Receiver",
    "SessionReceiver",
    "SourceError",
    "SourceProvider",
]


class SourceError(Exception):
    pass


class EntityError(SourceError):
    """There is no such entity, or it wants sessions and the receiver does not, or the opposite."""


class LockLostError(SourceError):
    pass


class Receiver(Protocol):
    """One at a time receives; settlements may overlap with that and with each other."""

    async def receive(self, count: int, wait: float) -> Sequence[ReceivedMessage]:
        """As soon as there is one message, it and those at hand, `count` at most; none after `wait`
        seconds. May be cancelled: what it had in hand is given back without counting a delivery."""

    async def complete(self, message: ReceivedMessage) -> None:
        """Durable when it returns. Raises LockLostError."""

    async def abandon(self, message: ReceivedMessage) -> None:
        """At once available again, with the delivery counted. Raises LockLostError."""

    async def release(self, messages: Sequence[ReceivedMessage]) -> None:
        """Gives back what nobody has looked at. Raises nothing: their locks end by themselves."""

    async def close(self) -> None:
        """After the last settlement. Gives back what the receiver has at hand; raises nothing."""


class MessageReceiver(Receiver, Protocol):
    async def renew(self, message: ReceivedMessage) -> datetime:
        """Until when the lock holds now. Raises LockLostError."""


class SessionReceiver(Receiver, Protocol):
    """`locked_until` as of the accept; closing it unlocks the session."""

    @property
    def session_id(self) -> str: ...

    @property
    def locked_until(self) -> datetime: ...

    async def renew(self) -> datetime:
        """Until when the session's lock holds now. Raises LockLostError."""


class MessageSource(Protocol):
    """One entity of one connection."""

    async def open(self, prefetch: int) -> MessageReceiver:
        """The receiver keeps up to `prefetch` messages at hand beyond those that it is asked for.
        Raises EntityError, also for an entity that requires sessions."""

    async def next_session(self, wait: float) -> SessionReceiver | None:
        """Locks a session that has messages and that nobody else has; None after `wait` seconds.
        Raises EntityError, also for an entity without sessions. May be cancelled."""

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        """All or none, durable when it returns."""

    async def close(self) -> None: ...


class SourceProvider(Protocol):
    """One connection."""

    def source(self, entity: str) -> MessageSource:
        """`entity` is a queue, a topic (to send), or `topic/Subscriptions/name`; each may end in
        `/$DeadLetterQueue`."""

    async def close(self) -> None: ...
