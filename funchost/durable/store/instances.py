"""Operations on instances and their messages, for the writer."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from funchost.durable.events import Event
from funchost.durable.interface import FINISHED, EntityId, RuntimeStatus
from funchost.durable.store.records import (
    ActivityRow,
    EpisodeCommit,
    InstanceRow,
    LeaseLostError,
    LoadedInstance,
    Message,
    NewInstance,
    Wake,
    dump_event,
    dump_events,
    load_event,
    load_events,
)
from funchost.durable.store.writer import Transaction

__all__ = [
    "COLUMNS",
    "commit_episode",
    "create",
    "delete",
    "drop_messages",
    "load",
    "mark_trial",
    "post",
    "read_row",
    "registered",
    "replace",
    "set_problem",
]

COLUMNS = (
    "id, name, execution_id, version, status, input, parent, created, epoch, deaths, trials,"
    " custom_status, problem"
)
_FINISHED = frozenset(int(status) for status in FINISHED)
_TABLES_OF_INSTANCE = ("history", "messages", "delayed", "activities", "entities")


def read_row(row: tuple[Any, ...]) -> InstanceRow:
    """Of COLUMNS."""
    instance_id, name, execution_id, version, status, given, parent, *rest = row
    created, epoch, deaths, trials, custom_status, problem = rest
    return InstanceRow(
        instance_id,
        name,
        execution_id,
        version,
        RuntimeStatus(status),
        given,
        None if parent is None else json.loads(parent),
        created,
        epoch,
        deaths,
        trials,
        custom_status,
        problem,
    )


def registered(transaction: Transaction, owner: str | None) -> str | None:
    """`owner`, as long as no other process has declared it dead: nothing may become the property of
    a name that nobody watches."""
    if owner is None:
        return None
    found = transaction.execute("SELECT 1 FROM owners WHERE owner = ?", (owner,)).fetchone()
    return None if found is None else owner


def create(
    transaction: Transaction,
    new: NewInstance,
    *,
    owner: str | None,
    replaces: bool = False,
) -> RuntimeStatus | None:
    """Makes the instance with its first message. None on success; the status of the one that has
    the id already, unless that has ended or is to be replaced in any state."""
    found = transaction.execute(
        "SELECT status, revision FROM instances WHERE id = ?", (new.id,)
    ).fetchone()
    revision = 1
    if found is not None:
        if not replaces and found[0] not in _FINISHED:
            return RuntimeStatus(found[0])
        revision = found[1] + 1
        delete(transaction, new.id)
    at = new.started.at
    owner = registered(transaction, owner)
    transaction.execute(
        "INSERT INTO instances (id, name, execution_id, version, status, input, parent, created,"
        " updated, owner, revision, epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
        (
            new.id,
            new.name,
            new.execution_id,
            new.version,
            int(RuntimeStatus.PENDING),
            new.input,
            _dump_parent(new.parent),
            at,
            at,
            owner,
            revision,
        ),
    )
    number = _insert_message(transaction, new.id, new.execution_id, new.started)
    if owner is not None:
        row = InstanceRow(
            new.id,
            new.name,
            new.execution_id,
            new.version,
            RuntimeStatus.PENDING,
            new.input,
            new.parent,
            at,
            epoch=1,
        )
        message = Message(number, new.execution_id, new.started)
        transaction.wakes.append(Wake(new.id, message, row))
    return None


def _dump_parent(parent: Mapping[str, Any] | None) -> str | None:
    return None if parent is None else json.dumps(parent)


def _insert_message(
    transaction: Transaction, instance_id: str, execution_id: str | None, event: Event
) -> int:
    cursor = transaction.execute(
        "INSERT INTO messages (instance, execution_id, event) VALUES (?, ?, ?)",
        (instance_id, execution_id, dump_event(event)),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def post(
    transaction: Transaction,
    instance_id: str,
    execution_id: str | None,
    event: Event,
    *,
    owner: str | None,
) -> bool:
    """Adds a message. False when there is nobody to take it: the instance is not there, or has
    ended. An entity that is not there is made. An instance that nobody owns becomes ours."""
    found = transaction.execute(
        "SELECT status, owner FROM instances WHERE id = ?", (instance_id,)
    ).fetchone()
    if found is None:
        if not instance_id.startswith("@"):
            return False
        owner = registered(transaction, owner)
        _create_entity(transaction, instance_id, event.at, owner)
        holder = owner
    else:
        status, holder = found
        if status in _FINISHED:
            return False
        if holder is None and (owner := registered(transaction, owner)) is not None:
            transaction.execute(
                "UPDATE instances SET owner = ?, epoch = epoch + 1 WHERE id = ?",
                (owner, instance_id),
            )
            holder = owner
    number = _insert_message(transaction, instance_id, execution_id, event)
    if holder is not None and holder == owner:
        transaction.wakes.append(Wake(instance_id, Message(number, execution_id, event)))
    return True


def _create_entity(transaction: Transaction, instance_id: str, at: int, owner: str | None) -> None:
    entity = EntityId.parse(instance_id)
    transaction.execute(
        "INSERT INTO instances (id, name, execution_id, status, created, updated, owner, epoch)"
        " VALUES (?, ?, '', ?, ?, ?, ?, 1)",
        (instance_id, f"@{entity.name}", int(RuntimeStatus.RUNNING), at, at, owner),
    )
    transaction.execute(
        "INSERT OR IGNORE INTO entities (instance, name, key, last_operation) VALUES (?, ?, ?, ?)",
        (instance_id, entity.name, entity.key, at),
    )


def load(transaction: Transaction, instance_id: str, owner: str) -> LoadedInstance | None:
    """None when the instance is not `owner`'s."""
    row = transaction.execute(
        f"SELECT {COLUMNS} FROM instances WHERE id = ? AND owner = ?",  # noqa: S608
        (instance_id, owner),
    ).fetchone()
    if row is None:
        return None
    history = [
        event
        for (events,) in transaction.execute(
            "SELECT events FROM history WHERE instance = ? ORDER BY first", (instance_id,)
        )
        for event in load_events(events)
    ]
    messages = [
        Message(number, execution_id, load_event(event))
        for number, execution_id, event in transaction.execute(
            "SELECT number, execution_id, event FROM messages WHERE instance = ? ORDER BY number",
            (instance_id,),
        )
    ]
    entity = transaction.execute(
        "SELECT state, is_present, locked_by FROM entities WHERE instance = ?", (instance_id,)
    ).fetchone()
    if entity is None:
        return LoadedInstance(read_row(row), history, messages)
    return LoadedInstance(read_row(row), history, messages, entity[0], bool(entity[1]), entity[2])


def commit_episode(
    transaction: Transaction, commit: EpisodeCommit, *, owner: str, room: int
) -> tuple[list[ActivityRow], list[str]]:
    """Writes an episode whole. Up to `room` of its activities become ours at once and are returned;
    the others wait for whoever is free. Also returned are the ids of sub-orchestrations that run
    already and were not started again. Raises LeaseLostError."""
    is_finished = int(commit.status) in _FINISHED
    changed = transaction.execute(
        "UPDATE instances SET status = ?, updated = ?, execution_id = ?, history_length = ?,"
        " custom_status = ?, problem = ?, output = ?, finished = ?, deaths = 0, trials = 0,"
        " revision = revision + 1, owner = CASE WHEN ? THEN NULL ELSE owner END,"
        " input = CASE WHEN ? THEN ? ELSE input END"
        " WHERE id = ? AND owner = ? AND epoch = ?",
        (
            int(commit.status),
            commit.at,
            commit.execution_id,
            commit.history_from + len(commit.events),
            commit.custom_status,
            commit.problem,
            commit.output,
            commit.at if is_finished else None,
            is_finished,
            commit.replaces_input,
            commit.input,
            commit.instance_id,
            owner,
            commit.epoch,
        ),
    )
    if changed.rowcount != 1:
        raise LeaseLostError(commit.instance_id)
    _consume(transaction, commit)
    if is_finished:
        # What comes too late is discarded.
        transaction.execute("DELETE FROM messages WHERE instance = ?", (commit.instance_id,))
    if commit.history_from == 0 and commit.entity is None:
        transaction.execute("DELETE FROM history WHERE instance = ?", (commit.instance_id,))
    if commit.events:
        transaction.execute(
            "INSERT INTO history (instance, first, events) VALUES (?, ?, ?)",
            (commit.instance_id, commit.history_from, dump_events(commit.events)),
        )
    if commit.drops_delayed:
        transaction.execute("DELETE FROM delayed WHERE instance = ?", (commit.instance_id,))
    for late in commit.delayed:
        transaction.execute(
            "INSERT INTO delayed (due, instance, execution_id, event) VALUES (?, ?, ?, ?)",
            (late.due, late.instance_id, late.execution_id, dump_event(late.event)),
        )
    running = [
        child.id for child in commit.children if create(transaction, child, owner=owner) is not None
    ]
    for message in commit.messages:
        post(transaction, message.instance_id, message.execution_id, message.event, owner=owner)
    if commit.entity is not None:
        _write_entity(transaction, commit)
    return _insert_activities(transaction, commit, owner, room), running


def _consume(transaction: Transaction, commit: EpisodeCommit) -> None:
    """Each message is taken once: one that is not there any more was taken by another."""
    if not commit.consumed:
        return
    first, last = commit.consumed[0], commit.consumed[-1]
    if last - first + 1 == len(commit.consumed):
        deleted = transaction.execute(
            "DELETE FROM messages WHERE number BETWEEN ? AND ?", (first, last)
        ).rowcount
    else:
        deleted = transaction.executemany(
            "DELETE FROM messages WHERE number = ?", [(number,) for number in commit.consumed]
        ).rowcount
    if deleted != len(commit.consumed):
        raise LeaseLostError(commit.instance_id)


def drop_messages(
    transaction: Transaction, instance_id: str, numbers: Sequence[int], *, owner: str
) -> None:
    """Those that concern an execution that is over. Raises LeaseLostError."""
    found = transaction.execute("SELECT owner FROM instances WHERE id = ?", (instance_id,))
    if found.fetchone() != (owner,):
        raise LeaseLostError(instance_id)
    transaction.executemany(
        "DELETE FROM messages WHERE number = ?", [(number,) for number in numbers]
    )


def _insert_activities(
    transaction: Transaction, commit: EpisodeCommit, owner: str, room: int
) -> list[ActivityRow]:
    ours = []
    for index, new in enumerate(commit.activities):
        cursor = transaction.execute(
            "INSERT INTO activities"
            " (instance, execution_id, task_id, name, input, owner, traceparent)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                commit.instance_id,
                commit.execution_id,
                new.task_id,
                new.name,
                new.input,
                owner if index < room else None,
                new.traceparent,
            ),
        )
        if index < room:
            assert cursor.lastrowid is not None
            ours.append(
                ActivityRow(
                    cursor.lastrowid,
                    commit.instance_id,
                    commit.execution_id,
                    new.task_id,
                    new.name,
                    new.input,
                    traceparent=new.traceparent,
                )
            )
    return ours


def _write_entity(transaction: Transaction, commit: EpisodeCommit) -> None:
    assert commit.entity is not None
    transaction.execute(
        "UPDATE entities SET state = ?, is_present = ?, locked_by = ?, last_operation = ?"
        " WHERE instance = ?",
        (
            commit.entity.state,
            commit.entity.is_present,
            commit.entity.locked_by,
            commit.entity.last_operation,
            commit.instance_id,
        ),
    )


def set_problem(
    transaction: Transaction, instance_id: str, problem: str | None, *, owner: str
) -> None:
    transaction.execute(
        "UPDATE instances SET problem = ?, revision = revision + 1 WHERE id = ? AND owner = ?",
        (problem, instance_id, owner),
    )


def mark_trial(transaction: Transaction, instance_id: str, *, owner: str) -> None:
    """Says beforehand that this instance is about to run alone, see the engine on suspects."""
    transaction.execute(
        "UPDATE instances SET trials = trials + 1 WHERE id = ? AND owner = ?",
        (instance_id, owner),
    )


def delete(transaction: Transaction, instance_id: str) -> bool:
    deleted = transaction.execute("DELETE FROM instances WHERE id = ?", (instance_id,)).rowcount
    for table in _TABLES_OF_INSTANCE:
        transaction.execute(
            f"DELETE FROM {table} WHERE instance = ?",  # noqa: S608 - a constant of this module
            (instance_id,),
        )
    return deleted == 1


def replace(transaction: Transaction, instance_id: str, events: list[Event]) -> None:
    """Writes a history anew, as rewind does."""
    transaction.execute("DELETE FROM history WHERE instance = ?", (instance_id,))
    transaction.execute(
        "INSERT INTO history (instance, first, events) VALUES (?, 0, ?)",
        (instance_id, dump_events(events)),
    )
