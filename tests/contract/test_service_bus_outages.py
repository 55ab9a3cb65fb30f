"""What clients of Service Bus do when the network to it has failed, and when it is back.

How long that takes, `docs/resilience.md` adds up.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from funchost.hostjson import HostJson
from funchost.servicebus.broker.namespace_file import read_namespace
from funchost.servicebus.connections import parse_connection_string
from funchost.servicebus.options import ServiceBusOptions
from funchost.servicebus.sources.client import ClientProvider
from funchost.servicebus.sources.port import SourceError
from shared.messaging.publisher import Message, PublishFailed
from shared.messaging.service_bus import ServiceBusPublisher, service_bus_client
from tests.support.brisk_sdk import brisk_sdk
from tests.support.certificates import certificate_for_loopback
from tests.support.faulty_proxy import FaultyProxy, faulty_proxy
from tests.support.running_bus import Bus, connection_string, running_bus
from tests.support.tls_bridge import tls_bridge

ENTITIES = Path(__file__).resolve().parents[2] / "infra" / "servicebus.json"
QUEUE, SESSIONS, TOPIC = "stripe-events", "payment-requests", "orders"
PATIENCE = 10.0

pytestmark = [
    # Of the SDK, where it is told not to use TLS.
    pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning"),
    # The SDK forgets to close the socket of a connection that broke.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def _brisk() -> Iterator[None]:
    with brisk_sdk():
        yield


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    async with running_bus(tmp_path, read_namespace(ENTITIES)) as running:
        yield running


@pytest.fixture
def network(bus: Bus) -> Iterator[FaultyProxy]:
    with faulty_proxy(bus.port) as proxy:
        yield proxy


def listener(network: FaultyProxy, retries: int = 3, seconds: str = "00:01:00") -> ClientProvider:
    said = {"tryTimeout": seconds, "maxRetries": retries, "delay": "00:00:00.01"}
    host = HostJson({"extensions": {"serviceBus": {"clientRetryOptions": said}}})
    connection = parse_connection_string("TEST", connection_string(network.port))
    return ClientProvider(connection, ServiceBusOptions.read(host), open_seconds=0.0)


def message() -> Message:
    return Message(uuid4().hex, "thing.counted", None, b"{}")


async def publish(publisher: ServiceBusPublisher, destination: str = QUEUE) -> None:
    await asyncio.to_thread(publisher.publish, destination, [message()], PATIENCE)


async def test_what_fails_on_a_link_that_was_kept_is_sent_on_a_new_one(
    network: FaultyProxy,
) -> None:
    # The SDK's own tries would hide which link it went by.
    publisher = ServiceBusPublisher(
        lambda: service_bus_client(connection_string(network.port), None, retry_total=0)
    )
    await publish(publisher)
    await publish(publisher)
    assert network.connections == 1, "one link, which is kept"
    network.cut()
    await publish(publisher)
    assert network.connections == 2
    network.refuse()
    with pytest.raises(PublishFailed):
        await publish(publisher)
    network.accept()
    await publish(publisher)
    await asyncio.to_thread(publisher.close)


async def test_that_no_session_came_in_time_is_no_failure_to_be_tried_again(
    network: FaultyProxy,
) -> None:
    provider = listener(network)
    assert await provider.source(SESSIONS).next_session(0.1) is None
    assert network.connections == 1
    await provider.close()


async def test_a_namespace_that_takes_connections_and_says_nothing_is_given_up(
    network: FaultyProxy,
) -> None:
    network.is_silent = True
    provider = listener(network, retries=0, seconds="00:00:00.3")
    source = provider.source(SESSIONS)
    assert await source.next_session(0.3) is None
    with pytest.raises(SourceError):
        await provider.source(QUEUE).open(0)
    network.heal()
    receiver = await provider.source(QUEUE).open(0)
    await receiver.close()
    await provider.close()


@pytest.mark.parametrize("turns", range(8))
async def test_a_wait_for_a_session_can_be_ended_while_its_connection_breaks(
    network: FaultyProxy, turns: int
) -> None:
    provider = listener(network)
    waiting = asyncio.create_task(provider.source(SESSIONS).next_session(60.0))
    while not network.connections:
        await asyncio.wait([waiting], timeout=0.01)
    network.cut()
    for _ in range(turns):
        await asyncio.sleep(0)
    is_too_late = not waiting.cancel()
    with pytest.raises(SourceError if is_too_late else asyncio.CancelledError):
        await waiting
    await provider.close()


async def test_certificates_are_read_once_and_not_for_each_connection(
    network: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[ssl.SSLContext] = []
    load = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *files: Any, **more: Any) -> None:
        read.append(context)
        load(context, *files, **more)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    publisher = ServiceBusPublisher(
        lambda: service_bus_client(connection_string(network.port), None)
    )
    for destination in (QUEUE, "mails", "carrier-events"):
        await publish(publisher, destination)
    provider = listener(network)
    for _ in range(3):
        assert await provider.source(SESSIONS).next_session(0.1) is None
        receiver = await provider.source("mails").open(0)
        await receiver.close()
    assert network.connections == 9
    assert len(read) <= 2, "by the shop and by the host, where no test before has had them read"
    await asyncio.to_thread(publisher.close)
    await provider.close()


async def test_a_namespace_is_trusted_by_its_certificate_alone(bus: Bus, tmp_path: Path) -> None:
    certificate, _ = certificate_for_loopback(tmp_path)

    def publisher(port: int, **trusting: ssl.SSLContext) -> ServiceBusPublisher:
        text = "Endpoint=sb://127.0.0.1/;SharedAccessKeyName=a;SharedAccessKey=a2V5"
        here = {"custom_endpoint_address": f"sb://127.0.0.1:{port}", "retry_total": 0, **trusting}
        return ServiceBusPublisher(lambda: service_bus_client(text, None, **here))

    async with tls_bridge(certificate, bus.port) as port:
        stranger = publisher(port)
        with pytest.raises(PublishFailed, match=r"(?i)certificate"):
            await publish(stranger)
        friend = publisher(port, ssl_context=ssl.create_default_context(cafile=certificate))
        await publish(friend)
        # The server ends when its connections have.
        for each in (stranger, friend):
            await asyncio.to_thread(each.close)
