"""The JSON protocol between the host and azure-functions-durable 1.x: the one module that knows it.

What goes in and out here are the texts of HOST-PROTOCOL 5.5 (contexts), 5.6.1 (results) and 5.9
(entities); the engine sees events, actions and requests. A protobuf format can stand beside it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from funchost.durable.actions import Action, ActionType, OrchestratorResult, Retry
from funchost.durable.events import Event, EventType, from_micros, to_micros

__all__ = [
    "EntityRequest",
    "EntityResult",
    "EntitySignal",
    "OperationResult",
    "WireError",
    "compact",
    "entity_context",
    "entity_request",
    "entity_response",
    "event_members",
    "orchestrator_context",
    "parse_entity_request",
    "parse_entity_result",
    "parse_orchestrator_result",
    "stored_activity_input",
    "timestamp",
]

_MILLISECOND = 1000
_NO_DATE = "0001-01-01T00:00:00"
_PLAYED = ',"IsPlayed":true},'
_NEW = ',"IsPlayed":false},'
# In ASCII, so that half a surrogate pair, which JSON may hold, can be stored and sent.
_encode = json.JSONEncoder(separators=(",", ":")).encode


class WireError(ValueError):
    """A function answered with something that is not of this protocol."""


def compact(value: Any) -> str:
    return _encode(value)


def timestamp(micros: int) -> str:
    """Seven digits of the second's fraction and a Z, as .NET prints a moment in UTC."""
    return f"{from_micros(micros).isoformat(timespec='microseconds')[:26]}0Z"


# Orchestrations


def orchestrator_context(
    history: Sequence[Event],
    batch: Sequence[Event],
    *,
    input: str | None,
    instance_id: str,
    parent_instance_id: str | None,
    http_sleep_milliseconds: int,
) -> str:
    """What an orchestrator is invoked with. `input` is the stored text. Past events are rendered
    once and joined, since most of a long history is past."""
    past = _PLAYED.join(map(_rendered, history)) + _PLAYED if history else ""
    new = _NEW.join(map(_rendered, batch)) + _NEW[:-1]
    return (
        f'{{"history":[{past}{new}],"input":{"null" if input is None else input},'
        f'"instanceId":{_encode(instance_id)},"isReplaying":{"true" if history else "false"},'
        f'"parentInstanceId":{_encode(parent_instance_id)},'
        '"upperSchemaVersion":1,"upperSchemaVersionNew":2,'
        '"longRunningTimerIntervalDuration":"3.00:00:00",'
        '"maximumShortTimerDuration":"6.00:00:00",'
        f'"defaultHttpAsyncRequestSleepTimeMillseconds":{http_sleep_milliseconds}}}'
    )


def event_members(event: Event) -> dict[str, Any]:
    """An event as the SDK receives it, without `IsPlayed`."""
    members: dict[str, Any] = {
        "EventId": event.id,
        "EventType": int(event.type),
        "Timestamp": timestamp(event.at),
    }
    return members | _MEMBERS.get(event.type, _no_members)(event.members)


def _rendered(event: Event) -> str:
    """Without the closing brace, so that `IsPlayed` can follow."""
    if event.rendered is None:
        event.rendered = _encode(event_members(event))[:-1]
    return event.rendered


def _no_members(_: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _execution_started(members: Mapping[str, Any]) -> dict[str, Any]:
    parent = members["parent"]
    return {
        "OrchestrationInstance": {
            "InstanceId": members["instance_id"],
            "ExecutionId": members["execution_id"],
        },
        "ParentInstance": parent
        and {
            "Name": parent["name"],
            "OrchestrationInstance": {
                "InstanceId": parent["instance_id"],
                "ExecutionId": parent["execution_id"],
            },
            "TaskScheduleId": parent["task_id"],
            "Version": parent["version"],
        },
        "Name": members["name"],
        "Version": members["version"],
        "Input": members["input"],
        "Tags": None,
        "Correlation": None,
        "ParentTraceContext": None,
        "ScheduledStartTime": None,
        "Generation": members["generation"],
    }


def _result(members: Mapping[str, Any]) -> dict[str, Any]:
    return {"TaskScheduledId": members["task_id"], "Result": members["result"]}


def _failure(members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "TaskScheduledId": members["task_id"],
        "Reason": members["reason"],
        "Details": members["details"],
        "FailureDetails": None,
    }


def _reason(members: Mapping[str, Any]) -> dict[str, Any]:
    return {"Reason": members["reason"]}


_MEMBERS = {
    EventType.EXECUTION_STARTED: _execution_started,
    EventType.EXECUTION_COMPLETED: lambda members: {
        "OrchestrationStatus": members["status"],
        "Result": members["result"],
        "FailureDetails": None,
    },
    EventType.EXECUTION_TERMINATED: lambda members: {"Input": members["reason"]},
    EventType.TASK_SCHEDULED: lambda members: {
        "Name": members["name"],
        "Version": members["version"],
        "Input": members["input"],
        "ParentTraceContext": None,
        "Tags": None,
    },
    EventType.TASK_COMPLETED: _result,
    EventType.TASK_FAILED: _failure,
    EventType.SUB_ORCHESTRATION_CREATED: lambda members: {
        "Name": members["name"],
        "Version": members["version"],
        "InstanceId": members["instance_id"],
        "Input": members["input"],
    },
    EventType.SUB_ORCHESTRATION_COMPLETED: _result,
    EventType.SUB_ORCHESTRATION_FAILED: _failure,
    EventType.TIMER_CREATED: lambda members: {"FireAt": timestamp(members["fire_at"])},
    EventType.TIMER_FIRED: lambda members: {
        "TimerId": members["task_id"],
        "FireAt": timestamp(members["fire_at"]),
    },
    EventType.EVENT_SENT: lambda members: {
        "InstanceId": members["instance_id"],
        "Name": members["name"],
        "Input": members["input"],
    },
    EventType.EVENT_RAISED: lambda members: {
        "Name": members["name"],
        "Input": members["input"],
    },
    EventType.GENERIC: lambda members: {"Data": members["data"]},
    EventType.EXECUTION_SUSPENDED: _reason,
    EventType.EXECUTION_RESUMED: _reason,
}


def parse_orchestrator_result(text: str) -> OrchestratorResult:
    """Raises WireError."""
    try:
        document = json.loads(text)
        batches = document["actions"]
        if document.get("schemaVersion", 0) < 1 or len(batches) != 1:
            raise WireError("an orchestrator must answer in replay schema V2 or V3")
        output = document.get("output")
        status = document.get("customStatus")
        return OrchestratorResult(
            is_done=bool(document["isDone"]),
            actions=[_action(action) for action in batches[0]],
            output=None if output is None else _encode(output),
            error=document.get("error"),
            custom_status=None if status is None else _encode(status),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise WireError(f"the result of the orchestrator cannot be read: {error!r}") from error


def _action(document: Mapping[str, Any]) -> Action:
    kind = ActionType(document["actionType"])
    match kind:
        case ActionType.CALL_ACTIVITY:
            return Action(kind, document["functionName"], document["input"])
        case ActionType.CALL_ACTIVITY_WITH_RETRY:
            retry = _retry(document["retryOptions"])
            return Action(kind, document["functionName"], document["input"], retry=retry)
        case ActionType.CALL_SUB_ORCHESTRATOR | ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY:
            options = document.get("retryOptions")
            return Action(
                kind,
                document["functionName"],
                # A JSON text within a JSON text, as a client's own start has it.
                None if document["input"] is None else _encode(document["input"]),
                instance_id=document.get("instanceId") or None,
                version=document.get("version"),
                retry=None if options is None else _retry(options),
            )
        case ActionType.CONTINUE_AS_NEW:
            return Action(kind, input=_encode(document["input"]))
        case ActionType.CREATE_TIMER:
            return Action(
                kind,
                fire_at=_moment(document["fireAt"]),
                is_cancelled=bool(document["isCanceled"]),
            )
        case ActionType.WAIT_FOR_EXTERNAL_EVENT:
            return Action(kind, document["externalEventName"])
        case ActionType.CALL_HTTP:
            return Action(kind, input=_encode(document["httpRequest"]))
        case ActionType.CALL_ENTITY | ActionType.SIGNAL_ENTITY | ActionType.SCHEDULED_SIGNAL_ENTITY:
            due = document.get("fireAt")
            return Action(
                kind,
                document["operation"],
                None if document["input"] is None else _encode(document["input"]),
                instance_id=document["instanceId"],
                fire_at=0 if due is None else _moment(due),
            )
        case _:
            return Action(kind, children=[_action(child) for child in document["compoundActions"]])


def _retry(document: Mapping[str, Any]) -> Retry:
    longest = document.get("maxRetryIntervalInMilliseconds")
    limit = document.get("retryTimeoutInMilliseconds")
    return Retry(
        first_interval=int(document["firstRetryIntervalInMilliseconds"] * _MILLISECOND),
        attempts=int(document["maxNumberOfAttempts"]),
        backoff=float(document.get("backoffCoefficient") or 1.0),
        longest_interval=None if longest is None else int(longest * _MILLISECOND),
        timeout=None if limit is None else int(limit * _MILLISECOND),
    )


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def stored_activity_input(text: str | None) -> str:
    """The activity's argument as the extension keeps it: a list of one JSON text."""
    return _encode([text])


# Entities


@dataclass(frozen=True, slots=True)
class EntityRequest:
    """One message to an entity. `input` is a JSON text of the JSON text that the SDK sent, and goes
    into the batch as it is; `due` microseconds. A lock request has the ids of all entities to lock
    and the place of this one."""

    id: str
    operation: str | None = None
    input: str | None = None
    is_signal: bool = False
    parent_instance_id: str | None = None
    parent_execution_id: str | None = None
    due: int | None = None
    lockset: Sequence[tuple[str, str]] = ()
    position: int = 0


@dataclass(frozen=True, slots=True)
class OperationResult:
    """`result` is a JSON text; of an error, the text of the message."""

    is_error: bool
    result: str | None


@dataclass(frozen=True, slots=True)
class EntitySignal:
    name: str
    key: str
    operation: str
    input: str | None
    due: int | None = None


@dataclass(frozen=True, slots=True)
class EntityResult:
    """`state` is a JSON text, None when the entity does not exist."""

    exists: bool
    state: str | None
    results: Sequence[OperationResult]
    signals: Sequence[EntitySignal]


def entity_context(
    name: str, key: str, *, exists: bool, state: str | None, batch: Iterable[EntityRequest]
) -> str:
    return _encode(
        {
            "self": {"name": name, "key": key},
            "exists": exists,
            "state": state,
            "batch": [
                {
                    "name": request.operation,
                    "input": request.input,
                    "isSignal": request.is_signal,
                }
                for request in batch
            ],
        }
    )


def parse_entity_result(text: str, expected: int) -> EntityResult:
    """`expected` is the number of operations in the batch. Raises WireError."""
    try:
        document = json.loads(text)
        results = [
            OperationResult(bool(item["isError"]), item.get("result"))
            for item in document["results"]
        ]
        if len(results) != expected:
            raise WireError(f"{len(results)} results for {expected} operations")
        exists = bool(document["entityExists"])
        return EntityResult(
            exists,
            document.get("entityState") if exists else None,
            results,
            [_signal(signal) for signal in document.get("signals") or ()],
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise WireError(f"the result of the entity cannot be read: {error!r}") from error


def _signal(document: Mapping[str, Any]) -> EntitySignal:
    target, due, given = document["target"], document.get("fireAt"), document.get("input")
    return EntitySignal(
        str(target["name"]).lower(),
        str(target["key"]),
        str(document["name"]),
        None if given is None else _encode(given),
        None if due is None else _moment(due),
    )


def entity_request(request: EntityRequest, at: int) -> str:
    """The content of a message to an entity; members with default values are left out."""
    content: dict[str, Any] = {}
    if request.operation is not None:
        content["op"] = request.operation
    if request.is_signal:
        content["signal"] = True
    if request.input is not None:
        content["input"] = request.input
    content["id"] = request.id
    if request.parent_instance_id is not None:
        content["parent"] = request.parent_instance_id
        content["parentExecution"] = request.parent_execution_id
    if request.lockset:
        content["lockset"] = [{"name": name, "key": key} for name, key in request.lockset]
        if request.position:
            content["pos"] = request.position
    if request.due is not None:
        content["due"] = timestamp(request.due)
    content["Timestamp"] = timestamp(at)
    content["Predecessor"] = _NO_DATE
    return _encode(content)


def parse_entity_request(text: str) -> EntityRequest:
    """Raises WireError."""
    try:
        content = json.loads(text)
        due = content.get("due")
        return EntityRequest(
            id=str(content["id"]),
            operation=content.get("op"),
            input=content.get("input"),
            is_signal=bool(content.get("signal", False)),
            parent_instance_id=content.get("parent"),
            parent_execution_id=content.get("parentExecution"),
            due=None if due is None else _moment(due),
            lockset=[(item["name"], item["key"]) for item in content.get("lockset") or ()],
            position=int(content.get("pos", 0)),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise WireError(f"the request to an entity cannot be read: {error!r}") from error


def entity_response(result: OperationResult) -> str:
    """What the caller's EVENT_RAISED carries."""
    content = {"result": result.result}
    if result.is_error:
        content["exceptionType"] = "Error"
    return _encode(content)
