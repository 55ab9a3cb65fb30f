"""The beginning of an orchestration, and of each of its episodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from funchost.context import child_of, new_id
from funchost.durable.events import Event, EventType
from funchost.durable.live import LiveInstance
from funchost.durable.store.records import Message, NewInstance

Trace = list[str]
"""The traceparent of an orchestration's own span, and that of its parent."""

_EARLY = 3
"""An execution begins with ORCHESTRATOR_STARTED and EXECUTION_STARTED."""

__all__ = [
    "Batch",
    "Trace",
    "new_execution_id",
    "started_event",
    "started_instance",
    "take_batch",
    "trace_of",
    "traced",
]


def new_execution_id() -> str:
    return new_id().replace("-", "")


@dataclass(frozen=True)
class Batch:
    """`numbers` are the messages that are taken, stale ones included; `events` what is fed;
    `by_event` has the message's number for the `id()` of its event."""

    numbers: list[int]
    events: list[Event]
    by_event: dict[int, int]


def take_batch(live: LiveInstance, at: int) -> Batch:
    """All that waits, in the order of arrival; EXECUTION_STARTED comes first and once. What is
    meant for another execution is taken and dropped."""
    started: list[Event] = []
    others: list[Event] = []
    by_event: dict[int, int] = {}
    messages: Sequence[Message] = list(live.mailbox.values())
    for message in messages:
        if message.execution_id is not None and message.execution_id != live.execution_id:
            continue
        by_event[id(message.event)] = message.number
        if message.event.type is not EventType.EXECUTION_STARTED:
            others.append(message.event)
        elif not live.history and not started:
            started.append(message.event)
    events = [Event(EventType.ORCHESTRATOR_STARTED, at), *started, *others]
    return Batch(sorted(message.number for message in messages), events, by_event)


def trace_of(live: LiveInstance, events: Sequence[Event]) -> Trace | None:
    """Of the execution that has this history and takes these events now."""
    for event in (*live.history[:_EARLY], *events[:_EARLY]):
        if event.type is EventType.EXECUTION_STARTED:
            return event.members.get("trace")
    return None


def traced(traceparent: str | None) -> Trace | None:
    """An orchestration's span within the trace of who starts it."""
    return None if not traceparent else [child_of(traceparent), traceparent]


def started_event(
    instance_id: str,
    name: str,
    given: str | None,
    version: str | None,
    at: int,
    *,
    execution_id: str,
    parent: Mapping[str, Any] | None,
    trace: Trace | None = None,
) -> Event:
    members: dict[str, Any] = {
        "instance_id": instance_id,
        "execution_id": execution_id,
        "name": name,
        "version": version,
        "input": given,
        "parent": parent,
        "generation": 0,
    }
    if trace is not None:
        members["trace"] = trace
    return Event(EventType.EXECUTION_STARTED, at, members)


def started_instance(
    instance_id: str,
    name: str,
    given: str | None,
    version: str | None,
    at: int,
    *,
    parent: Mapping[str, Any] | None = None,
    trace: Trace | None = None,
) -> NewInstance:
    execution_id = new_execution_id()
    started = started_event(
        instance_id,
        name,
        given,
        version,
        at,
        execution_id=execution_id,
        parent=parent,
        trace=trace,
    )
    return NewInstance(instance_id, name, execution_id, version, given, parent, started)
