"""A codec for tests of the broker alone: a message is JSON."""

import json

from funchost.servicebus.broker.interface import (
    Envelope,
    IncomingMessage,
    MessageChanges,
    MessageProperties,
    PropertyValue,
    StoredMessage,
)


class JsonCodec:
    """Implements MessageCodec."""

    def envelope(self, encoded: bytes) -> Envelope:
        content = json.loads(encoded)
        return Envelope(
            content["system"].get("MessageId"),
            content["system"].get("SessionId"),
            content.get("ttl"),
            content.get("at"),
        )

    def properties(self, encoded: bytes) -> MessageProperties:
        content = json.loads(encoded)
        return MessageProperties(content["system"], content["application"])

    def edit(self, encoded: bytes, changes: MessageChanges) -> bytes:
        content = json.loads(encoded)
        content["system"].update(changes.system)
        content["application"].update(changes.application)
        for name in changes.removed:
            content["application"].pop(name, None)
        return json.dumps(content).encode()


def message(
    body: str = "",
    *,
    message_id: str | None = None,
    session: str | None = None,
    ttl: int | None = None,
    at: int | None = None,
    label: str | None = None,
    **application: PropertyValue,
) -> IncomingMessage:
    system = {"MessageId": message_id, "SessionId": session, "Label": label}
    encoded = json.dumps(
        {"system": system, "application": application, "body": body, "ttl": ttl, "at": at}
    ).encode()
    return IncomingMessage(encoded, Envelope(message_id, session, ttl, at))


def body(stored: StoredMessage) -> str:
    return str(json.loads(stored.encoded)["body"])


def application(stored: StoredMessage) -> dict[str, PropertyValue]:
    properties: dict[str, PropertyValue] = json.loads(stored.encoded)["application"]
    return properties


def system(stored: StoredMessage, name: str) -> str | None:
    value: str | None = json.loads(stored.encoded)["system"].get(name)
    return value
