"""What an app does all day with queues and topics, through the vendor's synchronous client."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from azure.servicebus import (
    AutoLockRenewer,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType

from tests.support.service_bus import (
    PATIENCE,
    BrokerProcess,
    body,
    nothing_left,
    receive,
    send,
)


def test_a_message_arrives_with_all_its_fields(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue()
    before = datetime.now(UTC)
    identity = uuid4()
    properties = {
        "text": "ünïcode",
        "number": -7,
        "share": 0.5,
        "yes": True,
        "nothing": None,
        "id": identity,
        "when": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    send(
        client,
        queue,
        ServiceBusMessage(
            b"\x00\xffbody",
            application_properties=properties,
            message_id="m-1",
            subject="subject",
            to="to",
            reply_to="reply-to",
            reply_to_session_id="reply-session",
            correlation_id="correlation",
            content_type="application/octet-stream",
            partition_key="partition",
            time_to_live=timedelta(minutes=5),
        ),
    )
    with client.get_queue_receiver(queue) as receiver:
        [message] = receive(receiver, 1)
        assert body(message) == b"\x00\xffbody"
        found = {
            key.decode(): value for key, value in (message.application_properties or {}).items()
        }
        assert found.pop("when") == properties.pop("when").timestamp() * 1000
        assert found == {**properties, "text": "ünïcode".encode()}
        assert message.message_id == "m-1"
        assert (message.subject, message.to, message.reply_to) == ("subject", "to", "reply-to")
        assert message.reply_to_session_id == "reply-session"
        assert message.correlation_id == "correlation"
        assert message.content_type == "application/octet-stream"
        assert message.partition_key == "partition"
        assert message.time_to_live == timedelta(minutes=5)
        assert message.delivery_count == 0
        assert message.sequence_number == message.enqueued_sequence_number
        assert message.enqueued_time_utc is not None
        assert before - timedelta(seconds=1) < message.enqueued_time_utc < datetime.now(UTC)
        assert message.locked_until_utc is not None
        assert message.locked_until_utc > message.enqueued_time_utc
        assert isinstance(message.lock_token, UUID)
        receiver.complete_message(message)
        assert nothing_left(receiver)


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (AmqpAnnotatedMessage(value_body={"a": [1, 2.5, "x"]}), AmqpMessageBodyType.VALUE),
        (AmqpAnnotatedMessage(sequence_body=[[1, 2], ["x"]]), AmqpMessageBodyType.SEQUENCE),
        (AmqpAnnotatedMessage(data_body=[b"one", b"two"]), AmqpMessageBodyType.DATA),
    ],
)
def test_bodies_of_every_kind_arrive(
    broker: BrokerProcess,
    client: ServiceBusClient,
    sent: AmqpAnnotatedMessage,
    kind: AmqpMessageBodyType,
) -> None:
    queue = broker.queue()
    with client.get_queue_sender(queue) as sender:
        sender.send_messages(sent, timeout=PATIENCE)
    with client.get_queue_receiver(queue) as receiver:
        [message] = receive(receiver, 1)
        assert message.body_type == kind
        receiver.complete_message(message)


def test_a_message_without_a_body_arrives(broker: BrokerProcess, client: ServiceBusClient) -> None:
    queue = broker.queue()
    send(client, queue, ServiceBusMessage(None, message_id="bare"))
    with client.get_queue_receiver(queue) as receiver:
        assert receive(receiver, 1)[0].message_id == "bare"


def test_batches_and_lists_arrive_in_order(broker: BrokerProcess, client: ServiceBusClient) -> None:
    queue = broker.queue()
    with client.get_queue_sender(queue) as sender:
        batch = sender.create_message_batch()
        for number in range(40):
            batch.add_message(ServiceBusMessage(f"{number}"))
        sender.send_messages(batch, timeout=PATIENCE)
        more = [ServiceBusMessage(f"{number}") for number in range(40, 60)]
        sender.send_messages(more, timeout=PATIENCE)
        sender.send_messages(ServiceBusMessage("60"), timeout=PATIENCE)
    with client.get_queue_receiver(queue) as receiver:
        messages = receive(receiver, 61)
        assert [int(str(message)) for message in messages] == list(range(61))
        numbers = [message.sequence_number for message in messages]
        assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("size", [1, 65_000, 65_536, 131_072, 255_000])
def test_messages_of_any_size_pass_whole(
    broker: BrokerProcess, client: ServiceBusClient, size: int
) -> None:
    queue = broker.queue()
    content = bytes(number * 7 % 251 for number in range(size))
    send(client, queue, ServiceBusMessage(content))
    with client.get_queue_receiver(queue) as receiver:
        [message] = receive(receiver, 1)
        assert body(message) == content
        receiver.complete_message(message)


def test_receive_and_delete_leaves_nothing(broker: BrokerProcess, client: ServiceBusClient) -> None:
    queue = broker.queue()
    send(client, queue, *(ServiceBusMessage(f"{number}") for number in range(5)))
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    with client.get_queue_receiver(queue, receive_mode=mode) as receiver:
        assert [str(message) for message in receive(receiver, 5)] == list("01234")
        assert nothing_left(receiver)


@pytest.mark.parametrize("prefetch", [0, 10])
def test_iterating_gives_every_message_until_the_wait_is_over(
    broker: BrokerProcess, client: ServiceBusClient, prefetch: int
) -> None:
    queue = broker.queue()
    send(client, queue, *(ServiceBusMessage(f"{number}") for number in range(25)))
    found = []
    with client.get_queue_receiver(queue, max_wait_time=2, prefetch_count=prefetch) as receiver:
        for message in receiver:
            found.append(int(str(message)))
            receiver.complete_message(message)
        assert found == list(range(25))
        assert nothing_left(receiver)


def test_abandon_defer_and_dead_letter(broker: BrokerProcess, client: ServiceBusClient) -> None:
    queue = broker.queue()
    send(client, queue, *(ServiceBusMessage(name) for name in ("again", "later", "poison")))
    with client.get_queue_receiver(queue) as receiver:
        again, later, poison = receive(receiver, 3)
        receiver.abandon_message(again)
        receiver.defer_message(later)
        receiver.dead_letter_message(poison, reason="Poison", error_description="cannot be read")
        [redelivered] = receive(receiver, 1)
        assert (str(redelivered), redelivered.delivery_count) == ("again", 1)
        receiver.complete_message(redelivered)

        number = later.sequence_number
        assert number is not None
        [peeked] = receiver.peek_messages(5, sequence_number=1, timeout=PATIENCE)
        assert (peeked.sequence_number, peeked.state.name) == (number, "DEFERRED")
        [deferred] = receiver.receive_deferred_messages(number, timeout=PATIENCE)
        assert str(deferred) == "later"
        receiver.renew_message_lock(deferred, timeout=PATIENCE)
        receiver.complete_message(deferred)
        assert nothing_left(receiver)
    dead = ServiceBusSubQueue.DEAD_LETTER
    with client.get_queue_receiver(queue, sub_queue=dead) as receiver:
        [message] = receive(receiver, 1)
        assert str(message) == "poison"
        assert message.dead_letter_reason == "Poison"
        assert message.dead_letter_error_description == "cannot be read"
        receiver.complete_message(message)
        assert nothing_left(receiver)


def test_a_message_that_fails_too_often_is_dead_lettered(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue("strict")
    send(client, queue, ServiceBusMessage("hopeless"))
    with client.get_queue_receiver(queue) as receiver:
        for attempt in range(2):
            [message] = receive(receiver, 1)
            assert message.delivery_count == attempt
            receiver.abandon_message(message)
    dead = ServiceBusSubQueue.DEAD_LETTER
    with client.get_queue_receiver(queue, sub_queue=dead) as receiver:
        [message] = receive(receiver, 1)
        assert message.dead_letter_reason == "MaxDeliveryCountExceeded"


def test_unread_messages_go_back_when_a_receiver_closes(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue("brief")
    send(client, queue, *(ServiceBusMessage(f"{number}") for number in range(10)))
    with client.get_queue_receiver(queue, prefetch_count=10) as receiver:
        [first] = receive(receiver, 1)
        receiver.complete_message(first)
    with client.get_queue_receiver(queue) as receiver:
        messages = receive(receiver, 9)
    # What was still on its way to the first receiver comes when its lock has ended, and counts.
    given_back = [int(str(message)) for message in messages if not message.delivery_count]
    assert given_back == sorted(given_back) != []
    assert {int(str(message)) for message in messages} == set(range(1, 10))


def test_scheduled_messages_wait_and_can_be_cancelled(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue()
    later = datetime.now(UTC) + timedelta(hours=1)
    soon = datetime.now(UTC) + timedelta(seconds=5)
    with client.get_queue_sender(queue) as sender:
        messages = [ServiceBusMessage("one"), ServiceBusMessage("two")]
        numbers = sender.schedule_messages(messages, later, timeout=PATIENCE)
        assert len(set(numbers)) == 2
        sender.cancel_scheduled_messages(numbers[0], timeout=PATIENCE)
        sender.send_messages(
            ServiceBusMessage("soon", scheduled_enqueue_time_utc=soon), timeout=PATIENCE
        )
    with client.get_queue_receiver(queue) as receiver:
        states = {
            str(message): message.state.name
            for message in receiver.peek_messages(5, sequence_number=1, timeout=PATIENCE)
        }
        assert states == {"two": "SCHEDULED", "soon": "SCHEDULED"}
        [message] = receive(receiver, 1)
        assert str(message) == "soon"
        assert message.enqueued_time_utc is not None
        assert message.enqueued_time_utc >= soon - timedelta(milliseconds=1)


def test_peeking_goes_on_where_it_stopped(broker: BrokerProcess, client: ServiceBusClient) -> None:
    queue = broker.queue()
    send(client, queue, *(ServiceBusMessage(f"{number}") for number in range(30)))
    with client.get_queue_receiver(queue) as receiver:
        seen: list[str] = []
        while found := receiver.peek_messages(8, timeout=PATIENCE):
            seen += [str(message) for message in found]
            assert all(message.lock_token is None for message in found)
        assert seen == [str(number) for number in range(30)]
        assert [str(message) for message in receive(receiver, 30)] == seen


def test_a_topic_gives_each_subscription_what_its_rules_let_in(client: ServiceBusClient) -> None:
    with client.get_topic_sender("events") as sender:
        for colour in ("red", "blue"):
            message = ServiceBusMessage(colour, application_properties={"colour": colour})
            sender.send_messages(message, timeout=PATIENCE)
    for subscription, expected in (("all", ["red", "blue"]), ("red", ["red"])):
        with client.get_subscription_receiver("events", subscription) as receiver:
            messages = receive(receiver, len(expected))
            assert [str(message) for message in messages] == expected
            for message in messages:
                receiver.dead_letter_message(message, reason=subscription)
            assert nothing_left(receiver)
        dead = ServiceBusSubQueue.DEAD_LETTER
        with client.get_subscription_receiver("events", subscription, sub_queue=dead) as receiver:
            for message in receive(receiver, len(expected)):
                assert message.dead_letter_reason == subscription
                receiver.complete_message(message)


def test_a_lock_is_renewed_by_hand_and_by_itself(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue("brief")
    send(client, queue, ServiceBusMessage("slow"))
    with client.get_queue_receiver(queue) as receiver, AutoLockRenewer() as renewer:
        [message] = receive(receiver, 1)
        first = message.locked_until_utc
        renewed = receiver.renew_message_lock(message, timeout=PATIENCE)
        assert first is not None
        assert renewed >= first
        renewer.register(receiver, message, max_lock_renewal_duration=60)
        # Nothing else is in the queue: this call ends when the lock would be long lost.
        assert receiver.receive_messages(1, max_wait_time=7) == []
        receiver.complete_message(message)
        assert nothing_left(receiver)


def test_a_lost_lock_gives_the_message_to_the_next(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue("quick")
    send(client, queue, ServiceBusMessage("slow"))
    with client.get_queue_receiver(queue) as receiver:
        receive(receiver, 1)
        [again] = receive(receiver, 1)
        assert again.delivery_count == 1
        receiver.complete_message(again)
