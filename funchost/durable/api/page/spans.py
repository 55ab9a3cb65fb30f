"""A history as rows of a chart: what began when, how often it was tried, and how it ended.

The history does not say which timer is the pause before which new attempt. It is taken to be one
that was created in the episode in which the last attempt failed, and that fired in the episode in
which a call of the same function with the same input follows.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from funchost.durable.api.shaping import event_name

__all__ = ["Chart", "Piece", "Row", "read_chart", "read_time"]

Kind = Literal["activity", "orchestration", "timer", "event", "entity", "suspended", "terminated"]
Outcome = Literal["completed", "failed", "running", "cancelled", "moment"]

_SCHEDULED: Mapping[str, Kind] = {
    "TaskScheduled": "activity",
    "SubOrchestrationInstanceCreated": "orchestration",
}
_SUCCEEDED = frozenset({"TaskCompleted", "SubOrchestrationInstanceCompleted"})
_FAILED = frozenset({"TaskFailed", "SubOrchestrationInstanceFailed"})
_Call = tuple[Kind, str, str | None]
_NO_TIME = timedelta(milliseconds=1)


@dataclass
class Piece:
    """One bar or mark. `end` is None while nothing has ended it."""

    start: datetime
    end: datetime | None = None
    outcome: Outcome = "running"
    text: str | None = None
    due: datetime | None = None
    episodes: tuple[int, int] = (0, 0)


@dataclass
class Row:
    """`instance_id` is that of the sub-orchestration or entity of the last piece."""

    kind: Kind
    label: str
    pieces: list[Piece]
    instance_id: str | None = None
    input: str | None = None

    @property
    def last(self) -> Piece:
        return self.pieces[-1]


@dataclass
class Chart:
    """`episodes` are the times at which the orchestrator's code ran, from and to."""

    rows: list[Row] = field(default_factory=list)
    episodes: list[tuple[datetime, datetime]] = field(default_factory=list)
    start: datetime | None = None
    end: datetime | None = None


def read_time(text: object) -> datetime:
    moment = datetime.fromisoformat(str(text))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_chart(events: Iterable[Mapping[str, Any]]) -> Chart:
    reader = _Reader()
    for event in events:
        reader.read(event)
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self._chart = Chart()
        self._episode = 0
        self._episode_start: datetime | None = None
        self._open: dict[tuple[Kind, int], Row] = {}
        self._requests: dict[str, Row] = {}
        self._events: dict[str, Row] = {}
        self._suspended: Row | None = None
        self._failed: dict[_Call, list[Row]] = {}
        self._failure_episodes: set[int] = set()
        self._timers_by_creation: dict[int, list[Row]] = {}
        self._pauses: set[int] = set()

    def read(self, event: Mapping[str, Any]) -> None:
        name = event_name(event)
        time = read_time(event["Timestamp"])
        chart = self._chart
        match name:
            case "OrchestratorStarted":
                self._episode += 1
                self._episode_start = time
            case "OrchestratorCompleted":
                if self._episode_start is not None:
                    chart.episodes.append((self._episode_start, time))
            case "ExecutionStarted":
                chart.start = time
            case "ExecutionCompleted":
                chart.end = time
            case "TaskScheduled" | "SubOrchestrationInstanceCreated":
                self._schedule(_SCHEDULED[name], event, time)
            case "TimerCreated":
                due = read_time(event["FireAt"])
                row = self._add(Row("timer", "timer", [self._begin(time, due=due)]))
                self._open["timer", event["EventId"]] = row
                self._timers_by_creation.setdefault(self._episode, []).append(row)
            case "TimerFired":
                self._end(self._open.get(("timer", event["TimerId"])), time)
            case "EventSent":
                self._send(event, time)
            case "EventRaised":
                self._receive(event, time)
            case "ExecutionSuspended":
                self._suspended = self._add(Row("suspended", "suspended", [self._begin(time)]))
                self._suspended.last.text = event.get("Reason")
            case "ExecutionResumed":
                self._end(self._suspended, time)
                self._suspended = None
            case "ExecutionTerminated":
                mark = Piece(time, time, "failed", event.get("Input"))
                self._add(Row("terminated", "terminated", [mark]))
        if name in _SUCCEEDED | _FAILED:
            self._conclude(name, event, time)

    def finish(self) -> Chart:
        chart = self._chart
        # Pauses before new attempts are part of their rows, and the engine's own timer after a last
        # attempt is nobody's.
        chart.rows = [
            row
            for row in chart.rows
            if id(row) not in self._pauses
            and not (_takes_no_time(row) and row.last.episodes[0] in self._failure_episodes)
        ]
        if chart.end is not None:
            for row in chart.rows:
                if row.last.end is None and row.kind != "suspended":
                    row.last.outcome = "cancelled"
        return chart

    def _add(self, row: Row) -> Row:
        self._chart.rows.append(row)
        return row

    def _begin(self, time: datetime, *, due: datetime | None = None) -> Piece:
        return Piece(time, due=due, episodes=(self._episode, 0))

    def _end(self, row: Row | None, time: datetime, outcome: Outcome = "completed") -> None:
        if row is not None and row.last.end is None:
            row.last.end = time
            row.last.outcome = outcome
            row.last.episodes = (row.last.episodes[0], self._episode)

    def _schedule(self, kind: Kind, event: Mapping[str, Any], time: datetime) -> None:
        name, given = str(event.get("Name")), event.get("Input")
        row = self._retried((kind, name, given))
        if row is None:
            row = self._add(Row(kind, name, [], input=given))
        row.pieces.append(self._begin(time))
        row.instance_id = event.get("InstanceId")
        self._open[kind, event["EventId"]] = row

    def _retried(self, key: _Call) -> Row | None:
        failed = self._failed.get(key, [])
        for row in failed:
            for timer in self._timers_by_creation.get(row.last.episodes[1], []):
                if timer.last.episodes[1] == self._episode and id(timer) not in self._pauses:
                    self._pauses.add(id(timer))
                    failed.remove(row)
                    return row
        return None

    def _conclude(self, name: str, event: Mapping[str, Any], time: datetime) -> None:
        kind: Kind = "activity" if name.startswith("Task") else "orchestration"
        row = self._open.pop((kind, event["TaskScheduledId"]), None)
        if row is None:
            return
        self._end(row, time, "failed" if name in _FAILED else "completed")
        if name in _FAILED:
            row.last.text = event.get("Reason")
            self._failed.setdefault((kind, row.label, row.input), []).append(row)
            self._failure_episodes.add(self._episode)

    def _send(self, event: Mapping[str, Any], time: datetime) -> None:
        target, request = str(event.get("InstanceId")), _object(event.get("Input"))
        operation = str(request.get("op") or event.get("Name"))
        row = Row("entity", f"{target} {operation}", [self._begin(time)], target)
        self._add(row)
        identity = request.get("id")
        if request.get("signal") or not isinstance(identity, str):
            self._end(row, time, "moment")
        else:
            self._requests[identity] = row

    def _receive(self, event: Mapping[str, Any], time: datetime) -> None:
        name = str(event.get("Name"))
        asked = self._requests.pop(name, None)
        if asked is not None:
            response = _object(event.get("Input"))
            failed = "exceptionType" in response
            self._end(asked, time, "failed" if failed else "completed")
            asked.last.text = str(response.get("result")) if failed else None
            return
        mark = Piece(time, time, "moment")
        row = self._events.get(name)
        if row is None:
            self._events[name] = self._add(Row("event", name, [mark]))
        else:
            row.pieces.append(mark)


def _takes_no_time(row: Row) -> bool:
    piece = row.last
    return piece.due is not None and piece.due - piece.start <= _NO_TIME


def _object(text: object) -> Mapping[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
        # An event is a JSON text; its sender may have made that a text once more.
        value = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
