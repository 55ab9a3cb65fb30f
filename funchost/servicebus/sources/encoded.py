"""An output binding's message as it is sent."""

from funchost.servicebus.amqp.encoding import encode, encode_described_list
from funchost.servicebus.amqp.sections import DATA, PROPERTIES
from funchost.servicebus.amqp.values import Symbol
from funchost.servicebus.messages import OutgoingMessage

__all__ = ["encoded"]


def encoded(message: OutgoingMessage) -> bytes:
    content_type = None if message.content_type is None else Symbol(message.content_type)
    properties = [message.message_id, None, None, None, None, None, content_type]
    body = b"\x00\x53" + bytes((DATA,)) + encode(message.body)
    return encode_described_list(PROPERTIES, properties) + body
