"""Answers awaited on an event loop: it goes on, whatever takes long."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import TypeVar

import pytest

from shared.cache.answers import CachedAnswers, UncachedAnswers
from shared.cache.changes import Changes
from shared.cache.memory import MemoryCache
from shared.cache.port import Cache, Entry
from shared.kit.threads import Threads

T = TypeVar("T")
PATIENCE = 10.0


class QuietLog:
    """A log of changes in which nothing happens, and the threads that looked at it."""

    def __init__(self) -> None:
        self.looked_from: list[int] = []

    def moved(self) -> bool:
        self.looked_from.append(threading.get_ident())
        return True

    def newest(self) -> int:
        return 0

    def since(self, sequence: int) -> Sequence[tuple[int, tuple[str, ...]]]:
        return []


class FarCache(MemoryCache):
    """As one on another machine; with the threads that asked it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_from: list[int] = []

    def at_hand(self, key: str) -> Entry | None:
        return None

    def get(self, key: str) -> Entry | None:
        self.asked_from.append(threading.get_ident())
        return super().get(key)


class Slow:
    """A build that waits until it is let go; `begun` is set in the loop that made it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = threading.Event()
        self.builds = 0
        self._loop = asyncio.get_running_loop()

    def __call__(self, primary: bool) -> Entry:
        self.builds += 1
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.may_end.wait(PATIENCE), "the loop did not go on"
        return answer(b"slow")


def answer(body: bytes) -> Entry:
    return Entry(0, "t", "e", body)


def quick(primary: bool) -> Entry:
    return answer(b"quick")


def answers_in(cache: Cache | None = None, threads: int = 2) -> CachedAnswers:
    changes = Changes(QuietLog(), every_seconds=3600.0)
    return CachedAnswers(cache or MemoryCache(), changes, Threads("answers", threads))


def at_once(awaited: Awaitable[T]) -> T:
    """The result of what never waits; without any event loop."""
    try:
        awaited.__await__().__next__()
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits")


def test_an_answer_at_hand_asks_no_thread_and_waits_for_nothing() -> None:
    answers = answers_in()
    asyncio.run(answers.read("k", 60, quick))
    assert at_once(answers.read("k", 60, quick)).body == b"quick"


def test_while_an_answer_is_built_the_loop_gives_others() -> None:
    async def scene() -> None:
        answers, slow = answers_in(), Slow()
        await answers.read("held", 60, quick)
        missing = asyncio.create_task(answers.read("missing", 60, slow))
        await slow.begun.wait()
        assert (await answers.read("held", 60, quick)).body == b"quick"
        slow.may_end.set()
        assert (await missing).body == b"slow"

    asyncio.run(scene())


def test_many_that_miss_at_once_cause_one_query_and_wait_without_threads() -> None:
    async def scene() -> None:
        answers, slow = answers_in(threads=2), Slow()
        waiting = [asyncio.create_task(answers.read("hot", 60, slow)) for _ in range(50)]
        await slow.begun.wait()
        # One of two threads builds what fifty wait for; so the other is free.
        assert (await answers.read("other", 60, quick)).body == b"quick"
        slow.may_end.set()
        assert {entry.body for entry in await asyncio.gather(*waiting)} == {b"slow"}
        assert slow.builds == 1

    asyncio.run(scene())


def test_whoever_goes_away_takes_the_answer_from_nobody_else() -> None:
    async def scene() -> None:
        answers, slow = answers_in(), Slow()
        first = asyncio.create_task(answers.read("k", 60, slow))
        await slow.begun.wait()
        second = asyncio.create_task(answers.read("k", 60, slow))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        slow.may_end.set()
        assert (await second).body == b"slow"
        assert slow.builds == 1

    asyncio.run(scene())


def test_what_goes_wrong_is_told_to_all_who_wait_and_not_remembered() -> None:
    def fail(primary: bool) -> Entry:
        raise LookupError("no such book")

    async def scene() -> None:
        answers = answers_in()
        told = await asyncio.gather(
            *(answers.read("k", 60, fail) for _ in range(5)), return_exceptions=True
        )
        assert [type(error) for error in told] == [LookupError] * 5
        assert (await answers.read("k", 60, quick)).body == b"quick"

    asyncio.run(scene())


def test_the_log_of_changes_is_never_read_on_the_loop() -> None:
    log = QuietLog()
    answers = CachedAnswers(MemoryCache(), Changes(log), Threads("answers", 2))
    for _ in range(2):
        asyncio.run(answers.read("k", 60, quick))
    assert len(log.looked_from) == 2
    assert threading.get_ident() not in log.looked_from


def test_a_cache_on_another_machine_is_never_asked_on_the_loop() -> None:
    cache = FarCache()
    answers = answers_in(cache)
    for _ in range(2):
        asyncio.run(answers.read("k", 60, quick))
    assert len(cache.asked_from) == 2
    assert threading.get_ident() not in cache.asked_from


def test_without_a_cache_too_the_loop_goes_on() -> None:
    async def scene() -> None:
        answers, slow = UncachedAnswers(Threads("answers", 1)), Slow()
        reading = asyncio.create_task(answers.read("k", 60, slow))
        await slow.begun.wait()
        slow.may_end.set()
        assert (await reading).body == b"slow"

    asyncio.run(scene())


def test_work_in_a_thread_knows_for_whom_it_is_done() -> None:
    caller: ContextVar[str] = ContextVar("caller", default="nobody")

    def work(greeting: str, *, name: str) -> str:
        return f"{greeting}, {name} of {caller.get()}"

    async def scene() -> str:
        caller.set("the loop")
        return await Threads("work", 1).run(work, "hello", name="thread")

    assert asyncio.run(scene()) == "hello, thread of the loop"


def test_a_thread_tells_what_went_wrong() -> None:
    failing: Callable[[], int] = lambda: 1 // 0  # noqa: E731
    with pytest.raises(ZeroDivisionError):
        asyncio.run(Threads("work", 1).run(failing))
