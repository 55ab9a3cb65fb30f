"""The Service Bus listener as a process, with the arguments `memory` or `stored FOLDER BACKLOG`.

`memory` has a broker that keeps nothing: it accepts what is sent, and delivers one and the same
message for ever. What it costs is what the SDK and the wire cost. Every line on standard input is
answered by the process's CPU time and its memory, as JSON.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

from funchost.servicebus.amqp.codec import AmqpMessageCodec, incoming
from funchost.servicebus.amqp.encoding import encode, encode_described_list
from funchost.servicebus.amqp.server import AmqpServer
from funchost.servicebus.broker.errors import BrokerError
from funchost.servicebus.broker.hosting import open_broker
from funchost.servicebus.broker.interface import (
    Broker,
    Entity,
    EntityKind,
    IncomingMessage,
    MessageState,
    NextSession,
    Outcome,
    ReceiveMode,
    Receiver,
    StoredMessage,
)
from funchost.servicebus.broker.namespace import Namespace

QUEUE = "bench"
_FILLED_AT_ONCE = 500
_BODY = b"x" * 200
_ENTITY = Entity(QUEUE, EntityKind.QUEUE, requires_session=False, lock_duration=60_000)


def message(number: int) -> IncomingMessage:
    properties = encode_described_list(0x73, [f"{number}"])
    return incoming(properties + b"\x00\x53\x75" + encode(_BODY))


class MemoryBroker:
    """What the measured calls ask of a broker, and nothing else."""

    def entity(self, path: str) -> Entity:
        return _ENTITY

    def send(self, path: str, messages: Sequence[IncomingMessage]) -> asyncio.Future[list[int]]:
        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        done.set_result([0] * len(messages))
        return done

    def settle(
        self, path: str, lock_tokens: Sequence[UUID], outcome: Outcome
    ) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def open_receiver(
        self,
        path: str,
        mode: ReceiveMode,
        on_messages: Callable[[Sequence[StoredMessage]], None],
        on_closed: Callable[[BrokerError], None],
        *,
        session: str | NextSession | None = None,
        wait_seconds: float | None = None,
    ) -> Receiver:
        return cast(Receiver, EndlessReceiver(mode, on_messages))


class EndlessReceiver:
    session_id = None

    def __init__(
        self, mode: ReceiveMode, on_messages: Callable[[Sequence[StoredMessage]], None]
    ) -> None:
        self._locks = mode is ReceiveMode.PEEK_LOCK
        self._on_messages = on_messages
        self._encoded = message(1).encoded
        self._credit = 0
        self._number = 0

    def set_credit(self, credit: int) -> None:
        if credit and not self._credit:
            asyncio.get_running_loop().call_soon(self._deliver)
        self._credit = credit

    def _deliver(self) -> None:
        count, self._credit = self._credit, 0
        if count:
            self._on_messages([self._message() for _ in range(count)])

    def _message(self) -> StoredMessage:
        self._number += 1
        now = time.time_ns() // 1_000_000
        return StoredMessage(
            self._encoded,
            sequence_number=self._number,
            enqueued_sequence_number=self._number,
            enqueued_at=now,
            delivery_count=0,
            state=MessageState.ACTIVE,
            time_to_live=None,
            scheduled_at=None,
            dead_letter_source=None,
            session_id=None,
            lock_token=uuid4() if self._locks else None,
            locked_until=now + 60_000 if self._locks else None,
        )

    async def drain(self) -> None:
        self._credit = 0

    async def close(self) -> None:
        self._credit = 0


async def stored(folder: Path, backlog: int) -> Broker:
    namespace = Namespace()
    namespace.add_queue(QUEUE)
    broker = await open_broker(folder, namespace, AmqpMessageCodec())
    for start in range(0, backlog, _FILLED_AT_ONCE):
        numbers = range(start, min(start + _FILLED_AT_ONCE, backlog))
        await broker.send(QUEUE, [message(number) for number in numbers])
    return broker


async def serve(arguments: list[str]) -> None:
    loop = asyncio.get_running_loop()
    if arguments[0] == "memory":
        broker = cast(Broker, MemoryBroker())
    else:
        broker = await stored(Path(arguments[1]), int(arguments[2]))
    server = AmqpServer(broker)
    await server.start()
    print(server.port, flush=True)
    ending = asyncio.Event()

    def tell() -> None:
        if not sys.stdin.readline():
            ending.set()
            return
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"cpu_s": time.process_time(), "memory_mib": memory / 1024}), flush=True)

    loop.add_reader(sys.stdin, tell)
    await ending.wait()
    loop.remove_reader(sys.stdin)
    await server.close(0)
    if not isinstance(broker, MemoryBroker):
        await broker.stop()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(sys.argv[1:]))
