"""The commands that change nothing."""

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from funchost.durable.api.commands.tables import say, show_json, show_pairs, show_table
from funchost.durable.api.page.durations import clock_text, duration_text
from funchost.durable.api.page.spans import read_time
from funchost.durable.api.shaping import (
    event_name,
    moment_text,
    shape_history,
    shape_status,
    stored_value,
)
from funchost.durable.interface import (
    DurableClient,
    EntityFilter,
    InstanceFilter,
    InstanceNotFoundError,
    InstanceStatus,
)

__all__ = ["Now", "find", "history", "list_entities", "list_instances", "show"]

Now = Callable[[], datetime]
_PAGE_SIZE = 200
_TOLD = ("Name", "FunctionName", "InstanceId", "Reason", "FireAt", "Input", "Result")


async def find(client: DurableClient, instance_id: str) -> InstanceStatus:
    """Raises InstanceNotFoundError with a sentence for the user."""
    status = await client.status(instance_id)
    if status is None:
        raise InstanceNotFoundError(
            f"There is no instance '{instance_id}' in the task hub {client.hub}."
        )
    return status


async def list_instances(
    client: DurableClient, wanted: InstanceFilter, top: int, *, as_json: bool
) -> int:
    found: list[InstanceStatus] = []
    continuation = None
    while len(found) < top:
        page = await client.query(
            wanted, top=min(_PAGE_SIZE, top - len(found)), continuation=continuation
        )
        found += page.items
        continuation = page.continuation
        if continuation is None:
            break
    if as_json:
        show_json([shape_status(status) for status in found])
        return 0
    show_table(
        ["STATUS", "ORCHESTRATOR", "INSTANCE", "CREATED", "UPDATED", "CUSTOM STATUS"],
        [
            [
                status.runtime_status.text + ("!" if status.problem else ""),
                status.name,
                status.instance_id,
                clock_text(status.created),
                clock_text(status.updated),
                status.custom_status or "",
            ]
            for status in found
        ],
        "No instance is like that.",
    )
    if continuation is not None:
        sys.stderr.write(f"There are more than {top}; --top shows them.\n")
    return 0


async def list_entities(client: DurableClient, name: str | None, top: int, *, as_json: bool) -> int:
    page = await client.entities(EntityFilter(name=name, with_state=True), top=top)
    if as_json:
        show_json(
            [
                {
                    "entityId": {"name": entity.id.name, "key": entity.id.key},
                    "lastOperationTime": moment_text(entity.last_operation),
                    "state": stored_value(entity.state),
                }
                for entity in page.items
            ]
        )
        return 0
    show_table(
        ["ENTITY", "KEY", "LAST OPERATION", "WAITING", "LOCKED BY", "STATE"],
        [
            [
                entity.id.name,
                entity.id.key,
                clock_text(entity.last_operation),
                str(entity.queue_length or ""),
                entity.locked_by or "",
                entity.state or "",
            ]
            for entity in page.items
        ],
        "No entity is like that.",
    )
    return 0


async def show(client: DurableClient, instance_id: str, now: datetime, *, as_json: bool) -> int:
    status = await find(client, instance_id)
    if as_json:
        show_json(shape_status(status))
        return 0
    took = duration_text((status.updated if status.is_finished else now) - status.created)
    show_pairs(
        [
            ("Instance", status.instance_id),
            ("Orchestrator", status.name),
            ("Status", status.runtime_status.text),
            ("Problem", status.problem),
            ("Created", f"{clock_text(status.created, exact=True)} UTC"),
            ("Updated", f"{clock_text(status.updated, exact=True)} UTC"),
            ("Took" if status.is_finished else "Runs for", took),
            ("Version", status.version),
            ("Part of", status.parent_instance_id),
            ("Events", str(status.history_length)),
            ("Custom status", status.custom_status),
            ("Input", status.input),
            ("Output", status.output),
        ]
    )
    return 0


async def history(client: DurableClient, instance_id: str, *, as_json: bool) -> int:
    status = await find(client, instance_id)
    events = await client.history(instance_id)
    if as_json:
        show_json(shape_history(events, show_input=True, show_output=True))
        return 0
    if not events:
        say("It has not begun.")
        return 0
    start = read_time(events[0]["Timestamp"])
    show_table(
        ["AFTER", "EVENT", "NUMBER", "WHAT"],
        [
            [
                duration_text(read_time(event["Timestamp"]) - start),
                event_name(event),
                _number(event),
                " · ".join(str(event[key]) for key in _TOLD if event.get(key) is not None),
            ]
            for event in events
        ],
        "It has not begun.",
    )
    if status.problem:
        say(f"\n{status.problem}")
    return 0


def _number(event: Mapping[str, Any]) -> str:
    """The number of the event, or of the one that it answers."""
    number = event.get("TaskScheduledId", event.get("TimerId", event.get("EventId", -1)))
    return f"#{number}" if number >= 0 else ""
