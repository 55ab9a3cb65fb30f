"""Messages that no consumer could deal with: looked at, and sent again.

An entity is a queue, or a subscription as `topic/subscription`. A subscription takes nothing by
itself, so what is sent again from one goes to its topic; consumers know by the CloudEvents `id`
what they have dealt with before.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Envelope, UnreadableMessage

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver

ENTITIES = (
    "payment-requests",
    "stripe-events",
    "carrier-events",
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

    def look(self, most: int) -> Sequence[DeadLetter]:
        """The oldest of each entity, at most so many of one."""
        found = []
        with closing(self._connect()) as client:
            for entity in ENTITIES:
                with _receiver(client, entity) as receiver:
                    found += [
                        _shown(entity, message)
                        for message in receiver.peek_messages(most, sequence_number=1)
                    ]
        return found

    def replay(self, entity: str, sequence_number: int) -> bool:
        """Sends it with a fresh message id, its body unchanged, and takes the dead letter away only
        when that was accepted. False where it is not there, or somebody else is at it."""
        destination = entity.partition("/")[0]
        with closing(self._connect()) as client, _receiver(client, entity) as receiver:
            passed_over: list[ServiceBusReceivedMessage] = []
            try:
                while True:
                    messages = receiver.receive_messages(_BURST, max_wait_time=_PATIENCE)
                    for message in messages:
                        if message.sequence_number != sequence_number:
                            # Locked until the end, so that it does not come again at once.
                            passed_over.append(message)
                            continue
                        with client.get_queue_sender(destination) as sender:
                            sender.send_messages(_again(message))
                        receiver.complete_message(message)
                        passed_over += messages[messages.index(message) + 1 :]
                        return True
                    if not messages:
                        return False
            finally:
                for message in passed_over:
                    receiver.abandon_message(message)


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

    body = message.body if message.body_type.value == "value" else list(message.body)
    return AmqpAnnotatedMessage(
        properties=AmqpMessageProperties(
            message_id=uuid4().hex,
            group_id=message.session_id,
            subject=message.subject,
            content_type=message.content_type,
        ),
        application_properties={
            name: value
            for name, value in (message.application_properties or {}).items()
            if not _text(name).startswith("DeadLetter")
        },
        **{f"{message.body_type.value}_body": body},
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
