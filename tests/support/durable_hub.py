"""A task hub whose instances are laid into it as they are to be seen; it runs nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from funchost.durable.interface import (
    ArgumentError,
    DurableClient,
    EntityFilter,
    EntityId,
    EntityPage,
    EntityStatus,
    InstanceFilter,
    InstancePage,
    InstanceStatus,
    RuntimeStatus,
)

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def event(kind: int, seconds: float, number: int = -1, **members: Any) -> dict[str, Any]:
    """A history event `seconds` after the start, as the SDK receives it."""
    timestamp = moment(seconds).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    return {"EventType": kind, "EventId": number, "Timestamp": timestamp, **members}


def episode(seconds: float, *events: dict[str, Any], took: float = 0.002) -> list[dict[str, Any]]:
    return [event(12, seconds), *events, event(13, seconds + took)]


def begin(name: str = "order", text: str | None = None) -> dict[str, Any]:
    return event(0, 0, Name=name, Input=text, Version=None, Tags=None, ParentInstance=None)


@dataclass
class LaidOutHub(DurableClient):
    """Shows what was laid into it; what would change something does nothing."""

    hub: str = "TestHubName"
    instances: dict[str, InstanceStatus] = field(default_factory=dict)
    histories: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    stored_entities: list[EntityStatus] = field(default_factory=list)

    def add(
        self,
        instance_id: str,
        events: Sequence[dict[str, Any]] = (),
        *,
        name: str = "order",
        status: RuntimeStatus = RuntimeStatus.COMPLETED,
        created: float = 0.0,
        updated: float = 1.0,
        **members: Any,
    ) -> InstanceStatus:
        self.histories[instance_id] = list(events)
        self.instances[instance_id] = InstanceStatus(
            instance_id, name, status, moment(created), moment(updated), **members
        )
        return self.instances[instance_id]

    async def status(self, instance_id: str) -> InstanceStatus | None:
        return self.instances.get(instance_id)

    async def history(self, instance_id: str) -> list[dict[str, Any]]:
        return self.histories.get(instance_id, [])

    async def query(
        self, wanted: InstanceFilter, *, top: int = 100, continuation: str | None = None
    ) -> InstancePage:
        found = [
            status
            for status in sorted(
                self.instances.values(),
                key=lambda status: status.created,
                reverse=wanted.newest_first,
            )
            if status.instance_id.startswith(wanted.id_prefix or "")
            and (wanted.name is None or status.name.lower() == wanted.name.lower())
            and (not wanted.statuses or status.runtime_status in wanted.statuses)
        ]
        first = int(continuation or 0)
        following = str(first + top) if len(found) > first + top else None
        return InstancePage(found[first : first + top], following)

    async def entities(
        self, wanted: EntityFilter, *, top: int = 100, continuation: str | None = None
    ) -> EntityPage:
        return EntityPage([e for e in self.stored_entities if wanted.name in {None, e.id.name}])

    async def entity(self, entity: EntityId) -> EntityStatus | None:
        return next((e for e in self.stored_entities if e.id == entity), None)


@dataclass
class LaidOutHubs:
    only: LaidOutHub

    @property
    def default_hub(self) -> str:
        return self.only.hub

    @property
    def known(self) -> Sequence[str]:
        return [self.only.hub, "Second"]

    def client(self, hub: str | None = None) -> DurableClient:
        if hub and not hub.isalnum():
            raise ArgumentError(f"'{hub}' is not the name of a task hub.")
        return self.only
