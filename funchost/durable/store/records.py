"""Rows as the engine sees them, and the texts that events are kept as."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from funchost.durable.events import Event, EventType
from funchost.durable.interface import RuntimeStatus

__all__ = [
    "ActivityRow",
    "DelayedEvent",
    "EntityChange",
    "EpisodeCommit",
    "InstanceRow",
    "LeaseLostError",
    "LoadedInstance",
    "Message",
    "NewActivity",
    "NewInstance",
    "OutgoingMessage",
    "Wake",
    "dump_event",
    "dump_events",
    "load_event",
    "load_events",
]

# In ASCII, so that half a surrogate pair, which JSON may hold, can be stored and sent.
_encode = json.JSONEncoder(separators=(",", ":")).encode
_TYPES = {int(kind): kind for kind in EventType}


class LeaseLostError(Exception):
    """Another process has taken the instance over, or it is gone; nothing was written."""


def _plain(event: Event) -> list[Any]:
    return [int(event.type), event.id, event.at, event.members]


def dump_event(event: Event) -> str:
    return _encode(_plain(event))


def dump_events(events: Iterable[Event]) -> str:
    return _encode([_plain(event) for event in events])


def load_event(text: str) -> Event:
    kind, event_id, at, members = json.loads(text)
    return Event(_TYPES[kind], at, members, event_id)


def load_events(text: str) -> list[Event]:
    return [
        Event(_TYPES[kind], at, members, event_id)
        for kind, event_id, at, members in json.loads(text)
    ]


@dataclass(frozen=True, slots=True)
class Message:
    """`execution_id` None is meant for whichever execution is current."""

    number: int
    execution_id: str | None
    event: Event


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """`parent` is as in EXECUTION_STARTED. `deaths` counts the processes that ended while messages
    waited here, `trials` those that ended while this instance alone was run."""

    id: str
    name: str
    execution_id: str
    version: str | None
    status: RuntimeStatus
    input: str | None
    parent: Mapping[str, Any] | None
    created: int
    epoch: int
    deaths: int = 0
    trials: int = 0
    custom_status: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class LoadedInstance:
    """`state`, `is_present` and `locked_by` are an entity's."""

    row: InstanceRow
    history: Sequence[Event]
    messages: Sequence[Message]
    state: str | None = None
    is_present: bool = False
    locked_by: str | None = None


@dataclass(frozen=True, slots=True)
class Wake:
    """An instance of this process has a new message; one that was `created` comes with its row."""

    instance_id: str
    message: Message
    created: InstanceRow | None = None


@dataclass(frozen=True, slots=True)
class ActivityRow:
    number: int
    instance_id: str
    execution_id: str
    task_id: int
    name: str
    input: str | None
    deaths: int = 0
    trials: int = 0
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class NewActivity:
    """`traceparent` is the span of the orchestration that calls it."""

    task_id: int
    name: str
    input: str | None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class DelayedEvent:
    due: int
    instance_id: str
    execution_id: str | None
    event: Event


@dataclass(frozen=True, slots=True)
class NewInstance:
    """`started` is the EXECUTION_STARTED event that becomes its first message."""

    id: str
    name: str
    execution_id: str
    version: str | None
    input: str | None
    parent: Mapping[str, Any] | None
    started: Event


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """To an orchestration, or to an entity, which is made if it is new."""

    instance_id: str
    execution_id: str | None
    event: Event


@dataclass(frozen=True, slots=True)
class EntityChange:
    state: str | None
    is_present: bool
    locked_by: str | None
    last_operation: int


@dataclass(slots=True)
class EpisodeCommit:
    """All that one episode comes to. `history_from` is the number of events kept before `events`;
    0 replaces the history. `execution_id` is the one that goes on."""

    instance_id: str
    epoch: int
    consumed: Sequence[int]
    status: RuntimeStatus
    at: int
    execution_id: str
    history_from: int = 0
    events: Sequence[Event] = ()
    input: str | None = None
    replaces_input: bool = False
    output: str | None = None
    custom_status: str | None = None
    problem: str | None = None
    activities: list[NewActivity] = field(default_factory=list)
    delayed: list[DelayedEvent] = field(default_factory=list)
    children: list[NewInstance] = field(default_factory=list)
    messages: list[OutgoingMessage] = field(default_factory=list)
    entity: EntityChange | None = None
    drops_delayed: bool = False
