"""What the replay of an orchestration comes to: new commands, and perhaps its end."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from funchost.durable.events import Event

__all__ = [
    "Command",
    "CommandKind",
    "Completed",
    "Conclusion",
    "ContinuedAsNew",
    "Decision",
    "FailedExecution",
    "Names",
    "TerminatedExecution",
    "request_id",
]


class CommandKind(Enum):
    """`value` is how a message names it."""

    ACTIVITY = "activity task"
    SUB_ORCHESTRATION = "sub-orchestration"
    TIMER = "timer"
    EVENT = "event"


@dataclass(slots=True)
class Command:
    """Something that the orchestrator did, under its sequence number `id`. For an event `name` is
    the operation, `instance_id` the entity, and `is_signal` tells whether an answer is waited
    for. One with a `problem` cannot be carried out, and keeps its number all the same."""

    kind: CommandKind
    id: int
    name: str = ""
    input: str | None = None
    fire_at: int = 0
    instance_id: str | None = None
    version: str | None = None
    is_signal: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    output: str | None


@dataclass(frozen=True, slots=True)
class FailedExecution:
    """`reason` is the status' output, `details` what a parent is told beside it."""

    reason: str
    details: str


@dataclass(frozen=True, slots=True)
class TerminatedExecution:
    reason: str | None


@dataclass(frozen=True, slots=True)
class ContinuedAsNew:
    """`carried` are the events that came after the decision."""

    input: str | None
    carried: Sequence[Event]


Conclusion = Completed | FailedExecution | TerminatedExecution | ContinuedAsNew


@dataclass(slots=True)
class Decision:
    """`commands` are new ones, by their numbers. Without a `conclusion` the orchestration waits."""

    commands: Sequence[Command]
    conclusion: Conclusion | None
    next_id: int
    is_suspended: bool
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Names:
    """Says why a function cannot be called, None when it can."""

    activity: Callable[[str], str | None]
    orchestrator: Callable[[str], str | None]
    entity: Callable[[str], str | None]


def request_id(execution_id: str, number: int) -> str:
    """The id of an entity request: the same in every replay, another in every execution."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{execution_id}:{number}"))
