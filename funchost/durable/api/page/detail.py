"""One instance: what it is, its timeline, its input and output, and its events."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from funchost.durable.api.page.durations import clock_text, duration_text
from funchost.durable.api.page.layout import Addresses, badge, shown_json, table
from funchost.durable.api.page.markup import NOTHING, Child, Markup, element, join
from funchost.durable.api.page.spans import read_chart, read_time
from funchost.durable.api.page.timeline import MOST_ROWS, draw_timeline, explanation
from funchost.durable.api.shaping import event_name
from funchost.durable.interface import DurableClient, InstanceStatus, RuntimeStatus

__all__ = ["instance_page"]

_MOST_EVENTS = 1000
_TOLD = ("Name", "InstanceId", "Reason", "FireAt")
_HIDDEN = frozenset({"OrchestratorStarted", "OrchestratorCompleted"})
_FAILURES = frozenset({"TaskFailed", "SubOrchestrationInstanceFailed", "ExecutionTerminated"})


async def instance_page(
    client: DurableClient, instance_id: str, addresses: Addresses, now: datetime
) -> list[Child] | None:
    """None for an instance that is not known."""
    status = await client.status(instance_id)
    if status is None:
        return None
    events = await client.history(instance_id)
    # A long history takes a moment, during which the host has other things to do.
    return await asyncio.to_thread(_render, status, events, addresses, now)


def _render(
    status: InstanceStatus, events: list[dict[str, Any]], addresses: Addresses, now: datetime
) -> list[Child]:
    return [
        element("h1", status.name, " ", badge(status.runtime_status)),
        _facts(status, addresses, now),
        _trouble(status),
        *_timeline(status, events, addresses, now),
        element("h2", "Data"),
        shown_json("Custom status", status.custom_status, is_open=True),
        shown_json("Input", status.input) or element("p", "No input.", class_="none"),
        _output(status),
        *_event_table(events),
    ]


def _facts(status: InstanceStatus, addresses: Addresses, now: datetime) -> Markup:
    until = status.updated if status.is_finished else now
    facts: list[tuple[str, Child]] = [
        ("Instance", element("code", status.instance_id)),
        ("Created", f"{clock_text(status.created, exact=True)} UTC"),
        ("Updated", f"{clock_text(status.updated, exact=True)} UTC"),
        ("Took" if status.is_finished else "Runs for", duration_text(until - status.created)),
    ]
    if status.parent_instance_id is not None:
        address = addresses.instance(status.parent_instance_id)
        facts.append(("Part of", element("a", status.parent_instance_id, href=address)))
    if status.version:
        facts.append(("Version", status.version))
    if status.execution_id:
        facts.append(("Execution", element("code", status.execution_id)))
    return element(
        "dl",
        *(element("div", element("dt", name), element("dd", value)) for name, value in facts),
    )


def _trouble(status: InstanceStatus) -> Markup:
    """Why it cannot go on, or why it ended badly."""
    text = status.problem
    if text is None and status.runtime_status in {RuntimeStatus.FAILED, RuntimeStatus.TERMINATED}:
        text = status.output
    return NOTHING if text is None else element("p", text, class_="trouble")


def _output(status: InstanceStatus) -> Markup:
    return shown_json("Output", status.output) or element("p", "No output.", class_="none")


def _timeline(
    status: InstanceStatus, events: list[dict[str, Any]], addresses: Addresses, now: datetime
) -> list[Child]:
    if not events:
        return [element("p", "It has not begun.", class_="none")]
    chart = read_chart(events)
    more = len(chart.rows) - MOST_ROWS
    return [
        element("h2", "Timeline"),
        draw_timeline(
            chart,
            now,
            addresses.instance,
            name=status.name,
            outcome=status.runtime_status.text.lower(),
        ),
        element("p", f"{more:,} more rows are not drawn.", class_="none") if more > 0 else NOTHING,
        element("p", explanation(), class_="signs"),
    ]


def _event_table(events: list[dict[str, Any]]) -> list[Child]:
    shown = [event for event in events if event_name(event) not in _HIDDEN]
    if not shown:
        return []
    start = read_time(shown[0]["Timestamp"])
    named = {event.get("EventId", -1): str(event.get("Name") or "timer") for event in shown}
    rows = [_event_row(event, start, named) for event in shown[:_MOST_EVENTS]]
    more = len(shown) - _MOST_EVENTS
    return [
        element("h2", "Events ", element("small", f"{len(shown):,}")),
        table(["After", "Event", "What", "Data"], rows, class_="events"),
        element("p", f"{more:,} later events are not shown.", class_="none")
        if more > 0
        else NOTHING,
    ]


def _event_row(event: Mapping[str, Any], start: datetime, named: Mapping[int, str]) -> Markup:
    """`named` has the names of what was scheduled, by the numbers of their events."""
    name = event_name(event)
    number = event.get("EventId", -1)
    told = [str(event[key]) for key in _TOLD if event.get(key) is not None]
    origin = event.get("TaskScheduledId", event.get("TimerId"))
    if origin is not None:
        told.insert(0, f"{named.get(origin, '')} #{origin}")
    data = [
        shown_json(key, event[key] if isinstance(event[key], str) else str(event[key]))
        for key in ("Input", "Result", "Details")
        if event.get(key) is not None
    ]
    time = read_time(event["Timestamp"])
    return element(
        "tr",
        element(
            "td", duration_text(time - start), title=clock_text(time, exact=True), class_="number"
        ),
        element("td", name, f" #{number}" if number >= 0 else ""),
        element("td", " · ".join(told)),
        element("td", join(*data)),
        class_="failed" if name in _FAILURES else None,
    )
