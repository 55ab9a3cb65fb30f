"""What clients see when the broker is gone for a while."""

import gc
import signal
from collections.abc import Iterator

import pytest
from azure.servicebus import ServiceBusMessage

from tests.support.service_bus import PATIENCE, BrokerProcess, nothing_left, receive

# The vendor's client forgets to close the socket of a connection that broke.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(params=["uvloop", "asyncio"])
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrokerProcess]:
    """One of its own for each test, since it is killed; on both event loops."""
    folder = tmp_path_factory.mktemp("broker") / "state"
    running = BrokerProcess(folder, has_plain_loop=request.param == "asyncio")
    running.start()
    yield running
    running.end()
    gc.collect()  # While such warnings are ignored.


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_clients_go_on_when_the_broker_is_back_at_its_port(
    broker: BrokerProcess, number: signal.Signals
) -> None:
    queue = broker.queue()
    with (
        broker.client(retry_total=5, retry_backoff_factor=0.2) as client,
        client.get_queue_sender(queue) as sender,
        client.get_queue_receiver(queue) as receiver,
    ):
        sender.send_messages([ServiceBusMessage("before"), ServiceBusMessage("kept")])
        before, kept = receive(receiver, 2)
        receiver.complete_message(before)
        broker.end(number)
        broker.start()
        # Its lock is as good as before; the link on which it came is not.
        receiver.complete_message(kept)
        sender.send_messages(ServiceBusMessage("after"), timeout=PATIENCE)
        [after] = receive(receiver, 1)
        assert str(after) == "after"
        receiver.complete_message(after)
        assert nothing_left(receiver)


def test_a_broker_that_ends_says_so_and_leaves_its_port(broker: BrokerProcess) -> None:
    queue = broker.queue()
    with broker.client() as client, client.get_queue_sender(queue) as sender:
        sender.send_messages(ServiceBusMessage("before"), timeout=PATIENCE)
        with broker.connect() as idle:
            assert broker.end() == 0
            assert idle.recv(1) == b""
        port = broker.port
        broker.start()
        assert broker.port == port
        sender.send_messages(ServiceBusMessage("after"), timeout=PATIENCE)


def test_every_acknowledged_message_survives_a_kill(broker: BrokerProcess) -> None:
    queue = broker.queue()
    with broker.client(retry_total=5, retry_backoff_factor=0.2) as client:
        sent = []
        with client.get_queue_sender(queue) as sender:
            for number in range(60):
                message = ServiceBusMessage(f"{number}")
                sender.send_messages(message, timeout=PATIENCE)
                sent.append(number)
                if number in (20, 40):
                    broker.end(signal.SIGKILL)
                    broker.start()
        with client.get_queue_receiver(queue, prefetch_count=100) as receiver:
            found = [int(str(message)) for message in receive(receiver, len(sent))]
            assert found == sent
