"""What the AMQP listener, the triggers and the operator's commands see of the broker.

All methods are called on the broker's event loop and none of them blocks it. Times are integers:
milliseconds since 1970, UTC, by the machine's clock, as AMQP timestamps hold them. Entity paths are
compared without regard to case:

    orders                                          a queue or a topic
    orders/$DeadLetterQueue                         a queue's dead letters
    orders/$Transfer/$DeadLetterQueue               what a queue or a topic could not forward
    events/Subscriptions/billing                    a subscription
    events/Subscriptions/billing/$DeadLetterQueue   and so on

Methods that return an `asyncio.Future` start at once, in the order of the calls; the future may be
awaited, given a callback, or dropped: dropping or cancelling it does not undo the operation. What
such a future or coroutine returns is committed to disk before it is done. Many calls under way at
the same time share one commit, so do not wait for one before you make the next.

Every method may raise `EntityNotFound` for its path and `BrokerUnavailable`; errors that are not
documented here are faults of the broker.
"""

import asyncio
import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol
from uuid import UUID

from funchost.servicebus.broker.errors import BrokerError

if TYPE_CHECKING:
    from funchost.servicebus.broker.rules.rule import Rule

__all__ = [
    "MAX_MESSAGE_BYTES",
    "NEXT_SESSION",
    "Abandon",
    "Broker",
    "Complete",
    "DeadLetter",
    "Defer",
    "Entity",
    "EntityCounts",
    "EntityKind",
    "Envelope",
    "IncomingMessage",
    "MessageChanges",
    "MessageCodec",
    "MessageProperties",
    "MessageState",
    "NextSession",
    "Outcome",
    "PropertyValue",
    "ReceiveMode",
    "Receiver",
    "Release",
    "StoredMessage",
    "SystemProperty",
]

MAX_MESSAGE_BYTES = 262_144
"""The standard tier's limit for one message and for the messages of one `send` together."""

PropertyValue = None | bool | int | float | str | bytes | UUID | datetime
"""An application property. AMQP's integer types are all int, its floating ones float, its char and
symbol str, its timestamp an aware datetime in UTC."""

SystemProperty = Literal[
    "MessageId",
    "CorrelationId",
    "ContentType",
    "Label",
    "ReplyTo",
    "ReplyToSessionId",
    "SessionId",
    "To",
]
"""The system properties that rules may test and set, by the names that rules use; `Label` is the
subject. AMQP: message-id, correlation-id, content-type, subject, reply-to, reply-to-group-id,
group-id, to."""


class ReceiveMode(enum.Enum):
    PEEK_LOCK = "peek-lock"
    RECEIVE_AND_DELETE = "receive-and-delete"


class MessageState(enum.IntEnum):
    """The values of `x-opt-message-state`."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


class NextSession(enum.Enum):
    NEXT_SESSION = "next"


NEXT_SESSION = NextSession.NEXT_SESSION
"""Asks for any session that has active messages and that nobody holds."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The fields of a message by which the broker routes it; the rest it reads by the codec when a
    rule asks for it. Ids of another type than string are given as text."""

    message_id: str | None = None
    session_id: str | None = None
    time_to_live: int | None = None
    """Milliseconds, header.ttl; None is no limit of its own."""
    scheduled_at: int | None = None
    """`x-opt-scheduled-enqueue-time`; a time that has passed means at once."""


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """`encoded` is one AMQP message, all sections from header to footer, delivery annotations left
    out. It is stored as it is and comes back as `StoredMessage.encoded`."""

    encoded: bytes
    envelope: Envelope = Envelope()


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it is handed out, by delivery, by peek or by deferred receive. The broker's own
    fields stand beside `encoded` and must be written over what the sections say.

    `encoded` is what was sent, except that rule actions, changed properties and dead-lettering
    (`DeadLetterReason`, `DeadLetterErrorDescription`) have been applied by the codec."""

    encoded: bytes
    sequence_number: int
    enqueued_sequence_number: int
    """The number that the message was given first, before it was forwarded or became due."""
    enqueued_at: int
    delivery_count: int
    """Earlier deliveries, as AMQP counts: 0 during the first one."""
    state: MessageState
    time_to_live: int | None
    """Milliseconds, the smaller one of the message's own and the entity's; None is no limit, and
    then a header.ttl stands as it is (it is larger than any calendar)."""
    scheduled_at: int | None
    dead_letter_source: str | None
    """The path of the entity in which a dead letter, forwarded since, was given up."""
    session_id: str | None
    lock_token: UUID | None
    """None when peeked, or received in receive-and-delete."""
    locked_until: int | None
    """None when there is no lock, and for messages of a session: there, the session is locked."""


@dataclass(frozen=True, slots=True)
class Complete:
    """The message is deleted."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """Available again, at its old place, or dead-lettered with `MaxDeliveryCountExceeded` if this
    was its last delivery. `properties` are set as application properties."""

    properties: Mapping[str, PropertyValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Release:
    """Given back unread: available again, and the delivery does not count. AMQP's `released`."""


@dataclass(frozen=True, slots=True)
class Defer:
    """Only to be received by its sequence number from now on."""

    properties: Mapping[str, PropertyValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Moved to the dead-letter queue, where it keeps its sequence number and its enqueued time; or
    on to where `ForwardDeadLetteredMessagesTo` says. In a dead-letter queue itself it stays there,
    with the new reason, and is available again."""

    reason: str | None = None
    description: str | None = None
    properties: Mapping[str, PropertyValue] = field(default_factory=dict)


Outcome = Complete | Abandon | Release | Defer | DeadLetter


@dataclass(frozen=True, slots=True)
class MessageProperties:
    """What rules test. `system` lacks, or has None for, what the message does not have; values
    that are not strings (a message-id may be a uuid) are given as text."""

    system: Mapping[SystemProperty, str | None]
    application: Mapping[str, PropertyValue]


@dataclass(frozen=True, slots=True)
class MessageChanges:
    """To be applied to an encoded message. In `system`, None unsets. `removed` names application
    properties, which need not exist; it is applied after `application`."""

    system: Mapping[SystemProperty, str | None] = field(default_factory=dict)
    application: Mapping[str, PropertyValue] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


class MessageCodec(Protocol):
    """How the broker looks into encoded messages. Called in the broker's threads: it must be free
    of state. It never raises for what `send` was given, since whoever sends has decoded it once."""

    def envelope(self, encoded: bytes) -> Envelope: ...

    def properties(self, encoded: bytes) -> MessageProperties: ...

    def edit(self, encoded: bytes, changes: MessageChanges) -> bytes:
        """All other sections and fields stay as they are, byte by byte where possible."""
        ...


class EntityKind(enum.Enum):
    QUEUE = "queue"
    TOPIC = "topic"
    SUBSCRIPTION = "subscription"
    DEAD_LETTER_QUEUE = "dead-letter queue"
    TRANSFER_DEAD_LETTER_QUEUE = "transfer dead-letter queue"


@dataclass(frozen=True, slots=True)
class Entity:
    """`path` is spelt as declared. A dead-letter queue never requires sessions. `lock_duration` is
    in milliseconds. Topics and the two dead-letter kinds: see `can_send` and `can_receive`."""

    path: str
    kind: EntityKind
    requires_session: bool
    lock_duration: int

    @property
    def can_send(self) -> bool:
        return self.kind in (EntityKind.QUEUE, EntityKind.TOPIC)

    @property
    def can_receive(self) -> bool:
        return self.kind is not EntityKind.TOPIC


@dataclass(frozen=True, slots=True)
class EntityCounts:
    """`active` includes what is locked just now. `sessions` is the number of sessions with active
    messages; 0 for entities without sessions."""

    entity: Entity
    active: int
    deferred: int
    scheduled: int
    sessions: int


class Receiver(Protocol):
    """One receiving link. It starts without credit. Messages arrive at the `on_messages` callback
    of `open_receiver`, in bursts, ordered by sequence number within a burst; each message uses up
    one credit."""

    @property
    def entity(self) -> Entity: ...

    @property
    def mode(self) -> ReceiveMode: ...

    @property
    def session_id(self) -> str | None:
        """None for a receiver without session. An empty string is a session's id like any other."""
        ...

    @property
    def session_locked_until(self) -> int | None: ...

    @property
    def credit(self) -> int:
        """What is left of the credit, counting only messages that were handed over."""
        ...

    def set_credit(self, credit: int) -> None:
        """Absolute, not additive: so many messages may still be handed over after those that were
        until now. Lowering is exact: no callback gets a message beyond it."""
        ...

    async def drain(self) -> None:
        """Hands over what is available now, within the credit, then the credit is 0."""
        ...

    def renew_session_lock(self) -> int:
        """Until when the session is now locked: a full lock duration from now. Raises
        SessionLockLost, and NotAllowed for a receiver without session."""
        ...

    async def session_state(self) -> bytes | None:
        """Raises SessionLockLost, and NotAllowed for a receiver without session."""
        ...

    async def set_session_state(self, state: bytes | None) -> None:
        """None forgets the state. Raises as `session_state`, and MessageSizeExceeded."""
        ...

    async def close(self) -> None:
        """No callback is called from this call on. Without session, the locks of unsettled
        messages stay until they expire, and can still be settled. With a session, the session is
        free and its unsettled messages are available again (each counting as delivered)."""
        ...


class Broker(Protocol):
    def entity(self, path: str) -> Entity:
        """Raises EntityNotFound."""
        ...

    def entities(self) -> Sequence[Entity]:
        """All of them, dead-letter queues included, each after the entity that it belongs to."""
        ...

    def send(self, path: str, messages: Sequence[IncomingMessage]) -> asyncio.Future[list[int]]:
        """All of them or none, with the sequence numbers that they were given by this entity: 0
        for a message that duplicate detection has dropped, that a topic gave to its subscriptions
        or that a queue has forwarded. A scheduled message is held back until its time has come.

        Raises NotAllowed (the entity takes no messages, or the session id is missing) and
        MessageSizeExceeded."""
        ...

    def schedule(self, path: str, messages: Sequence[IncomingMessage]) -> asyncio.Future[list[int]]:
        """As `send`; a message without `scheduled_at`, or with one that has passed, is available
        at once. The numbers serve `cancel_scheduled`; once a message has become available it has
        another one."""
        ...

    def cancel_scheduled(self, path: str, sequence_numbers: Sequence[int]) -> asyncio.Future[None]:
        """All or none. Raises MessageNotFound."""
        ...

    async def open_receiver(
        self,
        path: str,
        mode: ReceiveMode,
        on_messages: Callable[[Sequence[StoredMessage]], None],
        on_closed: Callable[[BrokerError], None],
        *,
        session: str | NextSession | None = None,
        wait_seconds: float | None = None,
    ) -> Receiver:
        """`on_messages` must not raise. `on_closed` is called at most once, when the broker itself
        ends the receiver (SessionLockLost, BrokerUnavailable), never after `close`.

        With NEXT_SESSION it waits `wait_seconds` (None: without limit) for a session, then
        raises OperationTimedOut; sessions take turns. A session by its id is given at once, whether
        or not it has messages, or SessionCannotBeLocked is raised. NotAllowed when the entity
        requires a session and none is asked for, or the reverse, or when it is a topic. Cancelling
        the call leaves no session locked."""
        ...

    def settle(
        self, path: str, lock_tokens: Sequence[UUID], outcome: Outcome
    ) -> asyncio.Future[None]:
        """All or none, by the tokens alone: it does not matter which receiver they were handed to,
        whether that is still open, or whether the broker was restarted since. Raises
        MessageLockLost. A token that was settled before is accepted again, without effect, if the
        outcome is of the same kind and this was not long ago, since clients repeat a settlement
        whose answer they missed."""
        ...

    def renew_locks(self, path: str, lock_tokens: Sequence[UUID]) -> asyncio.Future[list[int]]:
        """Until when each one is locked now: a full lock duration from now. All or none. Raises
        MessageLockLost, and NotAllowed on an entity with sessions."""
        ...

    def receive_deferred(
        self,
        path: str,
        sequence_numbers: Sequence[int],
        mode: ReceiveMode,
        *,
        session_id: str | None = None,
    ) -> asyncio.Future[list[StoredMessage]]:
        """All or none, in the order asked for. Raises MessageNotFound, and SessionLockLost where
        the entity requires sessions and nobody holds that one; `session_id` means nothing
        elsewhere. An abandoned one, or one whose lock expires, is deferred again."""
        ...

    async def peek(
        self,
        path: str,
        from_sequence_number: int,
        count: int,
        *,
        session_id: str | None = None,
    ) -> Sequence[StoredMessage]:
        """Active (locked ones too), deferred and scheduled messages, ordered by number, without
        effect on them. Fewer than `count` where together they would exceed 4 MiB; never empty
        while there is one. `session_id` None looks at all sessions."""
        ...

    def session_holder(self, path: str, session_id: str) -> Receiver:
        """The open receiver that has this session. Raises SessionLockLost when there is none."""
        ...

    async def sessions(
        self, path: str, *, skip: int, top: int, updated_after: int | None = None
    ) -> Sequence[str]:
        """The ids of sessions with active messages or a state, ordered, from the `skip`-th one;
        with `updated_after`, of those whose state was set after that time."""
        ...

    def rules(self, path: str) -> "asyncio.Future[Sequence[Rule]]":
        """Of a subscription, in the order in which they were made. Raises NotAllowed for any other
        entity, as the two methods that follow."""
        ...

    def add_rule(self, path: str, rule: "Rule") -> asyncio.Future[None]:
        """Holds for what is sent from now on, and outlives the broker, until the subscription is
        declared with other rules than before. Raises RuleExists and ArgumentOutOfRange."""
        ...

    def remove_rule(self, path: str, name: str) -> asyncio.Future[None]:
        """As `add_rule`. Without any rule, a subscription gets nothing. Raises RuleNotFound."""
        ...

    async def counts(self) -> Sequence[EntityCounts]:
        """In the order of `entities`. Costs time in proportion to the messages, but no locks."""
        ...

    async def stop(self) -> None:
        """Commits what is under way, closes every receiver with BrokerUnavailable and lets the next
        process take over. Locks of messages stay until they expire."""
        ...
