"""What is refused, in the vendor's own exceptions, and clients that speak no AMQP at all."""

import copy
import random
import socket
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusMessageBatch,
    ServiceBusSubQueue,
)
from azure.servicebus.exceptions import (
    MessageAlreadySettled,
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusError,
)

from tests.support.service_bus import (
    PATIENCE,
    BrokerProcess,
    nothing_left,
    receive,
    send,
)

HEADER = b"AMQP\x00\x01\x00\x00"
SASL = b"AMQP\x03\x01\x00\x00"


@pytest.fixture
def impatient(broker: BrokerProcess):  # type: ignore[no-untyped-def]
    with broker.client(retry_total=0) as client:
        yield client


@pytest.mark.parametrize(
    "open_it",
    [
        lambda client: client.get_queue_sender("nowhere"),
        lambda client: client.get_queue_receiver("nowhere"),
        lambda client: client.get_topic_sender("nowhere"),
        lambda client: client.get_subscription_receiver("events", "nobody"),
        lambda client: client.get_queue_receiver(
            "nowhere", sub_queue=ServiceBusSubQueue.DEAD_LETTER
        ),
        lambda client: client.get_queue_receiver("nowhere", session_id="s"),
    ],
)
def test_an_unknown_entity(impatient: ServiceBusClient, open_it: Callable) -> None:
    with pytest.raises(MessagingEntityNotFoundError, match=r"nowhere|nobody"), open_it(impatient):
        pass


def test_a_link_that_makes_no_sense(impatient: ServiceBusClient) -> None:
    with pytest.raises(ServiceBusError), impatient.get_queue_receiver("events"):
        pass
    with (
        pytest.raises(ServiceBusError),
        impatient.get_queue_sender("events/Subscriptions/all"),
    ):
        pass


def test_a_message_that_is_too_large(broker: BrokerProcess, client: ServiceBusClient) -> None:
    queue = broker.queue()
    with client.get_queue_sender(queue) as sender:
        for size in (262_144, 2_000_000):
            with pytest.raises(MessageSizeExceededError, match="262144"):
                sender.send_messages(ServiceBusMessage(b"x" * size), timeout=PATIENCE)
        with pytest.raises(MessageSizeExceededError):
            sender.send_messages(
                [ServiceBusMessage(b"x" * 100_000) for _ in range(3)], timeout=PATIENCE
            )
        # The link has survived all of them.
        sender.send_messages(ServiceBusMessage(b"x" * 261_000), timeout=PATIENCE)
    with client.get_queue_receiver(queue) as receiver:
        assert len(receive(receiver, 1)) == 1


def test_a_full_batch_is_let_in_whole(broker: BrokerProcess, client: ServiceBusClient) -> None:
    queue = broker.queue()
    with client.get_queue_sender(queue) as sender:
        batch: ServiceBusMessageBatch = sender.create_message_batch()
        assert batch.max_size_in_bytes == 262_144
        number = 0
        while batch.size_in_bytes < batch.max_size_in_bytes - 200:
            batch.add_message(ServiceBusMessage(b""))
            number += 1
        sender.send_messages(batch, timeout=PATIENCE)
    with client.get_queue_receiver(queue, prefetch_count=2000) as receiver:
        assert len(receive(receiver, number)) == number


def test_a_message_that_is_settled_already(broker: BrokerProcess, client: ServiceBusClient) -> None:
    queue = broker.queue()
    send(client, queue, ServiceBusMessage("once"), ServiceBusMessage("twice"))
    with client.get_queue_receiver(queue) as receiver:
        once, twice = receive(receiver, 2)
        receiver.complete_message(once)
        with pytest.raises(MessageAlreadySettled):
            receiver.complete_message(once)
        # The client itself does not know of this one.
        unknowing = copy.copy(twice)
        receiver.complete_message(twice)
        with pytest.raises(MessageLockLostError):
            receiver.abandon_message(unknowing)
        assert nothing_left(receiver)


def test_a_lock_that_is_lost(broker: BrokerProcess, client: ServiceBusClient) -> None:
    queue = broker.queue("quick")
    send(client, queue, ServiceBusMessage("slow"))
    with client.get_queue_receiver(queue) as receiver:
        [message] = receive(receiver, 1)
        stale = copy.copy(message)
        [again] = receive(receiver, 1)
        for call in (
            receiver.complete_message,
            receiver.abandon_message,
            receiver.dead_letter_message,
            receiver.renew_message_lock,
        ):
            with pytest.raises(MessageLockLostError):
                call(stale)
        receiver.complete_message(again)


def test_numbers_that_name_no_message(broker: BrokerProcess, impatient: ServiceBusClient) -> None:
    queue = broker.queue()
    with (
        impatient.get_queue_receiver(queue) as receiver,
        pytest.raises(MessageNotFoundError),
    ):
        receiver.receive_deferred_messages(4711, timeout=PATIENCE)
    with impatient.get_queue_sender(queue) as sender:
        with pytest.raises(MessageNotFoundError):
            sender.cancel_scheduled_messages(4711, timeout=PATIENCE)
        with pytest.raises(MessageSizeExceededError):
            sender.schedule_messages(
                ServiceBusMessage(b"x" * 300_000),
                datetime.now(UTC) + timedelta(hours=1),
                timeout=PATIENCE,
            )


def test_a_token_that_is_expired_or_for_something_else(broker: BrokerProcess) -> None:
    def token_for(resource: str, expires: int) -> str:
        signature = f"SharedAccessSignature sr={resource}&sig=c2ln&se={expires}&skn=x"
        return (
            f"Endpoint=sb://127.0.0.1:{broker.port};SharedAccessSignature={signature};"
            "UseDevelopmentEmulator=true;"
        )

    queue = broker.queue()
    everything = f"sb%3a%2f%2f127.0.0.1%3a{broker.port}"
    later = int(time.time()) + 600
    for connection, works in (
        (token_for(everything, later), True),
        (token_for(f"{everything}%2f{queue.replace('/', '%2f')}", later), True),
        (token_for(everything, 1_000_000), False),
        (token_for(f"{everything}%2fanother", later), False),
    ):
        with ServiceBusClient.from_connection_string(connection, retry_total=0) as client:
            sender = client.get_queue_sender(queue)
            if works:
                with sender:
                    sender.send_messages(ServiceBusMessage("in"), timeout=PATIENCE)
            else:
                with pytest.raises(ServiceBusAuthenticationError), sender:
                    pass


def read_until_closed(connection: socket.socket) -> bytes:
    received = b""
    while True:
        try:
            part = connection.recv(65_536)
        except ConnectionError:
            return received
        if not part:
            return received
        received += part


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 64,
        HEADER + b"\xff" * 64,
        HEADER + struct.pack(">IBBH", 7, 2, 0, 0),
        HEADER + struct.pack(">IBBH", 0x7FFF_FFFF, 2, 0, 0),
        HEADER + struct.pack(">IBBH", 12, 9, 0, 0) + b"\x00\x53\x10\x45",
        HEADER + struct.pack(">IBBH", 12, 2, 0, 0) + b"\x00\x53\x11\x45",
        HEADER + struct.pack(">IBBH", 12, 2, 0, 0) + b"\x00\x53\x99\x45",
        SASL + struct.pack(">IBBH", 12, 2, 1, 0) + b"\x00\x53\x44\x45",
        SASL + HEADER,
    ],
)
def test_a_client_that_sends_garbage_loses_its_connection(
    broker: BrokerProcess, sent: bytes
) -> None:
    with broker.connect() as connection:
        connection.sendall(sent)
        read_until_closed(connection)


def test_a_session_that_breaks_the_rules_ends_with_an_error(broker: BrokerProcess) -> None:
    begin = b"\x00\x53\x11\xc0\x07\x04\x40\x43\x52\xff\x52\xff"
    flow_of_nothing = b"\x00\x53\x13\xc0\x0a\x06\x43\x52\xff\x43\x52\xff\x52\x09\x43"

    def frame(channel: int, body: bytes) -> bytes:
        return struct.pack(">IBBH", len(body) + 8, 2, 0, channel) + body

    with broker.connect() as connection:
        connection.sendall(
            HEADER
            + frame(0, b"\x00\x53\x10\xc0\x04\x01\xa1\x01a")
            + frame(1, begin)
            + frame(1, flow_of_nothing)
            + frame(0, b"\x00\x53\x18\x45")
        )
        received = read_until_closed(connection)
    assert b"amqp:session:unattached-handle" in received


def test_noise_of_any_kind_disturbs_nobody_else(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue()
    source = random.Random(20)
    recorded = (
        HEADER
        + struct.pack(">IBBH", 17, 2, 0, 0)
        + b"\x00\x53\x10\xc0\x04\x01\xa1\x01a"
        + struct.pack(">IBBH", 20, 2, 0, 1)
        + b"\x00\x53\x11\xc0\x07\x04\x40\x43\x52\xff\x52\xff"
        + struct.pack(">IBBH", 34, 2, 0, 1)
        + b"\x00\x53\x12\xc0\x15\x07\xa1\x01n\x43\x42\x50\x00\x50\x00\x40\x00\x53\x29\xc0\x05\x01\xa1\x02qq"
    )
    with client.get_queue_sender(queue) as sender:
        for _ in range(150):
            noise = bytearray(recorded)
            for _ in range(source.randint(1, 6)):
                noise[source.randrange(8, len(noise))] = source.randrange(256)
            with broker.connect() as connection:
                connection.sendall(noise)
                connection.shutdown(socket.SHUT_WR)
                read_until_closed(connection)
        sender.send_messages(ServiceBusMessage("still here"), timeout=PATIENCE)
    with client.get_queue_receiver(queue) as receiver:
        assert str(receive(receiver, 1)[0]) == "still here"
