"""What `bus list` shows of an entity, wherever the numbers come from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from funchost.servicebus.broker.interface import EntityCounts, EntityKind

__all__ = ["EntityRow", "rows_of_answer", "rows_of_broker", "rows_of_namespace"]

_DEAD_LETTERS = "/$DeadLetterQueue"
_TRANSFER_DEAD_LETTERS = "/$Transfer/$DeadLetterQueue"


@dataclass(frozen=True)
class EntityRow:
    """A queue, a topic or a subscription; None is a number that nobody knows. `dead` counts both
    kinds of dead letters."""

    path: str
    kind: str
    active: int | None = None
    scheduled: int | None = None
    deferred: int | None = None
    dead: int | None = None
    sessions: int | None = None


def rows_of_broker(counts: Iterable[EntityCounts]) -> list[EntityRow]:
    return _merged(
        EntityRow(
            count.entity.path,
            count.entity.kind.value,
            count.active,
            count.scheduled,
            count.deferred,
            sessions=count.sessions if count.entity.requires_session else None,
        )
        for count in counts
    )


def rows_of_answer(answer: Mapping[str, Any]) -> list[EntityRow]:
    """Of the `funchost:list-entities` operation of a broker that runs elsewhere."""
    return _merged(
        EntityRow(
            entity["path"],
            entity["kind"],
            entity["active"],
            entity["scheduled"],
            entity["deferred"],
            sessions=entity["sessions"] if entity["requires-session"] else None,
        )
        for entity in answer["entities"]
    )


async def rows_of_namespace(administration: Any) -> list[EntityRow]:
    """`administration` is the SDK's asynchronous client; Azure does not tell what is deferred."""
    rows = []
    async for queue in administration.list_queues_runtime_properties():
        rows.append(_runtime_row(queue.name, EntityKind.QUEUE, queue))
    async for topic in administration.list_topics_runtime_properties():
        scheduled = topic.scheduled_message_count
        rows.append(EntityRow(topic.name, EntityKind.TOPIC.value, scheduled=scheduled))
        subscriptions = administration.list_subscriptions_runtime_properties(topic.name)
        async for subscription in subscriptions:
            path = f"{topic.name}/Subscriptions/{subscription.name}"
            rows.append(_runtime_row(path, EntityKind.SUBSCRIPTION, subscription))
    return rows


def _runtime_row(path: str, kind: EntityKind, found: Any) -> EntityRow:
    return EntityRow(
        path,
        kind.value,
        found.active_message_count,
        getattr(found, "scheduled_message_count", None),
        dead=found.dead_letter_message_count + found.transfer_dead_letter_message_count,
    )


def _merged(rows: Iterable[EntityRow]) -> list[EntityRow]:
    """The dead-letter queues become a column of the entity that they belong to."""
    found: dict[str, EntityRow] = {}
    dead: dict[str, int] = {}
    for row in rows:
        owner = row.path.removesuffix(_TRANSFER_DEAD_LETTERS).removesuffix(_DEAD_LETTERS)
        if owner == row.path:
            found[owner] = row
        else:
            dead[owner] = dead.get(owner, 0) + (row.active or 0) + (row.deferred or 0)
    return [replace(row, dead=dead.get(path, 0)) for path, row in found.items()]
