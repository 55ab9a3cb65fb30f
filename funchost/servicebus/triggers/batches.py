"""Many messages per invocation, one batch at a time, without sessions."""

import asyncio

from funchost.servicebus.messages import ReceivedMessage
from funchost.servicebus.options import ServiceBusOptions
from funchost.servicebus.sources.port import MessageReceiver, MessageSource, Receiver
from funchost.servicebus.triggers.dispatch import Begun
from funchost.servicebus.triggers.handling import Handling

__all__ = ["BatchDispatcher", "collect_batch"]


class BatchDispatcher:
    """No lock is renewed: a batch must be done within the entity's lock duration, as in Azure."""

    def __init__(self, handling: Handling) -> None:
        self._handling = handling
        self._begun = Begun()

    async def run(self, source: MessageSource) -> None:
        # What waited at hand would lose its lock while a batch runs.
        receiver = await source.open(prefetch=0)
        invocation: asyncio.Task[bool] | None = None
        try:
            while True:
                batch = await collect_batch(
                    receiver, self._handling.options, self._handling.options.retry.try_timeout
                )
                if batch:
                    invocation = self._begun.begin(self._handling.batch(receiver, batch))
                    await asyncio.shield(invocation)
        finally:
            self._begun.begin(_finish(receiver, invocation))

    async def finish(self) -> None:
        await self._begun.finish()


async def collect_batch(
    receiver: Receiver, options: ServiceBusOptions, patience: float
) -> list[ReceivedMessage]:
    """What is there once anything is; empty after `patience` seconds. With minMessageBatchSize it
    waits up to maxBatchWaitTime for so many."""
    batch = list(await receiver.receive(options.max_batch_size, patience))
    loop = asyncio.get_running_loop()
    deadline = loop.time() + options.max_batch_wait
    try:
        while batch and len(batch) < options.min_batch_size and loop.time() < deadline:
            room = options.max_batch_size - len(batch)
            batch += await receiver.receive(room, deadline - loop.time())
    except BaseException:
        await receiver.release(batch)
        raise
    return batch


async def _finish(receiver: MessageReceiver, invocation: "asyncio.Task[bool] | None") -> None:
    if invocation is not None:
        await asyncio.wait([invocation])
    await receiver.close()
