"""What the connection between two processes of this host promises beyond what every source does."""

import asyncio
import itertools

import pytest

from funchost.servicebus.amqp.codec import AmqpMessageCodec, incoming
from funchost.servicebus.amqp.encoding import encode, encode_described_list
from funchost.servicebus.amqp.sections import PROPERTIES
from funchost.servicebus.amqp.server import AmqpServer
from funchost.servicebus.broker.errors import BrokerUnavailable
from funchost.servicebus.broker.hosting import open_broker
from funchost.servicebus.sources.direct import DirectProvider
from funchost.servicebus.sources.links import ThreadCalls
from funchost.servicebus.sources.port import LockLostError, SourceError
from funchost.servicebus.wire.client import WireCalls
from funchost.servicebus.wire.frames import GREETING
from funchost.servicebus.wire.serving import WireServer
from tests.support.ports import free_ports
from tests.support.running_bus import queues, running_bus

PATIENCE = 10.0


@pytest.fixture
def namespace():
    return queues(plain={}, ordered={"requires_session": True})


@pytest.fixture
async def bus(tmp_path, namespace):
    async with running_bus(tmp_path, namespace) as running:
        yield running


def message(body, session=None):
    properties = encode_described_list(PROPERTIES, [None] * 10 + [session])
    return incoming(properties + b"\x00\x53\x75" + encode(body.encode()))


async def put(bus, entity, *bodies, session=None):
    messages = [message(body, session) for body in bodies]
    await bus.thread.call(lambda: bus.broker.send(entity, messages))


async def test_what_a_process_had_in_hand_is_there_for_others_when_it_dies(bus):
    await put(bus, "plain", "a", "b", "c")
    dying = DirectProvider(WireCalls(bus.port))
    receiver = await dying.source("plain").open(0)
    messages = list(await receiver.receive(3, PATIENCE))
    await receiver.complete(messages[0])
    await dying.close()
    other = DirectProvider(WireCalls(bus.port))
    receiver = await other.source("plain").open(0)
    taken = []
    while len(taken) < len(messages) - 1:
        taken += await receiver.receive(3, PATIENCE)
    assert [(each.body, each.delivery_count) for each in taken] == [(b"b", 2), (b"c", 2)]
    await other.close()


async def test_the_sessions_of_a_process_are_free_when_it_dies(bus):
    await put(bus, "ordered", "a", "b", session="s")
    dying = DirectProvider(WireCalls(bus.port))
    session = await dying.source("ordered").next_session(PATIENCE)
    (lost,) = await session.receive(1, PATIENCE)
    await dying.close()
    heir = DirectProvider(ThreadCalls(bus.broker, bus.thread))
    again = await heir.source("ordered").next_session(PATIENCE)
    (same,) = await again.receive(1, PATIENCE)
    assert (same.body, same.delivery_count) == (b"a", 2)
    # The one who is thought dead and speaks again.
    with pytest.raises(LockLostError):
        await session.complete(lost)
    await again.close()
    await dying.close()


async def serve(folder, namespace, port):
    broker = await open_broker(folder, namespace, AmqpMessageCodec())
    wire = WireServer(broker)
    server = AmqpServer(broker, port=port, others={GREETING: wire.welcome})
    await server.start()

    async def end():
        await asyncio.gather(server.close(), wire.close())
        await broker.stop()

    return broker, server.port, end


async def test_a_message_is_settled_at_the_next_broker(tmp_path, namespace):
    """As when the process with the broker ends while a function of another one runs."""
    broker, port, end = await serve(tmp_path, namespace, 0)
    provider = DirectProvider(WireCalls(port))
    receiver = await provider.source("plain").open(0)
    await broker.send("plain", [message("a")])
    (taken,) = await receiver.receive(1, PATIENCE)
    await end()
    broker, _, end = await serve(tmp_path, namespace, port)
    await receiver.complete(taken)
    with pytest.raises(SourceError, match="ended"):
        await receiver.receive(1, PATIENCE)
    await broker.send("plain", [message("b")])
    (after,) = await (await provider.source("plain").open(0)).receive(1, PATIENCE)
    assert after.body == b"b"
    await provider.close()
    await end()


async def test_who_waits_is_told_when_the_broker_ends(tmp_path, namespace):
    _, port, end = await serve(tmp_path, namespace, 0)
    receiver = await DirectProvider(WireCalls(port, patience=0.0)).source("plain").open(0)
    receiving = asyncio.create_task(receiver.receive(1, 60.0))
    await asyncio.sleep(0)
    await end()
    with pytest.raises(SourceError, match="ended"):
        await receiving
    with pytest.raises(SourceError, match="Nobody listens"):
        await receiver.receive(1, 60.0)


async def test_who_speaks_amqp_alone_is_recognised(tmp_path, namespace):
    broker = await open_broker(tmp_path, namespace, AmqpMessageCodec())
    server = AmqpServer(broker)
    await server.start()
    assert await WireCalls(server.port).connect() is False
    await server.close()
    await broker.stop()


async def test_where_nobody_listens_that_is_said():
    port = free_ports()
    with pytest.raises(BrokerUnavailable, match=str(port)):
        await WireCalls(port, patience=0.0).connect()


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\xc0",
        b"\x00\x00\x00\x01\x45",
        b"\x00\x00\x00\x02\xa1\x00",
        b"\x00\x00\x00\x06\xc0\x04\x03\x40\x40",
    ],
)
async def test_damage_ends_that_connection_alone(bus, sent):
    well = DirectProvider(WireCalls(bus.port))
    receiver = await well.source("plain").open(0)
    reader, writer = await asyncio.open_connection("127.0.0.1", bus.port)
    writer.write(GREETING + sent)
    assert await reader.readexactly(len(GREETING)) == GREETING
    writer.write_eof()
    while await reader.read(1000):
        continue
    writer.close()
    await put(bus, "plain", "a")
    assert len(await receiver.receive(1, PATIENCE)) == 1
    await well.close()


async def test_a_call_that_is_none_fails_and_the_next_one_does_not(bus, caplog):
    reader, writer = await asyncio.open_connection("127.0.0.1", bus.port)
    frames = b""
    wrong = (
        ["abandon_all", []],
        ["take", [7]],
        [["take"], []],
        ["settle", ["plain", "x", "complete"]],
    )
    for call in (*([1, *call] for call in wrong), [2, "open", [4, "plain"]]):
        frames += frame(*call)
    writer.write(GREETING + frames)
    await reader.readexactly(len(GREETING))
    answers = []
    for _ in range(5):
        size = int.from_bytes(await reader.readexactly(4), "big")
        answers.append(await reader.readexactly(size))
    writer.close()
    assert [b"amqp:internal-error" in answer for answer in answers] == [True] * 4 + [False]
    assert "abandon_all" in caplog.text
    assert "refused a commit" not in caplog.text


LARGE, MANY = "x" * 250_000, 40
"""More than the kernel keeps for a connection."""


def frame(*call):
    encoded = encode([*call])
    return len(encoded).to_bytes(4, "big") + encoded


async def takes_and_stops_reading(bus):
    """A client to which all of `plain` is being sent."""
    for _ in range(MANY):
        await put(bus, "plain", LARGE)
    reader, writer = await asyncio.open_connection("127.0.0.1", bus.port)
    writer.write(GREETING)
    await reader.readexactly(len(GREETING))
    for link in range(MANY):
        writer.write(frame(1, "open", [link, "plain"]))
        await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    for link in range(MANY):
        writer.write(frame(2, "take", [link, 1, PATIENCE]))
    assert int.from_bytes(await reader.readexactly(4), "big") > len(LARGE)
    return writer


async def test_who_stops_reading_is_sent_away_and_what_was_in_hand_is_there_for_others(
    tmp_path, namespace
):
    async with running_bus(tmp_path, namespace, unread_seconds=0.1) as bus:
        writer = await takes_and_stops_reading(bus)
        other = DirectProvider(WireCalls(bus.port))
        receiver = await other.source("plain").open(0)
        taken = 0
        while taken < MANY:
            messages = await receiver.receive(MANY, PATIENCE)
            for each in messages:
                await receiver.complete(each)
            taken += len(messages)
        await other.close()
        writer.transport.abort()


async def test_who_stops_reading_does_not_keep_the_broker_from_ending(tmp_path, namespace):
    async with running_bus(tmp_path, namespace) as bus:
        writer = await takes_and_stops_reading(bus)
    writer.transport.abort()


async def test_two_processes_share_sessions_and_keep_each_in_order(bus):
    sessions, each = 16, 8
    for number in range(each):
        for name in range(sessions):
            await put(bus, "ordered", str(number), session=f"s{name}")
    seen = {f"s{name}": [] for name in range(sessions)}
    held = set()
    by = {}

    async def work(who, source):
        while sum(map(len, seen.values())) < sessions * each:
            session = await source.next_session(0.2)
            if session is None:
                continue
            assert session.session_id not in held
            held.add(session.session_id)
            for _ in range(each // 2):
                for taken in await session.receive(1, 0.2):
                    seen[session.session_id].append(int(taken.body))
                    by[who] = by.get(who, 0) + 1
                    await session.complete(taken)
            held.discard(session.session_id)
            await session.close()

    providers = {
        "beside": DirectProvider(ThreadCalls(bus.broker, bus.thread)),
        "far": DirectProvider(WireCalls(bus.port)),
    }
    await asyncio.gather(
        *(
            work(who, provider.source("ordered"))
            for (who, provider), _ in itertools.product(providers.items(), range(8))
        )
    )
    assert all(numbers == list(range(each)) for numbers in seen.values())
    assert set(by) == set(providers)
    for provider in providers.values():
        await provider.close()


async def test_one_that_hangs_up_without_a_word_is_tried_again():
    """As a listener does that ends just now."""
    tries = 0
    has_ended = asyncio.Event()

    async def answer(reader, writer):
        nonlocal tries
        tries += 1
        if tries > 1:
            writer.write(GREETING)
            while await reader.read(1000):
                continue
        writer.close()
        await writer.wait_closed()
        if tries > 1:
            has_ended.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    calls = WireCalls(server.sockets[0].getsockname()[1])
    assert await calls.connect()
    assert tries == 2
    await calls.close()
    await has_ended.wait()
    server.close()
    await server.wait_closed()
