"""The long poll: woken by its own order alone, also where another process commits."""

import asyncio
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from functions.checkout.model import Order
from functions.checkout.service.watching import Bell, Seen, Watching
from functions.checkout.store.transactions import SqlTransactions
from tests.support.buying import Buying, open_buying
from tests.support.inventory import Shelves, a_book

FOR_LONG = 1000.0


class Noted(Watching):
    """Notes what it reads. `after_first` is called once, between the first look and the wait."""

    def __init__(self, *arguments: Any, after_first: Callable[[], None] | None = None) -> None:
        super().__init__(*arguments)
        self.found: list[str] = []
        self.looks: list[set[str]] = []
        self._after_first = after_first
        self._has_looked = threading.Semaphore(0)

    def find(self, checkout_hash: str) -> Order:
        order = super().find(checkout_hash)
        if self._after_first is not None and not self.found:
            self._after_first()
        self.found.append(order.id)
        self._has_looked.release()
        return order

    def _versions(self, order_ids: Collection[str]) -> Mapping[str, int]:
        self.looks.append(set(order_ids))
        return super()._versions(order_ids)

    async def waits(self, count: int) -> None:
        """Until so many more have looked, and wait."""
        for _ in range(count):
            assert await asyncio.to_thread(self._has_looked.acquire, timeout=60)


@dataclass
class Bench:
    """Commits of `ours` ring; those of `buying` are another process's, and do not."""

    buying: Buying
    bell: Bell
    ours: SqlTransactions

    def hashed(self, order: Order) -> str:
        return self.buying.ids.hashed(self.buying.ids.of(order.id))

    def change(self, order: Order, transactions: SqlTransactions) -> None:
        transactions.run(lambda transaction: transaction.orders.change(order.id))


@pytest.fixture
def bench(shelves: Shelves, tmp_path: Path) -> Iterator[Bench]:
    shelves.put(a_book(1))
    with open_buying(tmp_path, shelves) as buying:
        bell = Bell()
        ours = SqlTransactions(buying.database, shelves.clock, lambda: None, bell.ring)
        yield Bench(buying, bell, ours)


@dataclass
class StandingClock:
    """By which it is not time to look around until a test says so."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_commit_wakes_who_waits_for_that_order_and_nobody_else(bench: Bench) -> None:
    first, second = bench.buying.start(1).order, bench.buying.start(1).order
    watching = Noted(bench.ours, bench.bell, StandingClock())
    waits = [
        asyncio.create_task(watching.watched(bench.hashed(one), one.version, FOR_LONG))
        for one in (first, second)
    ]
    await watching.waits(2)
    await asyncio.to_thread(bench.change, second, bench.ours)
    assert (await waits[1]).version == second.version + 1
    assert watching.found[2:] == [second.id], "nothing happened to the other, so it was not read"
    assert bench.bell.listened_for() == {first.id: {first.version}}
    waits[0].cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    assert bench.bell.listened_for() == {}


async def test_a_commit_between_the_look_and_the_wait_is_not_lost(bench: Bench) -> None:
    order = bench.buying.start(1).order
    watching = Noted(
        bench.ours,
        bench.bell,
        StandingClock(),
        after_first=lambda: bench.change(order, bench.ours),
    )
    changed = await watching.watched(bench.hashed(order), order.version, FOR_LONG)
    assert (changed.version, watching.looks) == (order.version + 1, [])
    assert watching.found == [order.id] * 2


async def test_what_another_process_commits_is_found_by_one_query_for_all(bench: Bench) -> None:
    orders = [bench.buying.start(1).order for _ in range(20)]
    clock = StandingClock()
    watching = Noted(bench.ours, bench.bell, clock)
    waits = [
        asyncio.create_task(watching.watched(bench.hashed(one), one.version, FOR_LONG))
        for one in orders
    ]
    await watching.waits(len(orders))
    await asyncio.to_thread(bench.change, orders[7], bench.buying.transactions)
    clock.seconds = 1.0
    assert (await waits[7]).version == orders[7].version + 1
    assert watching.found[len(orders) :] == [orders[7].id]
    assert watching.looks == [{one.id for one in orders}]
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def test_after_its_time_the_order_is_given_as_it_is(bench: Bench) -> None:
    order = bench.buying.start(1).order
    seen = await Noted(bench.ours, bench.bell).watched(bench.hashed(order), order.version, 0.0)
    assert seen.version == order.version


async def test_an_order_that_was_seen_otherwise_is_given_at_once(bench: Bench) -> None:
    order = bench.buying.start(1).order
    bench.change(order, bench.ours)
    watching = Noted(bench.ours, bench.bell, StandingClock())
    changed = await watching.watched(bench.hashed(order), order.version, FOR_LONG)
    assert (changed.version, watching.found) == (order.version + 1, [order.id])


async def test_who_asks_again_at_once_is_not_read_to_before_something_happens(bench: Bench) -> None:
    order = bench.buying.start(1).order
    clock = StandingClock()
    watching = Noted(bench.ours, bench.bell, clock)
    first = await watching.watched(bench.hashed(order), None, 0.0)
    again = asyncio.create_task(watching.watched(bench.hashed(order), first.version, FOR_LONG))
    await asyncio.sleep(0)
    assert bench.bell.listened_for(), "it waits although it has not looked"
    await asyncio.to_thread(bench.change, order, bench.ours)
    assert (await again).version == first.version + 1
    assert watching.found == [order.id] * 2, "once for the first answer, once after the change"


@pytest.mark.parametrize("ours", [True, False])
async def test_who_asks_again_after_a_change_is_answered_at_once(bench: Bench, ours: bool) -> None:
    """Another process's is noticed where somebody comes back after a while."""
    order = bench.buying.start(1).order
    clock = StandingClock()
    watching = Noted(bench.ours, bench.bell, clock)
    first = await watching.watched(bench.hashed(order), None, 0.0)
    bench.change(order, bench.ours if ours else bench.buying.transactions)
    clock.seconds = 0.0 if ours else 0.2
    again = await watching.watched(bench.hashed(order), first.version, FOR_LONG)
    assert (again.version, watching.looks) == (first.version + 1, [])


async def test_what_was_read_while_a_commit_went_on_is_not_remembered(bench: Bench) -> None:
    order = bench.buying.start(1).order
    watching = Noted(
        bench.ours,
        bench.bell,
        StandingClock(),
        after_first=lambda: bench.change(order, bench.ours),
    )
    await watching.watched(bench.hashed(order), None, 0.0)
    assert bench.bell.last_seen(bench.hashed(order)) is None


async def test_no_more_than_a_thousand_are_remembered(bench: Bench) -> None:
    with bench.bell.listen() as listener:
        for number in range(1_001):
            bench.bell.remember(listener, f"hash {number}", Seen(f"order {number}", 1, 0.0))
    assert bench.bell.last_seen("hash 0") is None
    assert bench.bell.last_seen("hash 1") == Seen("order 1", 1, 0.0)
