"""Sessions, through the vendor's synchronous client."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    AutoLockRenewer,
    ServiceBusClient,
    ServiceBusMessage,
)
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from tests.support.service_bus import PATIENCE, BrokerProcess, nothing_left, receive, send


def in_session(session: str, *bodies: str) -> list[ServiceBusMessage]:
    return [ServiceBusMessage(body, session_id=session) for body in bodies]


def test_a_session_keeps_its_order_and_its_state(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue("session")
    send(client, queue, *in_session("a", "1", "2"), *in_session("b", "x"), *in_session("a", "3"))
    with client.get_queue_receiver(queue, session_id="a") as receiver:
        session = receiver.session
        assert session.session_id == "a"
        assert session.get_state(timeout=PATIENCE) is None
        session.set_state(b"half way", timeout=PATIENCE)
        messages = receive(receiver, 3)
        assert [str(message) for message in messages] == ["1", "2", "3"]
        assert {message.session_id for message in messages} == {"a"}
        receiver.complete_message(messages[0])
        receiver.abandon_message(messages[1])
        receiver.defer_message(messages[2])
        [again] = receive(receiver, 1)
        assert (str(again), again.delivery_count) == ("2", 1)
        receiver.complete_message(again)
        number = messages[2].sequence_number
        assert number is not None
        [deferred] = receiver.receive_deferred_messages(number, timeout=PATIENCE)
        receiver.dead_letter_message(deferred, reason="late")
        assert nothing_left(receiver)
        before = session.locked_until_utc
        assert before is not None
        assert session.renew_lock(timeout=PATIENCE) >= before
    with client.get_queue_receiver(queue, session_id="a") as receiver:
        assert receiver.session.get_state(timeout=PATIENCE) == b"half way"
        receiver.session.set_state(None, timeout=PATIENCE)
        assert receiver.session.get_state(timeout=PATIENCE) is None


def test_the_next_session_is_one_that_nobody_has(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue("session")
    send(client, queue, *in_session("a", "1"), *in_session("b", "2"))
    with (
        client.get_queue_receiver(queue, session_id=NEXT_AVAILABLE_SESSION) as first,
        client.get_queue_receiver(queue, session_id=NEXT_AVAILABLE_SESSION) as second,
    ):
        assert {first.session.session_id, second.session.session_id} == {"a", "b"}
        for receiver in (first, second):
            [message] = receive(receiver, 1)
            assert message.session_id == receiver.session.session_id
            receiver.complete_message(message)


def test_waiting_for_a_session_ends_in_time(broker: BrokerProcess) -> None:
    queue = broker.queue("session")
    with (
        broker.client(retry_total=0) as client,
        pytest.raises(OperationTimeoutError),
        client.get_queue_receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1),
    ):
        pass


def test_who_waits_for_a_session_gets_one_that_comes_later(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue("session")
    found = []

    def wait() -> None:
        with client.get_queue_receiver(
            queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=PATIENCE
        ) as receiver:
            found.extend(str(message) for message in receive(receiver, 1))

    waiting = threading.Thread(target=wait)
    waiting.start()
    send(client, queue, *in_session("late", "here"))
    waiting.join(2 * PATIENCE)
    assert found == ["here"]


def test_a_session_has_one_receiver_at_a_time(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue("session")
    with (
        client.get_queue_receiver(queue, session_id="only"),
        broker.client(retry_total=0) as other,
        pytest.raises(SessionCannotBeLockedError),
        other.get_queue_receiver(queue, session_id="only"),
    ):
        pass
    with client.get_queue_receiver(queue, session_id="only") as receiver:
        assert receiver.session.session_id == "only"


def test_messages_go_back_when_the_session_is_let_go(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue("session")
    send(client, queue, *in_session("a", "1", "2"))
    with client.get_queue_receiver(queue, session_id="a") as receiver:
        assert len(receive(receiver, 2)) == 2
    with client.get_queue_receiver(queue, session_id="a") as receiver:
        assert [str(message) for message in receive(receiver, 2)] == ["1", "2"]


def test_a_lost_session_lock_ends_the_receiver(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue("quick-session")
    send(client, queue, *in_session("a", "1"))
    with client.get_queue_receiver(queue, session_id="a") as receiver:
        [message] = receive(receiver, 1)
        with pytest.raises(SessionLockLostError):
            receiver.receive_messages(1, max_wait_time=PATIENCE)
        with pytest.raises(SessionLockLostError):
            receiver.complete_message(message)
    with client.get_queue_receiver(queue, session_id="a") as receiver:
        [message] = receive(receiver, 1)
        assert message.delivery_count == 1
        receiver.complete_message(message)


def test_a_session_lock_renews_itself(broker: BrokerProcess, client: ServiceBusClient) -> None:
    queue = broker.queue("brief-session")
    send(client, queue, *in_session("a", "1"))
    with (
        client.get_queue_receiver(queue, session_id="a") as receiver,
        AutoLockRenewer() as renewer,
    ):
        renewer.register(receiver, receiver.session, max_lock_renewal_duration=60)
        [message] = receive(receiver, 1)
        # Nothing else is there: this call ends when the lock would be long lost.
        assert receiver.receive_messages(1, max_wait_time=7) == []
        receiver.complete_message(message)
        assert nothing_left(receiver)


def test_sessions_with_messages_are_listed(broker: BrokerProcess, client: ServiceBusClient) -> None:
    queue = broker.queue("session")
    names = [f"s{number:03}" for number in range(120)]
    send(client, queue, *(message for name in names for message in in_session(name, "1")))
    assert sorted(client.list_queue_sessions(queue, timeout=PATIENCE)) == names
    assert list(client.list_queue_sessions(broker.queue("session"), timeout=PATIENCE)) == []


def test_sessions_are_listed_by_the_time_of_their_state(
    broker: BrokerProcess, client: ServiceBusClient
) -> None:
    queue = broker.queue("session")
    send(client, queue, *in_session("with a message", "1"))
    began = datetime.now(UTC)
    with client.get_queue_receiver(queue, session_id="with a state") as receiver:
        receiver.session.set_state(b"noted", timeout=PATIENCE)
    assert list(client.list_queue_sessions(queue, timeout=PATIENCE)) == [
        "with a message",
        "with a state",
    ]
    for since, expected in (
        (began - timedelta(seconds=1), ["with a state"]),
        (datetime.max.replace(tzinfo=UTC), []),
    ):
        found = client.list_queue_sessions(queue, state_updated_after=since, timeout=PATIENCE)
        assert list(found) == expected


def test_wrong_uses_of_sessions_are_refused(broker: BrokerProcess) -> None:
    plain, session = broker.queue(), broker.queue("session")
    with broker.client(retry_total=0) as client:
        for queue, asked in ((session, None), (plain, "a"), (plain, NEXT_AVAILABLE_SESSION)):
            with (
                pytest.raises(ServiceBusError, match="session"),
                client.get_queue_receiver(queue, session_id=asked, max_wait_time=2) as receiver,
            ):
                receiver.receive_messages(1, max_wait_time=2)
        with (
            client.get_queue_sender(session) as sender,
            pytest.raises(ServiceBusError, match="SessionId was not set"),
        ):
            sender.send_messages(ServiceBusMessage("lost"), timeout=PATIENCE)
