"""The history of an orchestration, free of any wire format.

A moment is a whole number of microseconds since 1970 in UTC, business time: it is stored once and
returned unchanged, as replay demands.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

__all__ = ["Event", "EventType", "from_micros", "to_micros"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


class EventType(IntEnum):
    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_SENT = 14
    EVENT_RAISED = 15
    GENERIC = 17
    EXECUTION_SUSPENDED = 19
    EXECUTION_RESUMED = 20


NOTHING: Mapping[str, Any] = {}


class Event:
    """`id` is the sequence number of what the orchestrator itself did, -1 for what came to it.

    `members`, by type:

        EXECUTION_STARTED            execution_id name version input generation, parent: None or
                                     {instance_id execution_id name version task_id}
        EXECUTION_COMPLETED          status (RuntimeStatus) result
        EXECUTION_TERMINATED         reason
        TASK_SCHEDULED               name version input
        TASK_COMPLETED, SUB_..._COMPLETED   task_id result
        TASK_FAILED, SUB_..._FAILED  task_id reason details
        SUB_ORCHESTRATION_CREATED    name version instance_id input
        TIMER_CREATED                fire_at
        TIMER_FIRED                  task_id fire_at
        EVENT_SENT                   instance_id name input
        EVENT_RAISED                 name input
        GENERIC                      data
        EXECUTION_SUSPENDED, _RESUMED  reason

    `rendered` belongs to the wire format, which renders an event once.
    """

    __slots__ = ("at", "id", "members", "rendered", "type")

    def __init__(
        self, kind: EventType, at: int, members: Mapping[str, Any] = NOTHING, event_id: int = -1
    ) -> None:
        self.type = kind
        self.id = event_id
        self.at = at
        self.members = members
        self.rendered: str | None = None

    def __repr__(self) -> str:
        return f"Event({self.type.name}, id={self.id}, {dict(self.members)!r})"
