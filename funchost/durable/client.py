"""A task hub as its clients use it: validation, and one operation of the store for each request."""

import asyncio
import json
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from funchost.durable.batches import new_execution_id, started_instance, traced
from funchost.durable.changes import Changes
from funchost.durable.events import Event, EventType, to_micros
from funchost.durable.functions import DurableKind, FunctionTable
from funchost.durable.interface import (
    ArgumentError,
    EntityFilter,
    EntityId,
    EntityPage,
    EntityStatus,
    InstanceExistsError,
    InstanceFilter,
    InstanceGoneError,
    InstanceNotFoundError,
    InstancePage,
    InstanceStatus,
    InvalidOperationError,
    RuntimeStatus,
    UnknownFunctionError,
)
from funchost.durable.options import DurableOptions
from funchost.durable.rewind import rewound
from funchost.durable.signals import signal_event
from funchost.durable.store import instances, queries
from funchost.durable.store.schema import connect_for_reading
from funchost.durable.store.writer import Transaction, Writer
from funchost.durable.wire import event_members

__all__ = ["HubClient"]

T = TypeVar("T")
_LONGEST_ID = 256
_FORBIDDEN = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
_ENTITY_NAME = re.compile(r"[^@/\\#?\x00-\x1f]+")
"""As in an instance id, with the `@` that separates name and key."""


class HubClient:
    """Implements interface.DurableClient. `functions` None knows of no app, and so lets any name
    pass. `writer` gives the hub's writer, and makes the database where there is none."""

    def __init__(
        self,
        hub: str,
        file: Path,
        options: DurableOptions,
        now: Callable[[], datetime],
        *,
        writer: Callable[[], Writer],
        changes: Changes,
        functions: FunctionTable | None = None,
        owner: Callable[[], str | None] = lambda: None,
        owner_for_new: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._hub = hub
        self._file = file
        self._options = options
        self._now = now
        self._writer = writer
        self._changes = changes
        self._functions = functions
        self._owner = owner
        self._owner_for_new = owner_for_new
        self._reader: sqlite3.Connection | None = None
        # One thread: a connection is used by one at a time.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="funchost-durable-reader")

    @property
    def hub(self) -> str:
        return self._hub

    def close(self) -> None:
        self._executor.shutdown()
        if self._reader is not None:
            self._reader.close()

    # Instances

    async def start(
        self,
        orchestrator: str,
        *,
        instance_id: str | None = None,
        input: str | None = None,
        version: str | None = None,
        traceparent: str | None = None,
    ) -> str:
        problem = self._problem(DurableKind.ORCHESTRATOR, orchestrator)
        if problem is not None:
            raise UnknownFunctionError(problem)
        self._check_size("input", input)
        _check_json(input)
        if instance_id is None or instance_id == "":
            instance_id = new_execution_id()
        else:
            _check_id(instance_id)
        new = started_instance(
            instance_id,
            orchestrator,
            input,
            version or self._options.default_version,
            self._micros(),
            trace=traced(traceparent),
        )
        blocking = await self._write(
            partial(
                instances.create,
                new=new,
                owner=self._owner_for_new(),
                replaces=self._options.overrides_any_state,
            )
        )
        if blocking is not None:
            raise InstanceExistsError(
                f"An Orchestration instance with the status {blocking.text} already exists."
            )
        self._changes.tell(instance_id)
        return instance_id

    async def status(self, instance_id: str) -> InstanceStatus | None:
        return await self._read(queries.read_status, None, instance_id)

    async def query(
        self, wanted: InstanceFilter, *, top: int = 100, continuation: str | None = None
    ) -> InstancePage:
        empty = InstancePage(())
        return await self._read(queries.query_instances, empty, wanted, top, continuation)

    async def history(self, instance_id: str) -> list[dict[str, Any]]:
        events: list[Event] = await self._read(queries.read_history, [], instance_id)
        return [event_members(event) for event in events]

    async def raise_event(self, instance_id: str, name: str, input: str | None) -> None:
        self._check_size("event", input)
        if not name:
            raise ArgumentError("An event needs a name.")
        await self._post(instance_id, EventType.EVENT_RAISED, {"name": name, "input": input})

    async def terminate(self, instance_id: str, reason: str | None) -> None:
        await self._post(instance_id, EventType.EXECUTION_TERMINATED, {"reason": reason})

    async def suspend(self, instance_id: str, reason: str | None) -> None:
        status = await self._unfinished(instance_id)
        if status.runtime_status is RuntimeStatus.SUSPENDED:
            raise InvalidOperationError(
                f"Cannot suspend the orchestration instance {instance_id} because instance is in "
                "the Suspended state."
            )
        await self._post(instance_id, EventType.EXECUTION_SUSPENDED, {"reason": reason})

    async def resume(self, instance_id: str, reason: str | None) -> None:
        status = await self._unfinished(instance_id)
        if status.runtime_status is not RuntimeStatus.SUSPENDED:
            raise InvalidOperationError(
                f"Cannot resume the orchestration instance {instance_id} because instance is in "
                f"the {status.runtime_status.text} state."
            )
        await self._post(instance_id, EventType.EXECUTION_RESUMED, {"reason": reason})

    async def rewind(self, instance_id: str, reason: str | None) -> None:
        status = await self.status(instance_id)
        if status is None:
            raise InstanceNotFoundError(f"No instance with the id '{instance_id}' was found.")
        if status.is_finished and status.runtime_status is not RuntimeStatus.FAILED:
            raise InstanceGoneError(f"The instance '{instance_id}' has ended.")
        event = Event(EventType.GENERIC, self._micros(), {"data": f"Rewind: {reason or ''}"})
        reopen = partial(_rewind, instance_id=instance_id, event=event, owner=self._owner())
        if not await self._write(reopen):
            raise InvalidOperationError(
                "The rewind operation is only supported on failed orchestration instances."
            )
        self._changes.tell(instance_id)

    async def restart(self, instance_id: str, *, with_new_id: bool = True) -> str:
        status = await self.status(instance_id)
        if status is None:
            raise ArgumentError("InstanceId does not match a valid orchestration instance.")
        return await self.start(
            status.name,
            instance_id=None if with_new_id else instance_id,
            input=status.input,
            version=status.version,
        )

    async def purge(self, instance_id: str) -> bool:
        deleted = await self._write(partial(instances.delete, instance_id=instance_id))
        self._changes.tell(instance_id)
        return deleted

    async def purge_where(self, wanted: InstanceFilter) -> int:
        total = 0
        while deleted := await self._write(partial(queries.purge_where, wanted=wanted)):
            total += deleted
        if total:
            self._changes.tell("")
        return total

    # Entities

    async def signal_entity(self, entity: EntityId, operation: str, input: str | None) -> None:
        self._check_entity(entity)
        self._check_size("input", input)
        problem = self._problem(DurableKind.ENTITY, entity.name)
        if problem is not None:
            raise UnknownFunctionError(problem)
        event = signal_event(operation, input, self._micros())
        await self._write(
            partial(
                instances.post,
                instance_id=entity.instance_id,
                execution_id=None,
                event=event,
                owner=self._owner(),
            )
        )

    async def entity(self, entity: EntityId) -> EntityStatus | None:
        self._check_entity(entity)
        return await self._read(queries.read_entity, None, entity)

    async def entities(
        self, wanted: EntityFilter, *, top: int = 100, continuation: str | None = None
    ) -> EntityPage:
        empty = EntityPage(())
        return await self._read(queries.query_entities, empty, wanted, top, continuation)

    async def clean_entities(self) -> int:
        return await self._write(queries.clean_entities)

    # Changes

    async def wait_for_change(
        self, instance_id: str, revision: int, seconds: float
    ) -> InstanceStatus | None:
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            with self._changes.watch(instance_id) as changed:
                status = await self.status(instance_id)
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0 or (0 if status is None else status.revision) != revision:
                    return status
                await changed.wait(left)

    # Helpers

    def _micros(self) -> int:
        return to_micros(self._now())

    def _problem(self, kind: DurableKind, name: str) -> str | None:
        return None if self._functions is None else self._functions.problem(kind, name)

    def _check_size(self, what: str, text: str | None) -> None:
        most = self._options.maximum_payload
        if text is not None and len(text.encode("utf-8", "surrogatepass")) > most:
            raise ArgumentError(
                f"The {what} is larger than the {most} bytes that "
                "extensions.durableTask.local.maxPayloadBytes in host.json allows."
            )

    def _check_entity(self, entity: EntityId) -> None:
        if not _ENTITY_NAME.fullmatch(entity.name):
            raise ArgumentError(f"'{entity.name}' is not the name of an entity.")
        if _FORBIDDEN.search(entity.key) or len(entity.instance_id) > _LONGEST_ID:
            raise ArgumentError(f"'{entity.key}' is not the key of an entity.")

    async def _unfinished(self, instance_id: str) -> InstanceStatus:
        status = await self.status(instance_id)
        if status is None:
            raise InstanceNotFoundError(f"No instance with the id '{instance_id}' was found.")
        if status.is_finished:
            raise InstanceGoneError(f"The instance '{instance_id}' has ended.")
        return status

    async def _post(self, instance_id: str, kind: EventType, members: dict[str, Any]) -> None:
        if instance_id.startswith("@"):
            raise InstanceNotFoundError(f"'{instance_id}' is an entity.")
        taken = await self._write(
            partial(
                instances.post,
                instance_id=instance_id,
                execution_id=None,
                event=Event(kind, self._micros(), members),
                owner=self._owner(),
            )
        )
        if not taken:
            await self._unfinished(instance_id)
            raise InstanceNotFoundError(f"No instance with the id '{instance_id}' was found.")

    async def _write(self, operation: Callable[[Transaction], T]) -> T:
        return await self._writer().submit(operation)

    async def _read(self, query: Callable[..., T], empty: T, *arguments: Any) -> T:
        """`empty` stands for a database that is not there, which costs no thread either."""
        if not self._has_database():
            return empty
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._read_here, query, arguments)

    def _has_database(self) -> bool:
        return self._reader is not None or self._file.is_file()

    def _read_here(self, query: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        if self._reader is None:
            self._reader = connect_for_reading(self._file)
        return query(self._reader, *arguments)


def _check_json(text: str | None) -> None:
    """It becomes a part of the context that the SDK reads."""
    try:
        json.loads("null" if text is None else text)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"The input is not JSON: {error}") from error


def _check_id(instance_id: str) -> None:
    if instance_id.startswith("@"):
        raise ArgumentError("Orchestration instance ids must not start with '@'.")
    if _FORBIDDEN.search(instance_id):
        raise ArgumentError(
            "Orchestration instance ids must not contain /, \\, #, ?, or control characters."
        )
    if len(instance_id) > _LONGEST_ID:
        raise ArgumentError(f"Orchestration instance ids must not exceed {_LONGEST_ID} characters.")


def _rewind(transaction: Transaction, instance_id: str, event: Event, owner: str | None) -> bool:
    """False for an instance that has not failed."""
    reopened = transaction.execute(
        "UPDATE instances SET status = ?, finished = NULL, output = NULL, owner = ?,"
        " updated = ?, epoch = epoch + 1, revision = revision + 1 WHERE id = ? AND status = ?",
        (
            int(RuntimeStatus.RUNNING),
            owner,
            event.at,
            instance_id,
            int(RuntimeStatus.FAILED),
        ),
    )
    if reopened.rowcount != 1:
        return False
    history = queries.read_history(transaction, instance_id)
    events, children, has_own_work = rewound(history)
    instances.replace(transaction, instance_id, events)
    for child in children:
        _rewind(transaction, child, event, owner)
    if has_own_work:
        instances.post(transaction, instance_id, None, event, owner=owner)
    return True
