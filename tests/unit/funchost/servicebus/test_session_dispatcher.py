"""How sessions are asked for: the end of it lets each that asks put its things in order."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from funchost.servicebus.sources.port import SourceError
from funchost.servicebus.triggers.sessions import SessionDispatcher

LOOPS = 8


class Asked:
    """A source whose sessions are waited for in vain; whoever gives up needs a moment for it."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.asking = 0
        self.put_in_order = 0
        self.most = asyncio.Event()
        self._fault = fault

    async def next_session(self, wait: float) -> Any:
        self.asking += 1
        self.most.set()
        if self._fault is not None:
            raise self._fault
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(20):  # turns of the loop
                await asyncio.sleep(0)
            self.put_in_order += 1


def dispatcher() -> SessionDispatcher:
    retry = SimpleNamespace(try_timeout=60.0)
    options = SimpleNamespace(max_concurrent_sessions=LOOPS, retry=retry)
    handling: Any = SimpleNamespace(options=options)
    return SessionDispatcher(handling, is_batched=False)


async def test_who_asks_is_ended_once_and_puts_its_things_in_order() -> None:
    source: Any = Asked()
    running = asyncio.create_task(dispatcher().run(source))
    await source.most.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert source.put_in_order == source.asking == 1


async def test_a_fault_of_one_ends_all() -> None:
    source: Any = Asked(SourceError("gone"))
    with pytest.raises(SourceError, match="gone"):
        await dispatcher().run(source)
