"""Late building: once, for all threads, and again after a failure."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from shared.kit.provider import Provider


def test_nothing_is_built_before_the_first_call() -> None:
    built: list[int] = []
    provider = Provider(lambda: built.append(1))
    assert built == []
    provider()
    provider()
    assert built == [1]


def test_even_a_value_that_is_none_is_built_once() -> None:
    calls: list[int] = []
    provider: Provider[None] = Provider(lambda: calls.append(1))
    assert provider() is None
    assert provider() is None
    assert len(calls) == 1


def test_threads_that_come_together_share_one_build() -> None:
    everybody = Barrier(8)
    built: list[object] = []
    started, go_on = Event(), Event()

    def build() -> object:
        started.set()
        assert go_on.wait(10)
        built.append(object())
        return built[-1]

    provider = Provider(build)

    def call() -> object:
        everybody.wait(10)
        return provider()

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(call) for _ in range(8)]
        assert started.wait(10)
        go_on.set()
        values = {id(call.result(10)) for call in calls}
    assert len(values) == len(built) == 1


def test_a_build_that_fails_is_tried_again() -> None:
    answers = iter(["", "here"])

    def build() -> str:
        answer = next(answers)
        if not answer:
            raise RuntimeError("not yet")
        return answer

    provider = Provider(build)
    with pytest.raises(RuntimeError, match="not yet"):
        provider()
    assert provider() == "here"


def test_an_event_loop_goes_on_while_something_is_built() -> None:
    go_on = Event()

    def build() -> str:
        assert go_on.wait(10), "the loop did not go on"
        return "built"

    async def scene() -> list[str]:
        provider = Provider(build)
        waiting = asyncio.gather(provider.soon(), provider.soon())
        asyncio.get_running_loop().call_soon(go_on.set)
        return [*await waiting, await provider.soon()]

    assert asyncio.run(scene()) == ["built"] * 3
