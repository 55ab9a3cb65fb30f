"""Messages that no consumer could deal with: looked at, and sent again.

An entity is a queue, or a subscription as `topic/subscription`. A subscription takes nothing by
itself, so what is sent again from one goes to its topic; consumers know by the CloudEvents `id`
what they have dealt with before.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Envelope, UnreadableMessage
from shared.kit.errors import Unavailable
from shared.telemetry import get_logger

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage
    from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

log = get_logger("messaging")

ENTITIES = (
    "payment-requests",
    "stripe-events",
    "carrier-events",
    "cart-orders",
    "media-uploads",
    "mails",
    "inventory/notifications",
    "orders/cart",
    "orders/inventory",
    "orders/shipping",
    "orders/notifications",
    "payments/checkout",
    "payments/notifications",
    "shipping/checkout",
    "shipping/notifications",
)
"""All that the shop consumes, as `infra/servicebus.json` declares it."""
_BURST = 50
_PATIENCE = 2.0
_LOOK_SECONDS = 30
_REPLAY_SECONDS = 60


class DeadLetter(BaseModel):
    """`sequence_number` is its place in the entity. `kind` and `about` are the `type` and `subject`
    of the CloudEvent, null where the body is none."""

    model_config = ConfigDict(frozen=True)

    entity: str
    sequence_number: int
    event_id: str | None
    kind: str | None
    about: str | None
    reason: str | None
    description: str | None
    deliveries: int
    enqueued_at: datetime | None


class ServiceBusDeadLetters:
    def __init__(self, connect: "Callable[[], ServiceBusClient]") -> None:
        self._connect = connect

    async def look(self, most: int) -> Sequence[DeadLetter]:
        """The oldest of each entity, at most so many of one. Raises Unavailable."""
        with _limited():
            async with asyncio.timeout(_LOOK_SECONDS), self._connect() as client:
                found = await asyncio.gather(*(_peeked(client, one, most) for one in ENTITIES))
                return [letter for letters in found for letter in letters]

    async def replay(self, entity: str, sequence_number: int) -> bool:
        """Sends it with a fresh message id, its body unchanged, and takes the dead letter away only
        when that was accepted. False where it is not there, or somebody else is at it. Raises
        Unavailable."""
        destination = entity.partition("/")[0]
        with _limited():
            async with (
                asyncio.timeout(_REPLAY_SECONDS),
                self._connect() as client,
                _receiver(client, entity) as receiver,
            ):
                passed_over: list[ServiceBusReceivedMessage] = []
                try:
                    while messages := await receiver.receive_messages(
                        _BURST, max_wait_time=_PATIENCE
                    ):
                        wanted = [one for one in messages if one.sequence_number == sequence_number]
                        # Locked until the end, so that they do not come again at once.
                        passed_over += [one for one in messages if one not in wanted]
                        for message in wanted:
                            async with client.get_queue_sender(destination) as sender:
                                await sender.send_messages(_again(message))
                            await receiver.complete_message(message)
                            return True
                    return False
                finally:
                    for message in passed_over:
                        await receiver.abandon_message(message)


async def _peeked(client: "ServiceBusClient", entity: str, most: int) -> list[DeadLetter]:
    async with _receiver(client, entity) as receiver:
        messages = await receiver.peek_messages(most, sequence_number=1)
        return [_shown(entity, message) for message in messages]


@contextmanager
def _limited() -> Iterator[None]:
    """What is wrong with the broker, in our words."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, OSError) as error:
        said = str(error) or type(error).__name__
        log.warning("dead_letters.unavailable", error=said)
        raise Unavailable("Service Bus does not answer; try again in a moment.") from error


def _receiver(client: "ServiceBusClient", entity: str) -> "ServiceBusReceiver":
    from azure.servicebus import ServiceBusSubQueue

    topic, separator, subscription = entity.partition("/")
    if separator:
        return client.get_subscription_receiver(
            topic, subscription, sub_queue=ServiceBusSubQueue.DEAD_LETTER
        )
    return client.get_queue_receiver(topic, sub_queue=ServiceBusSubQueue.DEAD_LETTER)


def _again(message: "ServiceBusReceivedMessage") -> Any:
    """With a body of the same kind: one that the shop cannot read came from somebody's own tool."""
    from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageProperties

    kind = message.body_type.value
    body: Any = {f"{kind}_body": message.body if kind == "value" else list(message.body)}
    kept: dict[Any, Any] = {
        name: value
        for name, value in (message.application_properties or {}).items()
        if not _text(name).startswith("DeadLetter")
    }
    return AmqpAnnotatedMessage(
        properties=AmqpMessageProperties(
            message_id=uuid4().hex,
            group_id=message.session_id,
            subject=message.subject,
            content_type=message.content_type,
        ),
        application_properties=kept,
        **body,
    )


def _shown(entity: str, message: "ServiceBusReceivedMessage") -> DeadLetter:
    try:
        envelope = Envelope.parse(_body(message))
    except UnreadableMessage:
        envelope = None
    return DeadLetter(
        entity=entity,
        sequence_number=message.sequence_number or 0,
        event_id=None if envelope is None else envelope.id,
        kind=None if envelope is None else envelope.type,
        about=None if envelope is None else envelope.subject,
        reason=message.dead_letter_reason,
        description=message.dead_letter_error_description,
        deliveries=message.delivery_count or 0,
        enqueued_at=message.enqueued_time_utc,
    )


def _body(message: "ServiceBusReceivedMessage") -> bytes:
    """Raises UnreadableMessage where it is no bytes but a value of AMQP's own types."""
    if message.body_type.value != "data":
        raise UnreadableMessage(f"The body is an AMQP {message.body_type.value}.")
    return b"".join(message.body)


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
