"""Takes the failures out of a failed instance's history, so that it can go on.

Completed work stays. Failed activities lose their scheduling too and are scheduled again under the
same numbers; a failed sub-orchestration is rewound itself and reports to the parent that waits.
"""

from collections.abc import Sequence

from funchost.durable.events import Event, EventType

__all__ = ["rewound"]


def rewound(history: Sequence[Event]) -> tuple[list[Event], list[str], bool]:
    """The new history, the ids of the sub-orchestrations that failed, and whether this instance
    itself has something to run again."""
    failed_tasks = {
        event.members["task_id"] for event in history if event.type is EventType.TASK_FAILED
    }
    failed_children = {
        event.members["task_id"]
        for event in history
        if event.type is EventType.SUB_ORCHESTRATION_FAILED
    }
    events: list[Event] = []
    children: list[str] = []
    for event in history:
        if event.type in (
            EventType.TASK_FAILED,
            EventType.SUB_ORCHESTRATION_FAILED,
            EventType.EXECUTION_COMPLETED,
        ) or (event.type is EventType.TASK_SCHEDULED and event.id in failed_tasks):
            events.append(_neutral(event))
            continue
        if event.type is EventType.SUB_ORCHESTRATION_CREATED and event.id in failed_children:
            children.append(event.members["instance_id"])
        events.append(event)
    return events, children, bool(failed_tasks) or not children


def _neutral(event: Event) -> Event:
    return Event(EventType.GENERIC, event.at, {"data": f"Rewound: {_NAMES[event.type]}"})


_NAMES = {
    EventType.TASK_FAILED: "TaskFailed",
    EventType.TASK_SCHEDULED: "TaskScheduled",
    EventType.SUB_ORCHESTRATION_FAILED: "SubOrchestrationInstanceFailed",
    EventType.EXECUTION_COMPLETED: "ExecutionCompleted",
}
