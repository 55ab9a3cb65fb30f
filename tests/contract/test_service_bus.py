"""The publisher, and what triggers expect of its messages: on the local broker, and on the
namespace that `TEST_SERVICEBUS` names, by its connection string or its host.

That namespace must have the shop's entities (`infra/servicebus.json`). What the tests find there
they take away, and what they put there too.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import azure.identity.aio
import jwt
import pytest
from azure.core.credentials import AccessToken

from funchost.hostjson import HostJson
from funchost.servicebus.broker.namespace_file import read_namespace
from funchost.servicebus.connections import Connection, parse_connection_string
from funchost.servicebus.messages import ReceivedMessage
from funchost.servicebus.options import ServiceBusOptions
from funchost.servicebus.sources.client import ClientProvider
from shared.messaging.consuming import DELIVERIES
from shared.messaging.publisher import Message, PublishFailed
from shared.messaging.service_bus import ServiceBusPublisher, service_bus_client
from tests.support.brisk_sdk import brisk_sdk
from tests.support.running_bus import running_bus
from tests.support.web_sockets import web_socket_bridge

ENTITIES = Path(__file__).resolve().parents[2] / "infra" / "servicebus.json"
PLAIN, QUEUE, SESSIONS, POISON, TOPIC = (
    "media-uploads", "stripe-events", "payment-requests", "mails", "orders",
)  # fmt: skip
NAMESPACE = os.environ.get("TEST_SERVICEBUS")
PATIENCE = 10.0

# Of the SDK, where it is told not to use TLS.
pytestmark = pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning")
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module", autouse=True)
def _brisk() -> Iterator[None]:
    with brisk_sdk():
        yield


class Bus:
    """Publishes as the shop does and receives as a host's triggers do."""

    def __init__(self, connection: Connection, **options: Any) -> None:
        text = connection.connection_string
        namespace = None if text else connection.namespace
        self.publisher = ServiceBusPublisher(lambda: service_bus_client(text, namespace, **options))
        host = HostJson({"extensions": {"serviceBus": {"clientRetryOptions": {"maxRetries": 0}}}})
        self.provider = ClientProvider(connection, ServiceBusOptions.read(host))

    async def publish(self, destination: str, *messages: Message) -> None:
        await asyncio.to_thread(self.publisher.publish, destination, messages, PATIENCE)

    async def take(self, entity: str, count: int) -> list[ReceivedMessage]:
        """Exactly so many, completed."""
        receiver = await self.provider.source(entity).open(0)
        try:
            return await _taken(receiver, count)
        finally:
            await receiver.close()

    async def take_sessions(
        self, entity: str, count: int, *sessions: str
    ) -> dict[str, list[ReceivedMessage]]:
        """So many of each session, whichever comes first."""
        found: dict[str, list[ReceivedMessage]] = {}
        while len(found) < len(sessions):
            receiver = await self.provider.source(entity).next_session(PATIENCE)
            assert receiver is not None, f"sessions are missing: {found.keys() ^ set(sessions)}"
            if receiver.session_id in sessions:
                found[receiver.session_id] = await _taken(receiver, count)
            else:  # it waited in the namespace
                for message in await receiver.receive(100, 0.2):
                    await receiver.complete(message)
            await receiver.close()
        return found

    async def is_empty(self, entity: str) -> bool:
        receiver = await self.provider.source(entity).open(0)
        try:
            return not await receiver.receive(1, 0.2)
        finally:
            await receiver.close()

    async def clear(self, entity: str) -> None:
        receiver = await self.provider.source(entity).open(0)
        while found := await receiver.receive(100, 1.0):
            await asyncio.gather(*map(receiver.complete, found))
        await receiver.close()

    async def close(self) -> None:
        await asyncio.to_thread(self.publisher.close)
        await self.provider.close()


async def _taken(receiver: Any, count: int) -> list[ReceivedMessage]:
    taken: list[ReceivedMessage] = []
    while len(taken) < count:
        more = await receiver.receive(count - len(taken), PATIENCE)
        assert more, f"{count - len(taken)} messages are missing"
        taken += more
        await asyncio.gather(*map(receiver.complete, more))
    return taken


TRANSPORTS = [
    ("broker", False),
    ("broker", True),
    *([("namespace", False), ("namespace", True)] if NAMESPACE else []),
]


@pytest.fixture(params=TRANSPORTS, ids=lambda said: said[0] + ("-web" if said[1] else ""))
async def bus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bus]:
    where, over_web_sockets = request.param
    async with AsyncExitStack() as stack:
        options: dict[str, Any] = {"over_web_sockets": over_web_sockets}
        if where == "broker":
            local = await stack.enter_async_context(running_bus(tmp_path, read_namespace(ENTITIES)))
            connection = parse_connection_string("TEST", local.connection_string)
            if over_web_sockets:
                port = await stack.enter_async_context(web_socket_bridge(local.port))
                options["custom_endpoint_address"] = f"sb://127.0.0.1:{port}"
        elif "Endpoint=" in str(NAMESPACE):
            connection = parse_connection_string("TEST", str(NAMESPACE))
        else:
            connection = Connection("TEST", str(NAMESPACE))
        bus = Bus(connection, **options)
        stack.push_async_callback(bus.close)
        if where == "namespace":
            for entity in (PLAIN, QUEUE, POISON):
                await bus.clear(entity)
        yield bus


def message(body: str = "{}", *, session: str | None = None, **said: Any) -> Message:
    given = {"id": uuid4().hex, "type": "thing.counted", **said}
    return Message(session=session, body=body.encode(), **given)


async def test_a_message_carries_what_consumers_and_traces_go_by(bus: Bus) -> None:
    sent = message('{"n": 1}', traceparent=TRACEPARENT, tracestate="vendor=1")
    await bus.publish(QUEUE, sent)
    [taken] = await bus.take(QUEUE, 1)
    assert (taken.body, taken.message_id, taken.subject) == (b'{"n": 1}', sent.id, sent.type)
    assert taken.content_type == "application/cloudevents+json"
    assert taken.application_properties == {
        "Diagnostic-Id": TRACEPARENT,
        "traceparent": TRACEPARENT,
        "tracestate": "vendor=1",
    }


async def test_more_than_a_batch_holds_goes_in_several_and_in_order(bus: Bus) -> None:
    bodies = [f"{number:04} ".ljust(60_000, "x") for number in range(25)]
    await bus.publish(PLAIN, *map(message, bodies))
    taken = await bus.take(PLAIN, 25)
    assert [one.body.decode() for one in taken] == bodies


async def test_what_no_batch_holds_is_refused_and_harms_nothing_else(bus: Bus) -> None:
    with pytest.raises(PublishFailed):
        await bus.publish(PLAIN, message("x" * 2_000_000))
    await bus.publish(PLAIN, message("small"))
    [taken] = await bus.take(PLAIN, 1)
    assert taken.body == b"small"


async def test_the_same_id_is_taken_once(bus: Bus) -> None:
    once = message()
    for _ in range(3):
        await bus.publish(QUEUE, once)
    await bus.publish(QUEUE, last := message())
    taken = await bus.take(QUEUE, 2)
    assert [one.message_id for one in taken] == [once.id, last.id]
    assert await bus.is_empty(QUEUE)


async def test_what_is_for_later_comes_behind_what_is_for_now(bus: Bus) -> None:
    later = datetime.now(UTC) + timedelta(seconds=2)
    await bus.publish(PLAIN, message("later", not_before=later), message("now"))
    [now, then] = await bus.take(PLAIN, 2)
    assert [now.body, then.body] == [b"now", b"later"]
    assert then.enqueued_time >= later


async def test_each_session_is_handed_over_in_its_order(bus: Bus) -> None:
    first, second = uuid4().hex, uuid4().hex
    await bus.publish(
        SESSIONS,
        *(message(f"{n}", session=session) for n in range(5) for session in (first, second)),
    )
    for taken in (await bus.take_sessions(SESSIONS, 5, first, second)).values():
        assert [one.body for one in taken] == [b"0", b"1", b"2", b"3", b"4"]


async def test_every_subscription_whose_rules_take_it_gets_it(bus: Bus) -> None:
    session = uuid4().hex
    await bus.publish(TOPIC, sent := message(session=session, type="order.placed"))
    for consumer in ("cart", "shipping", "notifications"):
        found = await bus.take_sessions(f"{TOPIC}/subscriptions/{consumer}", 1, session)
        assert found[session][0].message_id == sent.id


async def test_what_is_not_completed_comes_again_and_is_poison_in_the_end(bus: Bus) -> None:
    await bus.publish(POISON, sent := message("bad"))
    receiver = await bus.provider.source(POISON).open(0)
    for count in range(1, DELIVERIES + 1):
        [taken] = await receiver.receive(1, PATIENCE)
        assert (taken.message_id, taken.delivery_count) == (sent.id, count)
        await receiver.abandon(taken)
    await receiver.close()
    [dead] = await bus.take(f"{POISON}/$DeadLetterQueue", 1)
    assert dead.message_id == sent.id
    assert await bus.is_empty(POISON)


async def test_a_destination_that_is_not_there_fails_and_the_others_go_on(bus: Bus) -> None:
    with pytest.raises(PublishFailed, match="nowhere"):
        await bus.publish("nowhere", message())
    with pytest.raises(PublishFailed):
        await asyncio.to_thread(bus.publisher.check, "nowhere")
    await bus.publish(QUEUE, message())
    await bus.take(QUEUE, 1)
    await asyncio.to_thread(bus.publisher.check, QUEUE)


class Signs:
    """In place of the app's identity, which is asked for a token for Service Bus."""

    asked: ClassVar[list[str]] = []

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.asked.extend(scopes)
        now = int(time.time())
        return AccessToken(
            jwt.encode({"aud": "servicebus", "exp": now + 3600}, "k" * 32), now + 3600
        )

    async def close(self) -> None:
        pass


async def test_an_identity_signs_in_by_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(azure.identity.aio, "DefaultAzureCredential", Signs)
    async with running_bus(tmp_path, read_namespace(ENTITIES)) as local:
        # A namespace's own port and its TLS are the SDK's affair.
        here = {"use_tls": False, "custom_endpoint_address": f"sb://127.0.0.1:{local.port}"}
        publisher = ServiceBusPublisher(lambda: service_bus_client(None, "127.0.0.1", **here))
        bus = Bus(parse_connection_string("TEST", local.connection_string))
        await asyncio.to_thread(publisher.publish, QUEUE, [sent := message()], PATIENCE)
        [taken] = await bus.take(QUEUE, 1)
        await asyncio.to_thread(publisher.close)
        await bus.close()
    assert taken.message_id == sent.id
    assert set(Signs.asked) == {"https://servicebus.azure.net//.default"}
