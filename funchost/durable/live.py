"""An instance in the memory of the process that owns it."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from funchost.durable.events import Event, EventType
from funchost.durable.store.records import InstanceRow, LoadedInstance, Message

__all__ = ["LiveInstance"]


class LiveInstance:
    """`mailbox` holds the messages that no committed episode has taken, by their numbers, and so
    in the order of arrival. `aborts` counts runs in a row that came to nothing."""

    __slots__ = (
        "aborts",
        "created",
        "custom_status",
        "deaths",
        "epoch",
        "execution_id",
        "has_delayed",
        "history",
        "id",
        "input",
        "is_busy",
        "is_parked",
        "is_present",
        "locked_by",
        "mailbox",
        "name",
        "open_activities",
        "parent",
        "problem",
        "rest",
        "state",
        "status",
        "trials",
        "version",
    )

    def __init__(self, row: InstanceRow) -> None:
        self.id = row.id
        self.name = row.name
        self.execution_id = row.execution_id
        self.version = row.version
        self.status = row.status
        self.input = row.input
        self.parent: Mapping[str, Any] | None = row.parent
        self.created = row.created
        self.epoch = row.epoch
        self.deaths = row.deaths
        self.trials = row.trials
        self.custom_status = row.custom_status
        self.problem = row.problem
        self.history: list[Event] = []
        self.mailbox: dict[int, Message] = {}
        self.is_busy = False
        self.is_parked = False
        self.aborts = 0
        self.open_activities = 0
        self.rest: asyncio.TimerHandle | None = None
        # Whether delayed events may be stored for it; of a loaded one nobody knows.
        self.has_delayed = False
        self.state: str | None = None
        self.is_present = False
        self.locked_by: str | None = None

    @classmethod
    def loaded(cls, stored: LoadedInstance) -> "LiveInstance":
        live = cls(stored.row)
        live.history = list(stored.history)
        live.mailbox = {message.number: message for message in stored.messages}
        live.has_delayed = True
        live.count_activities(live.history)
        live.state = stored.state
        live.is_present = stored.is_present
        live.locked_by = stored.locked_by
        return live

    def count_activities(self, events: Iterable[Event]) -> None:
        """Adds what is scheduled, and takes away what has come back."""
        for event in events:
            if event.type is EventType.TASK_SCHEDULED:
                self.open_activities += 1
            elif event.type in (EventType.TASK_COMPLETED, EventType.TASK_FAILED):
                self.open_activities -= 1

    @property
    def is_entity(self) -> bool:
        return self.id.startswith("@")

    @property
    def parent_id(self) -> str | None:
        return None if self.parent is None else self.parent["instance_id"]
