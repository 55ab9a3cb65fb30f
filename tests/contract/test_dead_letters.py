"""Dead letters as the back office has them, on the host's own broker with the shop's entities."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiver,
)
from azure.servicebus.amqp import AmqpAnnotatedMessage

from funchost.servicebus.broker.namespace_file import parse_namespace
from shared.contracts.envelope import Envelope
from shared.messaging.dead_letters import ENTITIES, ServiceBusDeadLetters
from shared.messaging.service_bus import service_bus_client
from tests.support.running_bus import running_bus

DECLARED = Path(__file__).resolve().parents[2] / "infra" / "servicebus.json"


class Office:
    def __init__(self, connection_string: str) -> None:
        self._connection_string = connection_string
        self.letters = ServiceBusDeadLetters(lambda: service_bus_client(connection_string, None))

    def connect(self) -> ServiceBusClient:
        return ServiceBusClient.from_connection_string(self._connection_string)

    def fail(self, entity: str, body: bytes, session: str | None) -> None:
        """Sends it and gives it up."""
        sent = ServiceBusMessage(body, session_id=session, subject="order.placed")
        self.fail_with(entity, sent, session)

    def fail_with(
        self,
        entity: str,
        sent: ServiceBusMessage | AmqpAnnotatedMessage,
        session: str | None = None,
    ) -> None:
        name = entity.partition("/")[0]
        with self.connect() as client, client.get_queue_sender(name) as sender:
            sender.send_messages(sent)
        with self.received(entity, session) as (receiver, message):
            receiver.dead_letter_message(message, reason="Poison", error_description="of a kind")

    @contextmanager
    def received(
        self, entity: str, session: str | None
    ) -> Iterator[tuple[ServiceBusReceiver, ServiceBusReceivedMessage]]:
        name, _, subscription = entity.partition("/")
        options = {} if session is None else {"session_id": NEXT_AVAILABLE_SESSION}
        with self.connect() as client:
            receiver = (
                client.get_subscription_receiver(name, subscription, **options)
                if subscription
                else client.get_queue_receiver(name, **options)
            )
            with receiver:
                [message] = receiver.receive_messages(1, max_wait_time=10)
                yield receiver, message

    def read(self, entity: str) -> ServiceBusReceivedMessage:
        with self.received(entity, None) as (_, message):
            return message

    def body(self, entity: str, session: str | None) -> bytes:
        with self.received(entity, session) as (_, message):
            return b"".join(message.body)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    namespace = parse_namespace(json.loads(DECLARED.read_text("utf-8")), DECLARED)
    async with running_bus(tmp_path, namespace) as bus:
        yield Office(bus.connection_string)


def event() -> Envelope:
    return Envelope(
        id=uuid4().hex,
        source="/orders",
        type="order.placed",
        subject="an order",
        time=datetime.now(UTC),
        data={},
    )


def test_the_entities_are_those_that_are_declared() -> None:
    declared = json.loads(DECLARED.read_text("utf-8"))["UserConfig"]["Namespaces"][0]
    queues = [queue["Name"] for queue in declared["Queues"]]
    subscriptions = [
        f"{topic['Name']}/{subscription['Name']}"
        for topic in declared["Topics"]
        for subscription in topic["Subscriptions"]
    ]
    assert sorted(ENTITIES) == sorted(queues + subscriptions)


@pytest.mark.parametrize(
    ("entity", "session"), [("payment-requests", "s"), ("mails", None), ("orders/shipping", "s")]
)
async def test_a_dead_letter_is_seen_and_sent_again_once(
    office: Office, entity: str, session: str | None
) -> None:
    sent = event()
    await asyncio.to_thread(office.fail, entity, sent.body(), session)
    [seen] = await office.letters.look(10)
    assert (seen.entity, seen.event_id, seen.kind, seen.about) == (
        entity,
        sent.id,
        "order.placed",
        "an order",
    )
    assert (seen.reason, seen.description) == ("Poison", "of a kind")
    replay = office.letters.replay
    assert not await replay(entity, seen.sequence_number + 1)
    assert await replay(entity, seen.sequence_number)
    assert not await replay(entity, seen.sequence_number)
    assert await office.letters.look(10) == []

    assert await asyncio.to_thread(office.body, entity, session) == sent.body()


async def test_what_is_no_event_is_shown_by_its_reason(office: Office) -> None:
    await asyncio.to_thread(office.fail, "mails", b"{", None)
    [seen] = await office.letters.look(10)
    assert (seen.event_id, seen.kind, seen.reason) == (None, None, "Poison")


@pytest.mark.parametrize("body", [{"value_body": {"a": 1}}, {"sequence_body": [["a"], [1]]}])
async def test_a_body_that_is_no_bytes_is_shown_and_sent_again_as_it_is(
    office: Office, body: dict[str, Any]
) -> None:
    await asyncio.to_thread(office.fail_with, "mails", AmqpAnnotatedMessage(**body))
    [seen] = await office.letters.look(10)
    assert (seen.event_id, seen.reason) == (None, "Poison")
    assert await office.letters.replay("mails", seen.sequence_number)
    [kind] = body
    received = await asyncio.to_thread(office.read, "mails")
    found = received.body if kind == "value_body" else list(received.body)
    assert (f"{received.body_type.value}_body", _plain(found)) == (kind, body[kind])


def _plain(body: Any) -> Any:
    """The vendor's client reads texts as bytes."""
    if isinstance(body, bytes):
        return body.decode()
    if isinstance(body, dict):
        return {_plain(name): _plain(value) for name, value in body.items()}
    return [_plain(item) for item in body] if isinstance(body, list) else body
