"""The store: transactions in groups, leases, results that are taken once."""

import asyncio
import sqlite3
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from funchost.durable.batches import started_instance
from funchost.durable.events import Event, EventType
from funchost.durable.interface import RuntimeStatus
from funchost.durable.lease import LEASE_SECONDS, Lease
from funchost.durable.store import instances, work
from funchost.durable.store.records import (
    ActivityRow,
    EpisodeCommit,
    LeaseLostError,
    NewActivity,
    dump_events,
    load_events,
)
from funchost.durable.store.schema import hub_file
from funchost.durable.store.writer import Transaction, Writer


@pytest.fixture
async def writer(tmp_path: Path) -> Any:
    opened = Writer(hub_file(tmp_path, "Hub"))
    await opened.submit(partial(work.register, owner="me", expires=1e12))
    yield opened
    opened.close()


async def started(writer: Writer, instance_id: str = "one") -> None:
    new = started_instance(instance_id, "o", None, None, 1)
    assert await writer.submit(partial(instances.create, new=new, owner="me")) is None


def episode(instance_id: str = "one", **changes: Any) -> EpisodeCommit:
    commit = EpisodeCommit(instance_id, 1, [1], RuntimeStatus.RUNNING, 5, "e")
    for name, value in changes.items():
        setattr(commit, name, value)
    return commit


async def commit(writer: Writer, given: EpisodeCommit, room: int = 10) -> list[ActivityRow]:
    ours, _ = await writer.submit(
        partial(instances.commit_episode, commit=given, owner="me", room=room)
    )
    return ours


async def test_operations_that_wait_share_a_transaction_and_none_takes_others_with_it(
    writer: Writer,
) -> None:
    """A group in which one fails is rolled back, and each of it is run again by itself."""
    gate = threading.Event()
    runs: list[str] = []

    def insert(transaction: Transaction, key: str) -> str:
        runs.append(key)
        transaction.execute("INSERT INTO owners VALUES (?, 1)", (key,))
        if key == "bad":
            raise ValueError(key)
        return key

    waiting = writer.submit(lambda _: gate.wait(30))
    results = [writer.submit(partial(insert, key=key)) for key in ("a", "bad", "b")]
    gate.set()
    await waiting
    outcomes = await asyncio.gather(*results, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["a", "bad", "b"]
    assert runs == ["a", "bad", "a", "bad", "b"]
    owners = await writer.submit(lambda t: t.execute("SELECT owner FROM owners").fetchall())
    assert sorted(owners) == [("a",), ("b",), ("me",)]


async def test_an_episode_is_not_committed_without_the_lease(writer: Writer) -> None:
    await started(writer)
    with pytest.raises(LeaseLostError):
        await commit(writer, episode(epoch=2))
    await writer.submit(partial(work.take_over, dead="me"))
    with pytest.raises(LeaseLostError):
        await commit(writer, episode())


async def test_a_message_is_taken_once(writer: Writer) -> None:
    await started(writer)
    await commit(writer, episode())
    with pytest.raises(LeaseLostError):
        await commit(writer, episode())


async def test_a_result_is_taken_once(writer: Writer) -> None:
    await started(writer)
    (row,) = await commit(writer, episode(activities=[NewActivity(0, "act", None)]))
    result = Event(EventType.TASK_COMPLETED, 6, {"task_id": 0, "result": "1"})
    complete = partial(work.complete_activity, activity=row, event=result, owner="me")
    assert await writer.submit(complete) is True
    assert await writer.submit(complete) is False
    messages = await writer.submit(lambda t: t.execute("SELECT instance FROM messages").fetchall())
    assert messages == [("one",)]


async def test_only_as_many_activities_are_taken_as_there_is_room_for(writer: Writer) -> None:
    await started(writer)
    new = [NewActivity(number, "act", None) for number in range(5)]
    ours = await commit(writer, episode(activities=new), room=2)
    assert [row.task_id for row in ours] == [0, 1]
    claim = partial(work.claim_activities, owner="me", most=2)
    assert [row.task_id for row in await writer.submit(claim)] == [2, 3]
    assert [row.task_id for row in await writer.submit(claim)] == [4]


async def test_what_a_dead_process_held_is_free(writer: Writer) -> None:
    await started(writer)
    await commit(writer, episode(activities=[NewActivity(0, "act", None)]))
    await started(writer, "two")
    await writer.submit(partial(work.take_over, dead="me"))
    await writer.submit(partial(work.register, owner="heir", expires=1e12))
    claimed = await writer.submit(partial(work.claim_instances, owner="heir", most=9))
    assert claimed == ["two"]
    (activity,) = await writer.submit(partial(work.claim_activities, owner="heir", most=9))
    assert (activity.instance_id, activity.deaths) == ("one", 1)


async def test_a_name_that_was_declared_dead_gets_nothing_new(writer: Writer) -> None:
    await writer.submit(partial(work.take_over, dead="me"))
    await started(writer)
    owner = await writer.submit(lambda t: t.execute("SELECT owner FROM instances").fetchone())
    assert owner == (None,)
    assert await writer.submit(partial(work.claim_instances, owner="me", most=9)) == []


async def test_a_lease_ends_with_its_time_or_with_its_process(
    writer: Writer, tmp_path: Path
) -> None:
    now = 1000.0
    mine = Lease(tmp_path, "Hub", lambda: now)
    other = Lease(tmp_path, "Hub", lambda: now)
    await writer.submit(mine.register)
    await writer.submit(other.register)
    # The fixture's own name has no lock, as if its process were gone.
    assert await writer.submit(mine.take_over_dead) == ["me"]
    assert await writer.submit(mine.take_over_dead) == []
    assert await writer.submit(other.renew) is True
    now += LEASE_SECONDS + 1
    assert await writer.submit(mine.renew) is True
    assert await writer.submit(mine.take_over_dead) == [other.owner]
    assert await writer.submit(other.renew) is False
    mine.drop_lock()
    other.drop_lock()


async def test_a_commit_of_another_process_is_noticed(tmp_path: Path) -> None:
    noticed = asyncio.Event()
    watching = Writer(hub_file(tmp_path, "Hub"), on_foreign=noticed.set)
    writing = Writer(hub_file(tmp_path, "Hub"))
    await watching.submit(partial(work.register, owner="a", expires=1.0))
    assert not noticed.is_set()
    await writing.submit(partial(work.register, owner="b", expires=1.0))
    await asyncio.wait_for(noticed.wait(), 30)
    watching.close()
    writing.close()


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Writer(hub_file(tmp_path, "Hub")).close()
    with sqlite3.connect(hub_file(tmp_path, "Hub")) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(sqlite3.DatabaseError, match=r"written by a newer version of this host"):
        Writer(hub_file(tmp_path, "Hub"))


def test_events_come_back_as_they_were_stored() -> None:
    events = [
        Event(EventType.TASK_COMPLETED, 5, {"task_id": 3, "result": '"ä\\u0000"'}),
        Event(EventType.TIMER_CREATED, 6, {"fire_at": 7}, 4),
    ]
    assert repr(load_events(dump_events(events))) == repr(events)
