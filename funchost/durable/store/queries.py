"""What clients read, and the deletions that go by a filter."""

import base64
import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from funchost.durable.events import Event, from_micros, to_micros
from funchost.durable.interface import (
    FINISHED,
    ArgumentError,
    EntityFilter,
    EntityId,
    EntityPage,
    EntityStatus,
    InstanceFilter,
    InstancePage,
    InstanceStatus,
    RuntimeStatus,
)
from funchost.durable.store.instances import delete
from funchost.durable.store.records import load_events
from funchost.durable.store.writer import Transaction

__all__ = [
    "FINISHED",
    "clean_entities",
    "purge_finished",
    "purge_where",
    "query_entities",
    "query_instances",
    "read_entity",
    "read_history",
    "read_status",
]

_COLUMNS = (
    "id, name, status, created, updated, input, output, custom_status, version, parent,"
    " execution_id, history_length, problem, revision"
)
_PURGE_GROUP = 200
_FINISHED_LIST = ", ".join(str(int(status)) for status in sorted(FINISHED))


def read_status(connection: sqlite3.Connection, instance_id: str) -> InstanceStatus | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM instances WHERE id = ?",  # noqa: S608 - constants alone
        (instance_id,),
    ).fetchone()
    return None if row is None else _status(row)


def _status(row: Sequence[Any]) -> InstanceStatus:
    instance_id, name, status, created, updated, given, output, custom, version, parent = row[:10]
    return InstanceStatus(
        instance_id=instance_id,
        name=name,
        runtime_status=RuntimeStatus(status),
        created=from_micros(created),
        updated=from_micros(updated),
        input=given,
        output=output,
        custom_status=custom,
        version=version,
        parent_instance_id=None if parent is None else json.loads(parent)["instance_id"],
        execution_id=row[10] or None,
        history_length=row[11],
        problem=row[12],
        revision=row[13],
    )


def query_instances(
    connection: sqlite3.Connection,
    wanted: InstanceFilter,
    top: int,
    continuation: str | None,
) -> InstancePage:
    """Raises ArgumentError for a continuation that is not ours."""
    conditions, values = _conditions(wanted)
    if continuation is not None:
        conditions.append("number < ?" if wanted.newest_first else "number > ?")
        values.append(_read_number(continuation))
    direction = "DESC" if wanted.newest_first else "ASC"
    rows = connection.execute(
        f"SELECT {_COLUMNS}, number FROM instances {_where(conditions)}"  # noqa: S608 - bound
        f" ORDER BY number {direction} LIMIT ?",
        (*values, top + 1),
    ).fetchall()
    following = _write_token(rows[top - 1][-1]) if len(rows) > top else None
    return InstancePage([_status(row) for row in rows[:top]], following)


def _conditions(wanted: InstanceFilter) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []

    def add(condition: str, *bound: Any) -> None:
        conditions.append(condition)
        values.extend(bound)

    if wanted.id_prefix:
        add("substr(id, 1, ?) = ?", len(wanted.id_prefix), wanted.id_prefix)
    if wanted.name is not None:
        add("lower(name) = lower(?)", wanted.name)
    if wanted.statuses:
        add(
            f"status IN ({', '.join('?' * len(wanted.statuses))})",
            *(int(status) for status in wanted.statuses),
        )
    if wanted.created_from is not None:
        add("created >= ?", to_micros(wanted.created_from))
    if wanted.created_to is not None:
        add("created <= ?", to_micros(wanted.created_to))
    if not wanted.with_entities:
        add("substr(id, 1, 1) <> '@'")
    return conditions, values


def _where(conditions: list[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _write_token(value: int | str) -> str:
    return base64.urlsafe_b64encode(json.dumps([1, value]).encode()).decode()


def _read_token(token: str) -> Any:
    try:
        version, value = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        version, value = 0, None
    if version != 1:
        raise ArgumentError("The continuation token is not one of this task hub.")
    return value


def _read_number(token: str) -> int:
    value = _read_token(token)
    if not isinstance(value, int):
        raise ArgumentError("The continuation token is not one of this task hub.")
    return value


def read_history(connection: sqlite3.Connection | Transaction, instance_id: str) -> list[Event]:
    return [
        event
        for (events,) in connection.execute(
            "SELECT events FROM history WHERE instance = ? ORDER BY first", (instance_id,)
        )
        for event in load_events(events)
    ]


def read_entity(connection: sqlite3.Connection, entity: EntityId) -> EntityStatus | None:
    """With its state; None when it does not exist."""
    row = connection.execute(
        "SELECT name, key, last_operation, is_present, state, locked_by,"
        " (SELECT count(*) FROM messages WHERE messages.instance = entities.instance)"
        " FROM entities WHERE instance = ? AND is_present",
        (entity.instance_id,),
    ).fetchone()
    return None if row is None else _entity(row, with_state=True)


def _entity(row: Sequence[Any], *, with_state: bool) -> EntityStatus:
    name, key, last_operation, is_present, state, locked_by, queued = row
    return EntityStatus(
        id=EntityId(name, key),
        last_operation=from_micros(last_operation),
        exists=bool(is_present),
        state=state if with_state else None,
        queue_length=queued,
        locked_by=locked_by,
    )


def query_entities(
    connection: sqlite3.Connection, wanted: EntityFilter, top: int, continuation: str | None
) -> EntityPage:
    """Raises ArgumentError for a continuation that is not ours."""
    conditions, values = ["is_present"], list[Any]()
    if wanted.name is not None:
        conditions.append("name = ?")
        values.append(wanted.name.lower())
    if wanted.last_operation_from is not None:
        conditions.append("last_operation >= ?")
        values.append(to_micros(wanted.last_operation_from))
    if wanted.last_operation_to is not None:
        conditions.append("last_operation <= ?")
        values.append(to_micros(wanted.last_operation_to))
    if continuation is not None:
        conditions.append("instance > ?")
        values.append(str(_read_token(continuation)))
    rows = connection.execute(
        "SELECT name, key, last_operation, is_present, state, locked_by,"  # noqa: S608 - bound
        " (SELECT count(*) FROM messages WHERE messages.instance = entities.instance)"
        f" FROM entities {_where(conditions)} ORDER BY instance LIMIT ?",
        (*values, top + 1),
    ).fetchall()
    items = [_entity(row, with_state=wanted.with_state) for row in rows[:top]]
    following = _write_token(items[-1].id.instance_id) if len(rows) > top else None
    return EntityPage(items, following)


# Deletions, for the writer


def purge_where(transaction: Transaction, wanted: InstanceFilter) -> int:
    """One group of those that have ended; 0 when none is left."""
    conditions, values = _conditions(wanted)
    conditions.append(f"status IN ({_FINISHED_LIST}) AND finished IS NOT NULL")
    ids = transaction.execute(
        f"SELECT id FROM instances {_where(conditions)} LIMIT ?",  # noqa: S608 - bound
        (*values, _PURGE_GROUP),
    ).fetchall()
    for (instance_id,) in ids:
        delete(transaction, instance_id)
    return len(ids)


def purge_finished(transaction: Transaction, before: int) -> int:
    """One group of those that ended before that moment; 0 when none is left."""
    ids = transaction.execute(
        "SELECT id FROM instances WHERE finished < ? LIMIT ?", (before, _PURGE_GROUP)
    ).fetchall()
    for (instance_id,) in ids:
        delete(transaction, instance_id)
    return len(ids)


def clean_entities(transaction: Transaction) -> int:
    ids = transaction.execute(
        "SELECT instance FROM entities WHERE NOT is_present AND locked_by IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM messages WHERE messages.instance = entities.instance)"
    ).fetchall()
    for (instance_id,) in ids:
        delete(transaction, instance_id)
    return len(ids)
