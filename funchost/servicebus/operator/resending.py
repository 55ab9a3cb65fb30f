"""Sends a dead letter's content again, with a fresh message id."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from azure.servicebus.amqp import (
    AmqpAnnotatedMessage,
    AmqpMessageBodyType,
    AmqpMessageHeader,
    AmqpMessageProperties,
)

from funchost.servicebus.amqp.codec import AmqpMessageCodec
from funchost.servicebus.broker.interface import MessageChanges
from funchost.servicebus.operator.browsing import PEEK, SEND
from funchost.servicebus.operator.management import ManagementError, ask
from funchost.servicebus.operator.target import Target

__all__ = ["Resender", "resending"]

_REASONS = frozenset({"DeadLetterReason", "DeadLetterErrorDescription"})
_INT32 = range(-(2**31), 2**31)


class Resender(Protocol):
    async def send(self, message: Any) -> None:
        """`message` as the SDK received it. Returns when the send was accepted."""


@asynccontextmanager
async def resending(target: Target, dead_letters: str, entity: str) -> AsyncIterator[Resender]:
    """From the dead letters at one path to an entity."""
    if target.local_port is not None:
        yield _EncodedResender(target.local_port, dead_letters, entity)
        return
    async with target.client.get_queue_sender(entity) as sender:
        yield _SdkResender(sender)


class _EncodedResender:
    """By the encoded message, as a broker of this machine shows it: the SDK, when it decodes, loses
    the types of what it decodes."""

    def __init__(self, port: int, dead_letters: str, entity: str) -> None:
        self._port = port
        self._dead_letters = dead_letters
        self._entity = entity

    async def send(self, message: Any) -> None:
        number = message.sequence_number
        question = {"from-sequence-number": number, "message-count": 1}
        found = await ask(self._port, PEEK, question, entity=self._dead_letters)
        if found is None:
            raise ManagementError(f"The dead letter {number} is gone.")
        name = uuid.uuid4().hex
        changes = MessageChanges(system={"MessageId": name}, removed=_REASONS)
        encoded = AmqpMessageCodec().edit(found["messages"][0]["message"], changes)
        messages = [{"message-id": name, "message": encoded}]
        await ask(self._port, SEND, {"messages": messages}, entity=self._entity)


class _SdkResender:
    """Timestamps among the application properties become their milliseconds, since the SDK hands
    over numbers alone."""

    def __init__(self, sender: Any) -> None:
        self._sender = sender

    async def send(self, message: Any) -> None:
        await self._sender.send_messages(again(message.raw_amqp_message))


def again(raw: Any) -> AmqpAnnotatedMessage:
    """What an SDK message becomes when it is sent for the second time."""
    properties = raw.properties or AmqpMessageProperties()
    annotations = {
        _text(name): _text(value)
        for name, value in (raw.annotations or {}).items()
        if _text(name) == "x-opt-partition-key"
    }
    application_properties = {
        _text(name): _sendable(value)
        for name, value in (raw.application_properties or {}).items()
        if _text(name) not in _REASONS
    }
    time_to_live = raw.header.time_to_live if raw.header else None
    return AmqpAnnotatedMessage(
        **_body(raw),
        header=None if time_to_live is None else AmqpMessageHeader(time_to_live=time_to_live),
        properties=AmqpMessageProperties(
            message_id=uuid.uuid4().hex,
            subject=_text(properties.subject),
            to=_text(properties.to),
            reply_to=_text(properties.reply_to),
            reply_to_group_id=_text(properties.reply_to_group_id),
            correlation_id=_text(properties.correlation_id),
            content_type=_text(properties.content_type),
            content_encoding=_text(properties.content_encoding),
            group_id=_text(properties.group_id),
        ),
        annotations=annotations,
        application_properties=application_properties,
    )


def _body(raw: Any) -> dict[str, Any]:
    if raw.body_type == AmqpMessageBodyType.VALUE:
        return {"value_body": raw.body}
    if raw.body_type == AmqpMessageBodyType.SEQUENCE:
        return {"sequence_body": list(raw.body)}
    return {"data_body": list(raw.body)}


def _sendable(value: Any) -> Any:
    if type(value) is int and value not in _INT32:
        # The SDK takes every bare int for one of 32 bits.
        return {"TYPE": "LONG", "VALUE": value}
    return _text(value)


def _text(value: Any) -> Any:
    """The SDK hands over text as it was encoded."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
