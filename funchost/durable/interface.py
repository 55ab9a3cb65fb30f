"""What the clients of a task hub may ask of it: the client binding, the management API, the command
line and the pages code against this module alone.

Texts. `input`, `output`, `custom_status` and an entity's `state` are JSON *texts* as stored; None
is "absent". A failed or terminated instance has plain text as its output, not JSON. Nothing here
decodes or encodes the JSON inside JSON that azure-functions-durable sends: it goes on as it came.

Times are aware and UTC, in business time (`funchost.clock`).

Errors, and the HTTP status that the real host gives them:

    DurableError
      ArgumentError              400  bad id, bad name, unknown function, too large a payload
        UnknownFunctionError
      InstanceNotFoundError      404
      InstanceGoneError          410  the instance has ended
      InvalidOperationError      500  suspend twice, resume what runs, rewind what has not failed
        InstanceExistsError      500
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Protocol

__all__ = [
    "FINISHED",
    "ArgumentError",
    "DurableClient",
    "DurableError",
    "EntityFilter",
    "EntityId",
    "EntityPage",
    "EntityStatus",
    "InstanceExistsError",
    "InstanceFilter",
    "InstanceGoneError",
    "InstanceNotFoundError",
    "InstancePage",
    "InstanceStatus",
    "InvalidOperationError",
    "RuntimeStatus",
    "TaskHubs",
    "UnknownFunctionError",
]


class DurableError(Exception):
    """The text is what the real host says, where it says something."""


class ArgumentError(DurableError): ...


class UnknownFunctionError(ArgumentError): ...


class InstanceNotFoundError(DurableError): ...


class InstanceGoneError(DurableError): ...


class InvalidOperationError(DurableError): ...


class InstanceExistsError(InvalidOperationError): ...


class RuntimeStatus(IntEnum):
    """`status.text` is the name on the wire."""

    RUNNING = 0
    COMPLETED = 1
    CONTINUED_AS_NEW = 2
    FAILED = 3
    CANCELED = 4
    TERMINATED = 5
    PENDING = 6
    SUSPENDED = 7

    @property
    def text(self) -> str:
        return "".join(part.title() if part != "AS" else "As" for part in self.name.split("_"))

    @classmethod
    def parse(cls, text: str) -> "RuntimeStatus | None":
        """By its wire name in any case; None for any other text."""
        wanted = text.strip().lower()
        return next((status for status in cls if status.text.lower() == wanted), None)


FINISHED = frozenset(
    {
        RuntimeStatus.COMPLETED,
        RuntimeStatus.FAILED,
        RuntimeStatus.CANCELED,
        RuntimeStatus.TERMINATED,
    }
)


@dataclass(frozen=True)
class InstanceStatus:
    """`problem` says why an instance that still runs cannot go on (such as an activity that does
    not exist), None when all is well; the real host has it only in its log. `revision` grows with
    every change of the instance, see `wait_for_change`."""

    instance_id: str
    name: str
    runtime_status: RuntimeStatus
    created: datetime
    updated: datetime
    input: str | None = None
    output: str | None = None
    custom_status: str | None = None
    version: str | None = None
    parent_instance_id: str | None = None
    execution_id: str | None = None
    history_length: int = 0
    problem: str | None = None
    revision: int = 0

    @property
    def is_finished(self) -> bool:
        return self.runtime_status in FINISHED


@dataclass(frozen=True)
class InstanceFilter:
    """All given parts must hold; empty `statuses` means any. `created_from` and `created_to` are
    inclusive; `name` is compared without case. Entities (`@name@key`) are listed as the real host
    does, unless told otherwise. The order is that of creation."""

    id_prefix: str | None = None
    name: str | None = None
    statuses: frozenset[RuntimeStatus] = frozenset()
    created_from: datetime | None = None
    created_to: datetime | None = None
    with_entities: bool = True
    newest_first: bool = False


@dataclass(frozen=True)
class InstancePage:
    """`continuation` None is the last page."""

    items: Sequence[InstanceStatus]
    continuation: str | None = None


@dataclass(frozen=True, order=True)
class EntityId:
    """`name` in lower case, `key` as given."""

    name: str
    key: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.lower())

    @property
    def instance_id(self) -> str:
        return f"@{self.name}@{self.key}"

    @classmethod
    def parse(cls, instance_id: str) -> "EntityId":
        """Raises ArgumentError for what is not `@name@key`."""
        marker, _, rest = instance_id.partition("@")
        name, separator, key = rest.partition("@")
        if marker or not name or not separator:
            raise ArgumentError(f"'{instance_id}' is not the id of an entity (@name@key).")
        return cls(name, key)


@dataclass(frozen=True)
class EntityStatus:
    """`state` is None where it was not asked for."""

    id: EntityId
    last_operation: datetime
    exists: bool
    state: str | None = None
    queue_length: int = 0
    locked_by: str | None = None


@dataclass(frozen=True)
class EntityFilter:
    name: str | None = None
    last_operation_from: datetime | None = None
    last_operation_to: datetime | None = None
    with_state: bool = False


@dataclass(frozen=True)
class EntityPage:
    items: Sequence[EntityStatus]
    continuation: str | None = None


class DurableClient(Protocol):
    """One task hub. A change has been committed when its call returns; any process that serves the
    hub takes it up."""

    @property
    def hub(self) -> str: ...

    async def start(
        self,
        orchestrator: str,
        *,
        instance_id: str | None = None,
        input: str | None = None,
        version: str | None = None,
        traceparent: str | None = None,
    ) -> str:
        """Returns the id. `traceparent` is the span of who starts it. Raises ArgumentError,
        UnknownFunctionError, or InstanceExistsError when host.json's
        `overridableExistingInstanceStates` protects the instance of that id."""
        ...

    async def status(self, instance_id: str) -> InstanceStatus | None:
        """None for an id that is not known."""
        ...

    async def query(
        self, wanted: InstanceFilter, *, top: int = 100, continuation: str | None = None
    ) -> InstancePage:
        """Raises ArgumentError for a continuation that is not ours."""
        ...

    async def history(self, instance_id: str) -> list[dict[str, Any]]:
        """Each event as the SDK receives it (HOST-PROTOCOL 5.5.1: `EventType` a number, `EventId`,
        `Timestamp` with seven digits, ...), without `IsPlayed`. Empty for an unknown id and for one
        that has not begun. TaskScheduled has its `Input` where host.json says
        `storeInputsInOrchestrationHistory`."""
        ...

    async def raise_event(self, instance_id: str, name: str, input: str | None) -> None:
        """Raises InstanceNotFoundError or InstanceGoneError."""
        ...

    async def terminate(self, instance_id: str, reason: str | None) -> None:
        """Raises InstanceNotFoundError or InstanceGoneError."""
        ...

    async def suspend(self, instance_id: str, reason: str | None) -> None:
        """Raises InstanceNotFoundError, InstanceGoneError or InvalidOperationError."""
        ...

    async def resume(self, instance_id: str, reason: str | None) -> None:
        """Raises InstanceNotFoundError, InstanceGoneError or InvalidOperationError."""
        ...

    async def rewind(self, instance_id: str, reason: str | None) -> None:
        """Raises InstanceNotFoundError, InstanceGoneError or InvalidOperationError."""
        ...

    async def restart(self, instance_id: str, *, with_new_id: bool = True) -> str:
        """Starts again with the same name, input and version; returns the id. Raises ArgumentError
        for an unknown id, InstanceExistsError where the same id still runs."""
        ...

    async def purge(self, instance_id: str) -> bool:
        """Deletes an instance or entity in whatever state; False for an unknown id."""
        ...

    async def purge_where(self, wanted: InstanceFilter) -> int:
        """Deletes those that have ended, and says how many."""
        ...

    async def signal_entity(self, entity: EntityId, operation: str, input: str | None) -> None:
        """Raises ArgumentError or UnknownFunctionError."""
        ...

    async def entity(self, entity: EntityId) -> EntityStatus | None:
        """With its state. None when it does not exist, also for one that has been deleted."""
        ...

    async def entities(
        self, wanted: EntityFilter, *, top: int = 100, continuation: str | None = None
    ) -> EntityPage:
        """Those that exist, by id. Raises ArgumentError for a continuation that is not ours."""
        ...

    async def clean_entities(self) -> int:
        """Deletes what is left of entities that have no state, no queue and no lock; says how
        many."""
        ...

    async def wait_for_change(
        self, instance_id: str, revision: int, seconds: float
    ) -> InstanceStatus | None:
        """Returns as soon as the instance's revision differs from `revision`, else after `seconds`
        of machine time; the status then, None for an id that is not known. Changes that
        another process makes are noticed within a quarter second."""
        ...


class TaskHubs(Protocol):
    """All hubs of one state folder."""

    @property
    def default_hub(self) -> str:
        """By host.json, else the site's name, else `TestHubName`."""
        ...

    @property
    def known(self) -> Sequence[str]:
        """The hubs that have a database in this state folder, by name, the default one, and those
        that were declared."""
        ...

    def declare(self, name: str) -> None:
        """A binding of the app names this hub."""
        ...

    def client(self, hub: str | None = None) -> DurableClient:
        """None or "" is the default hub. Raises ArgumentError for one that is not `known`. A hub
        other than the default one takes requests, but its work is done by the app whose default it
        is."""
        ...
