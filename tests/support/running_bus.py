"""A broker with its listener on a thread of its own, as the host has it, and ways to reach it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funchost.servicebus.amqp.codec import AmqpMessageCodec
from funchost.servicebus.amqp.server import AmqpServer
from funchost.servicebus.broker.hosting import open_broker
from funchost.servicebus.broker.interface import Broker
from funchost.servicebus.broker.namespace import EntitySettings, Namespace
from funchost.servicebus.loops import LoopThread
from funchost.servicebus.wire.frames import GREETING
from funchost.servicebus.wire.serving import WireServer


def connection_string(port: int) -> str:
    return (
        f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
    )


@dataclass
class Bus:
    broker: Broker
    thread: LoopThread
    port: int

    @property
    def connection_string(self) -> str:
        return connection_string(self.port)


@asynccontextmanager
async def running_bus(
    folder: Path, namespace: Namespace, **wire_options: Any
) -> AsyncIterator[Bus]:
    thread = LoopThread("bus")
    thread.start()
    broker = await thread.call(lambda: open_broker(folder, namespace, AmqpMessageCodec()))
    wire = WireServer(broker, **wire_options)
    server = AmqpServer(broker, others={GREETING: wire.welcome})
    await thread.call(server.start)
    try:
        yield Bus(broker, thread, server.port)
    finally:
        await thread.call(lambda: asyncio.gather(server.close(), wire.close()))
        await thread.call(broker.stop)
        await thread.close()


def queues(**settings: dict[str, Any]) -> Namespace:
    """One queue for each keyword, with what differs from the defaults."""
    namespace = Namespace()
    for name, differences in settings.items():
        namespace.add_queue(name, settings=EntitySettings(**differences))
    return namespace
