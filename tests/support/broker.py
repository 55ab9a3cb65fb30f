"""A broker in a folder, on a clock that moves when told to, and links that note what they get."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from funchost.servicebus.broker.clock import ManualBrokerClock
from funchost.servicebus.broker.errors import BrokerError
from funchost.servicebus.broker.hosting import open_broker
from funchost.servicebus.broker.interface import (
    Broker,
    Complete,
    NextSession,
    ReceiveMode,
    Receiver,
    StoredMessage,
)
from funchost.servicebus.broker.namespace import EntitySettings, Namespace
from tests.support.broker_codec import JsonCodec, body


class Link:
    """One receiver. `got` are all messages ever handed over, in their order."""

    def __init__(self) -> None:
        self.got: list[StoredMessage] = []
        self.closed: asyncio.Future[BrokerError] = asyncio.get_running_loop().create_future()
        self.receiver: Receiver
        self._arrived = asyncio.Event()

    def on_messages(self, messages: Sequence[StoredMessage]) -> None:
        self.got += messages
        self._arrived.set()

    def on_closed(self, error: BrokerError) -> None:
        self.closed.set_result(error)

    async def take(self, count: int) -> list[StoredMessage]:
        """Grants credit for `count` messages and waits until all of them are there."""
        wanted = len(self.got) + count
        self.receiver.set_credit(count)
        while len(self.got) < wanted:
            self._arrived.clear()
            await self._arrived.wait()
        return self.got[wanted - count :]

    async def available(self, credit: int = 100) -> list[StoredMessage]:
        """What can be had now, without waiting for more."""
        before = len(self.got)
        self.receiver.set_credit(credit)
        await self.receiver.drain()
        return self.got[before:]

    def tokens(self) -> list[UUID]:
        """The lock tokens of all messages ever handed over."""
        return [message.lock_token for message in self.got if message.lock_token is not None]

    async def bodies(self) -> list[str]:
        return [body(each) for each in await self.available()]


async def open_link(
    broker: Broker,
    path: str,
    mode: ReceiveMode = ReceiveMode.PEEK_LOCK,
    *,
    session: str | NextSession | None = None,
    wait_seconds: float | None = None,
) -> Link:
    link = Link()
    link.receiver = await broker.open_receiver(
        path,
        mode,
        link.on_messages,
        link.on_closed,
        session=session,
        wait_seconds=wait_seconds,
    )
    return link


async def settled(broker: Broker) -> None:
    """Returns when everything that the broker was told, and what it did by itself because of the
    time, is on disk: operations run in the order in which they were asked for."""
    path = next(each.path for each in broker.entities() if each.can_receive)
    for _ in range(3):
        await broker.settle(path, [], Complete())


@asynccontextmanager
async def running(
    folder: Path, namespace: Namespace, clock: ManualBrokerClock | None = None
) -> AsyncIterator[Broker]:
    broker = await open_broker(folder, namespace, JsonCodec(), clock or ManualBrokerClock())
    try:
        yield broker
    finally:
        await broker.stop()


def one_queue(**settings: object) -> Namespace:
    """`q`, and `other`, which is plain."""
    namespace = Namespace()
    namespace.add_queue("q", settings=EntitySettings(**settings))  # type: ignore[arg-type]
    namespace.add_queue("other")
    return namespace
