"""An output binding's message as the broker takes it."""

from funchost.servicebus.amqp.encoding import encode, encode_described_list
from funchost.servicebus.amqp.sections import DATA, PROPERTIES
from funchost.servicebus.amqp.values import Symbol
from funchost.servicebus.broker.interface import Envelope, IncomingMessage
from funchost.servicebus.messages import OutgoingMessage

__all__ = ["incoming"]


def incoming(message: OutgoingMessage) -> IncomingMessage:
    content_type = None if message.content_type is None else Symbol(message.content_type)
    properties = [message.message_id, None, None, None, None, None, content_type]
    body = b"\x00\x53" + bytes((DATA,)) + encode(message.body)
    return IncomingMessage(
        encode_described_list(PROPERTIES, properties) + body,
        Envelope(message_id=message.message_id),
    )
