"""The same wire through the vendor's asynchronous client, and many clients at once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.aio import (
    AutoLockRenewer,
    ServiceBusClient,
    ServiceBusReceiver,
)
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    OperationTimeoutError,
    SessionCannotBeLockedError,
)

from tests.support.service_bus import PATIENCE, BrokerProcess


async def send(client: ServiceBusClient, queue: str, *messages: ServiceBusMessage) -> None:
    async with client.get_queue_sender(queue) as sender:
        await sender.send_messages(list(messages), timeout=PATIENCE)


async def receive(receiver: ServiceBusReceiver, number: int) -> list[ServiceBusReceivedMessage]:
    found: list[ServiceBusReceivedMessage] = []
    while len(found) < number:
        more = await receiver.receive_messages(number - len(found), max_wait_time=PATIENCE)
        assert more, f"{number - len(found)} messages are missing"
        found += more
    return found


async def test_every_way_to_settle(broker: BrokerProcess, async_client: ServiceBusClient) -> None:
    queue = broker.queue()
    names = ["done", "again", "later", "poison"]
    await send(async_client, queue, *(ServiceBusMessage(name) for name in names))
    async with async_client.get_queue_receiver(queue) as receiver:
        done, again, later, poison = await receive(receiver, 4)
        await asyncio.gather(
            receiver.complete_message(done),
            receiver.abandon_message(again),
            receiver.defer_message(later),
            receiver.dead_letter_message(poison, reason="Poison"),
        )
        [again] = await receive(receiver, 1)
        assert (str(again), again.delivery_count) == ("again", 1)
        await receiver.renew_message_lock(again, timeout=PATIENCE)
        await receiver.complete_message(again)
        number = later.sequence_number
        assert number is not None
        [later] = await receiver.receive_deferred_messages(number, timeout=PATIENCE)
        await receiver.complete_message(later)
        assert await receiver.peek_messages(sequence_number=1, timeout=PATIENCE) == []
    dead = ServiceBusSubQueue.DEAD_LETTER
    async with async_client.get_queue_receiver(queue, sub_queue=dead) as receiver:
        [message] = await receive(receiver, 1)
        assert (str(message), message.dead_letter_reason) == ("poison", "Poison")
        await receiver.complete_message(message)


async def test_large_and_scheduled_messages(
    broker: BrokerProcess, async_client: ServiceBusClient
) -> None:
    queue = broker.queue()
    later = datetime.now(UTC) + timedelta(hours=1)
    async with async_client.get_queue_sender(queue) as sender:
        [number] = await sender.schedule_messages(
            ServiceBusMessage("later"), later, timeout=PATIENCE
        )
        await sender.cancel_scheduled_messages(number, timeout=PATIENCE)
        await sender.send_messages(ServiceBusMessage(b"x" * 255_000), timeout=PATIENCE)
        with pytest.raises(MessageSizeExceededError):
            await sender.send_messages(ServiceBusMessage(b"x" * 300_000), timeout=PATIENCE)
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    async with async_client.get_queue_receiver(queue, receive_mode=mode) as receiver:
        [message] = await receive(receiver, 1)
        assert len(b"".join(message.body)) == 255_000


async def test_iteration_with_renewal(
    broker: BrokerProcess, async_client: ServiceBusClient
) -> None:
    queue = broker.queue("brief")
    await send(async_client, queue, *(ServiceBusMessage(f"{number}") for number in range(20)))
    found = []
    async with (
        AutoLockRenewer() as renewer,
        async_client.get_queue_receiver(queue, max_wait_time=2, prefetch_count=5) as receiver,
    ):
        async for message in receiver:
            renewer.register(receiver, message, max_lock_renewal_duration=60)
            found.append(int(str(message)))
            await receiver.complete_message(message)
    assert found == list(range(20))


async def test_sessions(broker: BrokerProcess, async_client: ServiceBusClient) -> None:
    queue = broker.queue("session")
    await send(
        async_client,
        queue,
        *(ServiceBusMessage(f"{number}", session_id="s") for number in range(5)),
    )
    listed = [name async for name in async_client.list_queue_sessions(queue, timeout=PATIENCE)]
    assert listed == ["s"]
    async with async_client.get_queue_receiver(
        queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=PATIENCE
    ) as receiver:
        assert receiver.session.session_id == "s"
        await receiver.session.set_state(b"state", timeout=PATIENCE)
        assert await receiver.session.get_state(timeout=PATIENCE) == b"state"
        assert await receiver.session.renew_lock(timeout=PATIENCE) > datetime.now(UTC)
        messages = await receive(receiver, 5)
        assert [str(message) for message in messages] == list("01234")
        async with broker.async_client(retry_total=0) as other:
            with pytest.raises(SessionCannotBeLockedError):
                await other.get_queue_receiver(queue, session_id="s").__aenter__()
            with pytest.raises(OperationTimeoutError):
                await other.get_queue_receiver(
                    queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1
                ).__aenter__()

        for message in messages:
            await receiver.complete_message(message)


async def test_an_unknown_entity(async_client: ServiceBusClient) -> None:
    with pytest.raises(MessagingEntityNotFoundError):
        await async_client.get_queue_receiver("nowhere").__aenter__()


async def test_fifty_connections_at_once(
    broker: BrokerProcess, async_client: ServiceBusClient
) -> None:
    """Twenty-five senders, twenty-five receivers; every message arrives once."""
    queue = broker.queue()
    everyone = asyncio.Barrier(50)
    left = 25 * 8
    found: list[str] = []

    async def produce(producer: int) -> None:
        async with async_client.get_queue_sender(queue) as sender:
            await everyone.wait()
            for number in range(8):
                message = ServiceBusMessage(f"{producer}/{number}")
                await sender.send_messages(message, timeout=PATIENCE)

    async def consume() -> None:
        nonlocal left
        async with async_client.get_queue_receiver(queue, prefetch_count=3) as receiver:
            await everyone.wait()
            while left > 0:
                for message in await receiver.receive_messages(4, max_wait_time=1):
                    await receiver.complete_message(message)
                    found.append(str(message))
                    left -= 1

    await asyncio.gather(*map(produce, range(25)), *(consume() for _ in range(25)))
    assert sorted(found) == sorted(f"{p}/{n}" for p in range(25) for n in range(8))
