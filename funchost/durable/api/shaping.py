"""What is stored, as the management API shows it (`DurableClient.cs` of the extension): statuses
and the history of `showHistory=true`."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from funchost.durable.interface import InstanceStatus, RuntimeStatus

__all__ = ["event_name", "moment_text", "shape_history", "shape_status", "stored_value"]

_EVENT_NAMES = (
    *("ExecutionStarted", "ExecutionCompleted", "ExecutionFailed", "ExecutionTerminated"),
    *("TaskScheduled", "TaskCompleted", "TaskFailed", "SubOrchestrationInstanceCreated"),
    *("SubOrchestrationInstanceCompleted", "SubOrchestrationInstanceFailed", "TimerCreated"),
    *("TimerFired", "OrchestratorStarted", "OrchestratorCompleted", "EventSent", "EventRaised"),
    *("ContinueAsNew", "GenericEvent", "HistoryState", "ExecutionSuspended", "ExecutionResumed"),
    "ExecutionRewound",
)
_SCHEDULING = {
    "TaskCompleted": "TaskScheduled",
    "TaskFailed": "TaskScheduled",
    "SubOrchestrationInstanceCompleted": "SubOrchestrationInstanceCreated",
    "SubOrchestrationInstanceFailed": "SubOrchestrationInstanceCreated",
}
_HIDDEN = frozenset({"OrchestratorStarted", "OrchestratorCompleted"})
_WITH_RESULT = frozenset(
    {"TaskCompleted", "SubOrchestrationInstanceCompleted", "ExecutionCompleted"}
)
_OF_EVERY_EVENT = frozenset({"EventId", "IsPlayed"})
_LEFT_OUT = {
    "TaskScheduled": {"Version"},
    "SubOrchestrationInstanceCreated": {"Version"},
    "TimerFired": {"TimerId"},
    "ExecutionStarted": {"Name", "OrchestrationInstance", "ParentInstance", "Version", "Tags"},
    **{name: {"TaskScheduledId"} for name in _SCHEDULING},
}


def event_name(event: Mapping[str, Any]) -> str:
    """`TaskScheduled` and so on; a kind that is not known keeps its number."""
    kind = event["EventType"]
    known = isinstance(kind, int) and 0 <= kind < len(_EVENT_NAMES)
    return _EVENT_NAMES[kind] if known else str(kind)


def shape_status(
    status: InstanceStatus,
    *,
    show_input: bool = True,
    history: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": status.name,
        "instanceId": status.instance_id,
        "runtimeStatus": status.runtime_status.text,
        "input": stored_value(status.input) if show_input else None,
        "customStatus": stored_value(status.custom_status),
        "output": stored_value(status.output),
        "createdTime": moment_text(status.created.replace(microsecond=0)),
        "lastUpdatedTime": moment_text(status.updated.replace(microsecond=0)),
    }
    if history is not None:
        shown["historyEvents"] = history
    return shown


def stored_value(text: str | None) -> Any:
    """JSON text as its value, any other text as it is: the reason of a termination is none."""
    if text is None:
        return None
    text = text.strip()
    try:
        return json.loads(text) if text else ""
    except (ValueError, RecursionError):
        return text


def moment_text(moment: datetime) -> str:
    """As Newtonsoft.Json prints a UTC DateTime."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if moment.microsecond else text}Z"


def shape_history(
    events: Iterable[Mapping[str, Any]], *, show_input: bool, show_output: bool
) -> list[dict[str, Any]]:
    """`events` are those of one execution, as the orchestrator receives them. What was scheduled is
    shown with its outcome, in the outcome's place, or alone while there is none."""
    scheduled: dict[tuple[str, Any], dict[str, Any]] = {}
    shown: list[dict[str, Any]] = []
    merged: set[int] = set()
    for event in events:
        name = event_name(event)
        if name in _HIDDEN:
            continue
        item = {**event, "EventType": name}
        if name in _SCHEDULING.values():
            scheduled[name, event["EventId"]] = item
        origin = scheduled.get((_SCHEDULING.get(name, ""), event.get("TaskScheduledId")))
        if origin is not None:
            item["ScheduledTime"] = origin["Timestamp"]
            item["FunctionName"] = origin["Name"]
            item["Input"] = origin.get("Input")
            merged.add(id(origin))
        if name == "ExecutionStarted":
            item["FunctionName"] = event["Name"]
        if name == "ExecutionCompleted":
            item["OrchestrationStatus"] = _status_name(event.get("OrchestrationStatus"))
        if name in _WITH_RESULT and show_output:
            item["Result"] = stored_value(event.get("Result"))
        shown.append(item)
    return [
        _without_internals(item, show_input=show_input, show_output=show_output)
        for item in shown
        if id(item) not in merged
    ]


def _without_internals(
    item: Mapping[str, Any], *, show_input: bool, show_output: bool
) -> dict[str, Any]:
    name = str(item["EventType"])
    left_out = _OF_EVERY_EVENT | _LEFT_OUT.get(name, set())
    if not show_input:
        left_out = left_out | {"Input"}
    if not show_output and name in _WITH_RESULT:
        left_out = left_out | {"Result"}
    return {key: value for key, value in item.items() if key not in left_out}


def _status_name(value: object) -> object:
    try:
        return RuntimeStatus(value).text  # type: ignore[arg-type]
    except ValueError:
        return value
