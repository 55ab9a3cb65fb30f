"""Who gets a session, where the storage would find none: news alone are handed over."""

import asyncio
from collections.abc import Collection

import pytest

from funchost.servicebus.broker.catalogue import Catalogue
from funchost.servicebus.broker.clock import ManualBrokerClock
from funchost.servicebus.broker.errors import OperationTimedOut, SessionCannotBeLocked
from funchost.servicebus.broker.namespace import EntitySettings, Namespace
from funchost.servicebus.broker.sessions import HeldSession, SessionTable


class Storage:
    def __init__(self) -> None:
        self.looks = 0

    async def find_nothing(self, after: str | None, held: Collection[str]) -> str | None:
        self.looks += 1
        return None


def table_of(storage: Storage, clock: ManualBrokerClock) -> SessionTable:
    namespace = Namespace()
    namespace.add_queue("s", settings=EntitySettings(requires_session=True))
    container = Catalogue(namespace).find("s")
    return SessionTable(container, clock, storage.find_nothing, lambda held: None)


async def waiting(table: SessionTable, count: int) -> list["asyncio.Task[HeldSession]"]:
    tasks = [asyncio.create_task(table.hold_next(60.0)) for _ in range(count)]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_each_new_session_goes_to_one_who_waits_without_a_look() -> None:
    storage = Storage()
    table = table_of(storage, ManualBrokerClock())
    first, second = await waiting(table, 2)
    looks = storage.looks
    table.announce("a")
    table.announce("b")
    table.announce("a")
    with pytest.raises(SessionCannotBeLocked):
        await table.hold("a")
    assert [(await task).session_id for task in (first, second)] == ["a", "b"]
    assert storage.looks == looks


async def test_what_was_handed_to_one_who_leaves_goes_to_the_next() -> None:
    table = table_of(Storage(), ManualBrokerClock())
    first, second = await waiting(table, 2)
    table.announce("a")
    first.cancel()
    assert (await second).session_id == "a"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_session_that_comes_as_the_time_ends_is_not_lost() -> None:
    clock = ManualBrokerClock()
    table = table_of(Storage(), clock)
    (only,) = await waiting(table, 1)
    table.announce("a")
    clock.advance(60_000)
    assert (await only).session_id == "a"


async def test_without_news_the_time_ends() -> None:
    clock = ManualBrokerClock()
    (only,) = await waiting(table_of(Storage(), clock), 1)
    clock.advance(60_000)
    with pytest.raises(OperationTimedOut):
        await only
