"""What every message source promises, wherever it is: in the broker's process, in another one of
this host, and as a client of the SDK."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.amqp import AmqpAnnotatedMessage

from funchost.hostjson import HostJson
from funchost.servicebus.amqp.codec import incoming
from funchost.servicebus.amqp.encoding import encode, encode_described_list
from funchost.servicebus.amqp.sections import PROPERTIES
from funchost.servicebus.connections import parse_connection_string
from funchost.servicebus.messages import OutgoingMessage
from funchost.servicebus.options import ServiceBusOptions
from funchost.servicebus.sources.client import ClientProvider
from funchost.servicebus.sources.direct import DirectProvider
from funchost.servicebus.sources.links import ThreadCalls
from funchost.servicebus.sources.port import EntityError, LockLostError, SourceError
from funchost.servicebus.wire.client import WireCalls
from tests.support.brisk_sdk import brisk_sdk
from tests.support.running_bus import queues, running_bus

OPTIONS = ServiceBusOptions.read(
    HostJson({"extensions": {"serviceBus": {"clientRetryOptions": {"maxRetries": 0}}}})
)
PATIENCE = 10.0


@pytest.fixture(scope="module", autouse=True)
def quick_service_bus_clients():
    with brisk_sdk():
        yield


@pytest.fixture(scope="module")
def namespace():
    found = queues(
        orders={},
        poison={"max_delivery_count": 2},
        ordered={"requires_session": True},
        short={"lock_duration": 1_000},
    )
    found.add_topic("events")
    found.add_subscription("events", "mail")
    return found


@pytest.fixture
async def bus(tmp_path, namespace):
    async with running_bus(tmp_path, namespace) as running:
        yield running


@pytest.fixture(params=["direct", "wire", "client"])
async def provider(request, bus):
    if request.param == "direct":
        made = DirectProvider(ThreadCalls(bus.broker, bus.thread))
    elif request.param == "wire":
        made = DirectProvider(WireCalls(bus.port))
    else:
        made = ClientProvider(parse_connection_string("SB", bus.connection_string), OPTIONS)
    yield made
    await made.close()


@pytest.fixture
async def receivers(provider):
    """Opens receivers that are closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_receiver(entity, prefetch=0):
            receiver = await provider.source(entity).open(prefetch)
            stack.push_async_callback(receiver.close)
            return receiver

        yield open_receiver


async def send(bus, entity, *messages):
    async with (
        ServiceBusClient.from_connection_string(bus.connection_string) as client,
        client.get_queue_sender(entity) as sender,
    ):
        await sender.send_messages(list(messages))


def text(body, **fields):
    return ServiceBusMessage(body, **fields)


async def put(bus, entity, *bodies, session=None):
    """Where it does not matter who sends."""
    properties = encode_described_list(PROPERTIES, [None] * 10 + [session])
    messages = [incoming(properties + b"\x00\x53\x75" + encode(body.encode())) for body in bodies]
    await bus.thread.call(lambda: bus.broker.send(entity, messages))


async def test_a_message_comes_with_all_that_was_sent(bus, receivers):
    before = datetime.now(UTC) - timedelta(seconds=1)
    sent = text(
        "body", message_id="m", content_type="text/plain", correlation_id="c", subject="s", to="t",
        reply_to="r", reply_to_session_id="rs", session_id="o", partition_key="o",
        time_to_live=timedelta(hours=1), application_properties={"k": "v", "n": 5, "b": True},
    )  # fmt: skip
    await send(bus, "orders", sent)
    receiver = await receivers("orders")
    (message,) = await receiver.receive(1, PATIENCE)
    seen = {
        name: getattr(message, name)
        for name in (
            "body", "message_id", "content_type", "correlation_id", "subject", "to", "reply_to",
            "reply_to_session_id", "session_id", "partition_key", "dead_letter_source",
            "delivery_count", "application_properties",
        )
    }  # fmt: skip
    assert seen == {
        "body": b"body", "message_id": "m", "content_type": "text/plain", "correlation_id": "c",
        "subject": "s", "to": "t", "reply_to": "r", "reply_to_session_id": "rs", "session_id": "o",
        "partition_key": "o", "dead_letter_source": None, "delivery_count": 1,
        "application_properties": {"k": "v", "n": 5, "b": True},
    }  # fmt: skip
    assert message.sequence_number > 0
    assert before < message.enqueued_time < message.expires_at
    assert message.expires_at - message.enqueued_time == timedelta(hours=1)
    assert message.locked_until > message.enqueued_time
    assert len(message.lock_token) == 36


async def test_a_bare_message_lacks_what_was_not_sent(bus, receivers):
    await send(bus, "orders", text("x", message_id="m"))
    (message,) = await (await receivers("orders")).receive(1, PATIENCE)
    assert message.expires_at is None
    assert message.application_properties == {}
    assert (message.subject, message.session_id, message.correlation_id) == (None, None, None)


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (AmqpAnnotatedMessage(data_body=[b"ab", b"cd"]), b"abcd"),
        (AmqpAnnotatedMessage(sequence_body=[[1, 2], [3]]), [1, 2, 3]),
        (AmqpAnnotatedMessage(value_body=7), 7),
        (ServiceBusMessage(None), None),
    ],
)
async def test_bodies_of_every_kind(bus, receivers, sent, body):
    await send(bus, "orders", sent)
    (message,) = await (await receivers("orders")).receive(1, PATIENCE)
    assert message.body == body


async def test_a_value_that_is_text_reads_as_that_text(bus, receivers):
    await send(bus, "orders", AmqpAnnotatedMessage(value_body="été"))
    (message,) = await (await receivers("orders")).receive(1, PATIENCE)
    body = message.body
    assert (body.decode() if isinstance(body, bytes) else body) == "été"


async def take(receiver, count):
    """So many messages, in as many calls as they come in."""
    taken = []
    while len(taken) < count:
        messages = await receiver.receive(count - len(taken), PATIENCE)
        assert messages
        taken += messages
    return taken


async def test_messages_come_in_order_and_no_more_than_asked_for(bus, receivers):
    await put(bus, "orders", *map(str, range(5)))
    receiver = await receivers("orders")
    first = await take(receiver, 3)
    rest = await take(receiver, 2)
    assert [message.body for message in first + rest] == [b"0", b"1", b"2", b"3", b"4"]
    assert await receiver.receive(1, 0.1) == []


async def test_what_is_completed_is_gone(bus, receivers):
    await put(bus, "orders", "a")
    receiver = await receivers("orders")
    (message,) = await receiver.receive(1, PATIENCE)
    await receiver.complete(message)
    assert await receiver.receive(1, 0.1) == []
    with pytest.raises(LockLostError):
        await receiver.abandon(message)


async def test_what_is_abandoned_comes_again_until_it_is_poison(bus, receivers):
    await put(bus, "poison", "a")
    receiver = await receivers("poison")
    for delivery in (1, 2):
        (message,) = await receiver.receive(1, PATIENCE)
        assert message.delivery_count == delivery
        await receiver.abandon(message)
    assert await receiver.receive(1, 0.1) == []
    dead = await receivers("poison/$DeadLetterQueue")
    (message,) = await dead.receive(1, PATIENCE)
    assert message.application_properties["DeadLetterReason"] == "MaxDeliveryCountExceeded"


async def test_many_settle_at_the_same_time_while_others_are_received(bus, receivers):
    await put(bus, "orders", *map(str, range(60)))
    receiver = await receivers("orders")
    settling = []
    while len(settling) < 60:
        for message in await receiver.receive(16, PATIENCE):
            settling.append(asyncio.create_task(receiver.complete(message)))
    await asyncio.gather(*settling)
    assert await receiver.receive(1, 0.1) == []


async def test_a_cancelled_receive_leaves_nothing_locked(bus, receivers):
    receiver = await receivers("orders")
    receiving = asyncio.create_task(receiver.receive(5, 60.0))
    await asyncio.sleep(0)
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    await receiver.close()
    await put(bus, "orders", "a")
    (message,) = await (await receivers("orders")).receive(1, PATIENCE)
    assert message.delivery_count == 1


async def test_what_is_released_is_there_for_others(bus, receivers):
    await put(bus, "orders", "a", "b")
    receiver = await receivers("orders")
    messages = await take(receiver, 2)
    await receiver.release(messages)
    again = await take(await receivers("orders"), 2)
    assert {message.body for message in again} == {b"a", b"b"}


async def test_what_was_prefetched_is_given_back_unread(bus, receivers):
    await put(bus, "orders", *map(str, range(5)))
    receiver = await receivers("orders", prefetch=4)
    (message,) = await take(receiver, 1)
    await receiver.complete(message)
    await receiver.close()
    others = await take(await receivers("orders"), 4)
    assert [other.body for other in others] == [b"1", b"2", b"3", b"4"]


async def test_a_renewed_lock_holds_longer(bus, receivers):
    await put(bus, "orders", "a")
    receiver = await receivers("orders")
    (message,) = await receiver.receive(1, PATIENCE)
    assert await receiver.renew(message) >= message.locked_until


async def test_a_lock_that_has_expired_is_lost(bus, receivers):
    await put(bus, "short", "a")
    receiver = await receivers("short")
    (message,) = await receiver.receive(1, PATIENCE)
    (again,) = await (await receivers("short")).receive(1, PATIENCE)
    assert again.delivery_count == 2
    with pytest.raises(LockLostError):
        await receiver.complete(message)
    with pytest.raises(LockLostError):
        await receiver.renew(message)


async def test_a_subscription_is_an_entity(bus, receivers):
    receiver = await receivers("events/Subscriptions/mail")
    await put(bus, "events", "a")
    (message,) = await receiver.receive(1, PATIENCE)
    await receiver.complete(message)


@pytest.mark.parametrize("entity", ["missing", "events/Subscriptions/missing"])
async def test_an_entity_that_does_not_exist_is_named(receivers, entity):
    with pytest.raises(EntityError, match="missing"):
        await receivers(entity)


async def test_an_entity_with_sessions_wants_a_session(receivers, provider):
    with pytest.raises(SourceError):
        await receivers("ordered")
    with pytest.raises(SourceError):
        await provider.source("orders").next_session(1.0)


async def test_sessions_come_one_by_one_each_in_order(bus, provider):
    for number in range(3):
        for name in ("x", "y"):
            await put(bus, "ordered", f"{name}{number}", session=name)
    source = provider.source("ordered")
    first, second = await source.next_session(PATIENCE), await source.next_session(PATIENCE)
    assert {first.session_id, second.session_id} == {"x", "y"}
    assert first.locked_until > datetime.now(UTC)
    for session in (first, second):
        messages = await take(session, 3)
        assert [message.body.decode() for message in messages] == [
            f"{session.session_id}{number}" for number in range(3)
        ]
        for message in messages:
            await session.complete(message)
        assert await session.renew() >= session.locked_until
        await session.close()
    assert await source.next_session(0.3) is None


async def test_a_session_that_is_closed_is_there_for_others_with_its_messages(bus, provider):
    await put(bus, "ordered", "a", "b", session="x")
    source = provider.source("ordered")
    session = await source.next_session(PATIENCE)
    (message,) = await session.receive(1, PATIENCE)
    await session.abandon(message)
    await session.close()
    again = await source.next_session(PATIENCE)
    assert [message.body for message in await take(again, 2)] == [b"a", b"b"]
    await again.close()


async def test_to_wait_for_a_session_may_be_cancelled(bus, provider):
    source = provider.source("ordered")
    waiting = asyncio.create_task(source.next_session(60.0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await put(bus, "ordered", "a", session="x")
    session = await source.next_session(PATIENCE)
    assert session.session_id == "x"
    await session.close()


async def test_what_a_source_sends_arrives(bus, provider, receivers):
    source = provider.source("orders")
    await source.send([OutgoingMessage(b"one", "m1"), OutgoingMessage(b"two", "m2")])
    await source.close()
    first, second = await take(await receivers("orders"), 2)
    assert (first.body, first.message_id, first.content_type) == (b"one", "m1", "text/plain")
    assert second.body == b"two"


async def test_to_send_without_a_session_to_an_entity_with_sessions_fails(provider):
    source = provider.source("ordered")
    with pytest.raises(SourceError, match=r"(?i)session"):
        await source.send([OutgoingMessage(b"one", "m1")])
    await source.close()
