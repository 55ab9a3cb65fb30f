"""Message by message, several at a time, without sessions."""

import asyncio

from funchost.servicebus.messages import ReceivedMessage
from funchost.servicebus.sources.port import MessageReceiver, MessageSource
from funchost.servicebus.triggers.dispatch import Begun
from funchost.servicebus.triggers.handling import Handling
from funchost.servicebus.triggers.slots import Slots

__all__ = ["SingleDispatcher"]


class SingleDispatcher:
    def __init__(self, handling: Handling) -> None:
        self._handling = handling
        self._slots = Slots(handling.options.max_concurrent_calls)
        self._begun = Begun()

    async def run(self, source: MessageSource) -> None:
        options = self._handling.options
        receiver = await source.open(options.prefetch_count)
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self._slots.wait()
                # Functions whose messages were settled by one commit end together: those of them
                # that have not run yet give back their slots before the free ones are counted.
                await asyncio.sleep(0)
                free = self._slots.free
                for message in await receiver.receive(free, options.retry.try_timeout):
                    self._slots.take()
                    task = self._begun.begin(self._handle(receiver, message))
                    running.add(task)
                    task.add_done_callback(running.discard)
        finally:
            self._begun.begin(_finish(receiver, running))

    async def finish(self) -> None:
        await self._begun.finish()

    async def _handle(self, receiver: MessageReceiver, message: ReceivedMessage) -> None:
        try:
            await self._handling.single_renewed(receiver, message)
        finally:
            self._slots.give_back()


async def _finish(receiver: MessageReceiver, running: "set[asyncio.Task[None]]") -> None:
    while running:
        await asyncio.wait(set(running))
    await receiver.close()
