"""Sends and settles without end, and says each time what it knows: to be killed.

    sent N          the broker has acknowledged message N
    took N COUNT    message N was handed over, with its delivery count
    asked N         message N is about to be completed
    done N          the broker has acknowledged that

Messages of odd numbers belong to session N % 3 of the queue `s`, the others go to `q`.
"""

import asyncio
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from funchost.servicebus.broker.errors import BrokerError, MessageLockLost
from funchost.servicebus.broker.hosting import open_broker
from funchost.servicebus.broker.interface import (
    NEXT_SESSION,
    Broker,
    Complete,
    ReceiveMode,
    StoredMessage,
)
from funchost.servicebus.broker.namespace import EntitySettings, Namespace
from tests.support.broker_codec import JsonCodec, body, message


def namespace() -> Namespace:
    entities = Namespace()
    # Short, so that what a killed worker held is worked on by one of those after it.
    entities.add_queue("q", settings=EntitySettings(lock_duration=500, max_delivery_count=2000))
    entities.add_queue("s", settings=EntitySettings(requires_session=True, max_delivery_count=2000))
    return entities


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def send(broker: Broker, numbers: Sequence[int]) -> None:
    plain = [message(str(number)) for number in numbers if number % 2 == 0]
    in_sessions = [
        message(str(number), session=str(number % 3)) for number in numbers if number % 2
    ]
    await broker.send("q", plain)
    for number in numbers:
        if number % 2 == 0:
            say("sent", number)
    await broker.send("s", in_sessions)
    for number in numbers:
        if number % 2:
            say("sent", number)


async def complete(broker: Broker, path: str, received: StoredMessage) -> bool:
    """Whether it was completed; now and then the worker leaves a message to others."""
    number = body(received)
    say("took", number, received.delivery_count)
    if random.random() < 0.1:
        return False
    assert received.lock_token is not None
    say("asked", number)
    try:
        await broker.settle(path, [received.lock_token], Complete())
    except MessageLockLost:
        return False
    say("done", number)
    return True


async def serve_queue(broker: Broker) -> None:
    tasks: set[asyncio.Task[bool]] = set()

    def on_messages(messages: Sequence[StoredMessage]) -> None:
        for received in messages:
            task = asyncio.create_task(complete(broker, "q", received))
            tasks.add(task)
            task.add_done_callback(finished)

    def finished(task: "asyncio.Task[bool]") -> None:
        tasks.discard(task)
        receiver.set_credit(20 - len(tasks))

    receiver = await broker.open_receiver("q", ReceiveMode.PEEK_LOCK, on_messages, fail)
    receiver.set_credit(20)


async def serve_sessions(broker: Broker) -> None:
    while True:
        arrived: asyncio.Queue[StoredMessage] = asyncio.Queue()

        def on_messages(
            messages: Sequence[StoredMessage], queue: "asyncio.Queue[StoredMessage]" = arrived
        ) -> None:
            for received in messages:
                queue.put_nowait(received)

        receiver = await broker.open_receiver(
            "s", ReceiveMode.PEEK_LOCK, on_messages, fail, session=NEXT_SESSION
        )
        for _ in range(5):
            receiver.set_credit(1)
            await receiver.drain()
            # Whoever gives a message up must not go on with the one behind it.
            if arrived.empty() or not await complete(broker, "s", arrived.get_nowait()):
                break
        await receiver.close()


def fail(error: BrokerError) -> None:
    say("failed", error)


async def main(folder: Path, first: int) -> None:
    broker = await open_broker(folder, namespace(), JsonCodec())
    say("open")
    await serve_queue(broker)
    sessions = [asyncio.create_task(serve_sessions(broker)) for _ in range(2)]
    number = first
    while not any(task.done() for task in sessions):
        count = random.randint(2, 30)
        await send(broker, range(number, number + count))
        number += count
    for task in sessions:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
