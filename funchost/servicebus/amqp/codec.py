"""How the broker looks into the messages that it stores, and what it is given to store."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from funchost.servicebus.amqp.decoding import decode
from funchost.servicebus.amqp.encoding import encode, encode_list, encode_map
from funchost.servicebus.amqp.sections import APPLICATION_PROPERTIES, PROPERTIES, EncodedMessage
from funchost.servicebus.amqp.values import Timestamp
from funchost.servicebus.broker.interface import (
    Envelope,
    IncomingMessage,
    MessageChanges,
    MessageProperties,
    PropertyValue,
    SystemProperty,
)

__all__ = ["AmqpMessageCodec", "incoming", "property_value", "wire_value"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PROPERTIES: Final = 13
_SYSTEM_FIELDS: dict[SystemProperty, int] = {
    "MessageId": 0,
    "To": 2,
    "Label": 3,
    "ReplyTo": 4,
    "CorrelationId": 5,
    "ContentType": 6,
    "SessionId": 10,
    "ReplyToSessionId": 12,
}


def incoming(encoded: bytes) -> IncomingMessage:
    """Raises DecodeError for what a receiver could not read, wherever in the message it is."""
    message = EncodedMessage(encoded)
    message.check()
    if message.has_delivery_annotations:
        encoded = message.encode()
    return IncomingMessage(encoded, _envelope(message))


class AmqpMessageCodec:
    """The broker's MessageCodec. Its methods raise DecodeError for what `incoming` did not pass."""

    def envelope(self, encoded: bytes) -> Envelope:
        return _envelope(EncodedMessage(encoded))

    def properties(self, encoded: bytes) -> MessageProperties:
        message = EncodedMessage(encoded)
        system: dict[SystemProperty, str | None] = {
            "MessageId": message.message_id,
            "CorrelationId": message.correlation_id,
            "ContentType": message.content_type,
            "Label": message.subject,
            "ReplyTo": message.reply_to,
            "ReplyToSessionId": message.reply_to_session_id,
            "SessionId": message.session_id,
            "To": message.to,
        }
        application = {
            name: property_value(value) for name, value in message.application_properties.items()
        }
        return MessageProperties(system, application)

    def edit(self, encoded: bytes, changes: MessageChanges) -> bytes:
        message = EncodedMessage(encoded)
        replaced = {}
        if changes.system:
            replaced[PROPERTIES] = _changed_system(message, changes)
        if changes.application or changes.removed:
            replaced[APPLICATION_PROPERTIES] = _changed_application(message, changes)
        return message.encode(replaced)


def _envelope(message: EncodedMessage) -> Envelope:
    return Envelope(
        message.message_id,
        message.session_id,
        message.time_to_live_ms,
        message.scheduled_enqueue_time_ms,
    )


def _changed_system(message: EncodedMessage, changes: MessageChanges) -> bytes:
    fields = message.elements(PROPERTIES)
    fields += [b"\x40"] * (_PROPERTIES - len(fields))
    for name, value in changes.system.items():
        fields[_SYSTEM_FIELDS[name]] = encode(value)
    return encode_list(fields)


def _changed_application(message: EncodedMessage, changes: MessageChanges) -> bytes:
    """What is not changed keeps its type, which decoding would forget."""
    own = iter(message.elements(APPLICATION_PROPERTIES))
    pairs = []
    for key, value in zip(own, own, strict=True):
        name = decode(key)
        if name not in changes.application and name not in changes.removed:
            pairs.append(key + value)
    pairs += [
        encode(name) + encode(wire_value(value))
        for name, value in changes.application.items()
        if name not in changes.removed
    ]
    return encode_map(pairs)


def property_value(value: Any) -> PropertyValue:
    """An application property, decoded, as the broker sees it."""
    if isinstance(value, Timestamp):
        try:
            return _EPOCH + timedelta(milliseconds=value)
        except OverflowError:
            return (
                datetime.min.replace(tzinfo=UTC) if value < 0 else datetime.max.replace(tzinfo=UTC)
            )
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, bool | int | float | str | bytes | UUID):
        return value
    raise TypeError(f"an application property cannot be a {type(value).__name__}")


def wire_value(value: PropertyValue) -> Any:
    """What the encoder writes an application property by."""
    if isinstance(value, datetime):
        return Timestamp((value - _EPOCH) // timedelta(milliseconds=1))
    if isinstance(value, str):
        return str(value)
    return value
