"""What the Functions host makes of Service Bus messages before Python sees them, and of Python's
values before Service Bus does."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from funchost.convert import Datum
from funchost.newtonsoft import JsonError, compact, dotnet_text, read
from funchost.results import expand_messages
from funchost.servicebus.messages import ReceivedMessage

__all__ = [
    "ConversionError",
    "batch_data",
    "batch_metadata",
    "outgoing_bodies",
    "single_data",
    "single_metadata",
    "trigger_details",
]

_NEVER = "9999-12-31T23:59:59.9999999Z"
_TEXTS: dict[str, Callable[[ReceivedMessage], str | None]] = {
    "MessageId": lambda message: message.message_id,
    "LockToken": lambda message: message.lock_token,
    "ContentType": lambda message: message.content_type,
    "ReplyTo": lambda message: message.reply_to,
    "ReplyToSessionId": lambda message: message.reply_to_session_id,
    "To": lambda message: message.to,
    "Subject": lambda message: message.subject,
    "Label": lambda message: message.subject,
    "CorrelationId": lambda message: message.correlation_id,
    "SessionId": lambda message: message.session_id,
    "PartitionKey": lambda message: message.partition_key,
    # The extension fills it from the partition key.
    "TransactionPartitionKey": lambda message: message.partition_key,
    "DeadLetterSource": lambda message: message.dead_letter_source,
}


class ConversionError(ValueError):
    """A body that the binding cannot carry; the invocation fails as it does in Azure."""


def single_data(message: ReceivedMessage, *, is_binary: bool) -> Datum:
    """Text where the body is UTF-8 and the binding did not ask for bytes."""
    body = _body(message)
    if is_binary:
        return Datum(body, "bytes")
    try:
        return Datum(body.decode("utf-8"), "string")
    except UnicodeDecodeError:
        return Datum(body, "bytes")


def single_metadata(message: ReceivedMessage, data: Datum) -> dict[str, Datum]:
    """The trigger metadata of one message, with what its JSON body puts over it: each top-level
    property that is no array stands under its name, in any case, in place of the message's own
    (Utility.ApplyBindingData of the host)."""
    found: dict[str, Datum | None] = {
        name: None if (value := take(message)) is None else Datum(value, "string")
        for name, take in _TEXTS.items()
    }
    properties = Datum(_properties(message), "json")
    enqueued = Datum(f'"{_enqueued(message)}"', "json")
    expires = Datum(f'"{_expires(message)}"', "json")
    found |= {
        "SequenceNumber": Datum(str(message.sequence_number), "json"),
        "DeliveryCount": Datum(str(message.delivery_count), "json"),
        "EnqueuedTimeUtc": enqueued,
        "EnqueuedTime": enqueued,
        "ExpiresAtUtc": expires,
        "ExpiresAt": expires,
        "ApplicationProperties": properties,
        "UserProperties": properties,
    }
    if data.type == "string":
        _apply_body(found, data.value)
    return {name: datum for name, datum in found.items() if datum is not None}


def batch_data(messages: Sequence[ReceivedMessage], *, is_binary: bool) -> Datum:
    """Empty bodies are dropped from a collection, as the host does towards Python, which then
    misses them: the metadata has more entries than there are bodies."""
    bodies = [body for body in map(_body, messages) if body]
    if is_binary:
        return Datum(SimpleNamespace(bytes=bodies), "collection_bytes")
    texts = [body.decode("utf-8", "replace") for body in bodies]
    return Datum(SimpleNamespace(string=texts), "collection_string")


def batch_metadata(messages: Sequence[ReceivedMessage]) -> dict[str, Datum]:
    """One array for each field. Arrays of text lose what is absent or empty, as above."""
    found = {
        f"{name}Array": Datum(
            SimpleNamespace(string=[text for text in map(take, messages) if text]),
            "collection_string",
        )
        for name, take in _TEXTS.items()
    }
    properties = Datum(f"[{','.join(map(_properties, messages))}]", "json")
    enqueued = Datum(json.dumps([_enqueued(message) for message in messages]), "json")
    expires = Datum(json.dumps([_expires(message) for message in messages]), "json")
    return found | {
        "SequenceNumberArray": Datum(
            SimpleNamespace(sint64=[message.sequence_number for message in messages]),
            "collection_sint64",
        ),
        "DeliveryCountArray": Datum(
            json.dumps([message.delivery_count for message in messages]), "json"
        ),
        "EnqueuedTimeUtcArray": enqueued,
        "EnqueuedTimeArray": enqueued,
        "ExpiresAtUtcArray": expires,
        "ExpiresAtArray": expires,
        "ApplicationPropertiesArray": properties,
        "UserPropertiesArray": properties,
    }


def trigger_details(messages: Sequence[ReceivedMessage], *, is_batch: bool = False) -> str:
    """The line that the extension adds to an invocation's log."""
    if is_batch:
        parts: dict[str, list[Any]] = {
            "MessageIdArray": [message.message_id or "" for message in messages],
            "SequenceNumberArray": [message.sequence_number for message in messages],
            "DeliveryCountArray": [message.delivery_count for message in messages],
            "EnqueuedTimeUtcArray": [_enqueued(message) for message in messages],
            "LockedUntilUtcArray": [_locked(message) for message in messages],
        }
        details = {name: ", ".join(map(str, values)) for name, values in parts.items()}
    else:
        (message,) = messages
        details = {
            "MessageId": message.message_id or "",
            "SequenceNumber": str(message.sequence_number),
            "DeliveryCount": str(message.delivery_count),
            "EnqueuedTimeUtc": _enqueued(message),
            "LockedUntilUtc": _locked(message),
        }
    if messages[0].session_id is not None:
        details["SessionId"] = messages[0].session_id
    return "Trigger Details: " + ", ".join(f"{name}: {text}" for name, text in details.items())


def outgoing_bodies(data: Datum) -> list[bytes]:
    """The bodies of the messages that one value of an output binding becomes. Raises OutputError
    for text in brackets or braces that is not JSON."""
    match data.type:
        case "string" | "json":
            return expand_messages(data.value)
        case "dict" | "list":
            return expand_messages(json.dumps(data.value))
        case "int" | "double":
            return [dotnet_text(data.value).encode()]
        case "bytes":
            # The host collects strings and calls ToString() on the byte[] that came.
            return [b"System.Byte[]"]
    raise ConversionError(f"Service Bus messages cannot be made of data of type '{data.type}'.")


def _apply_body(found: dict[str, Datum | None], text: str) -> None:
    trimmed = text.strip()
    if not (trimmed.startswith("{") and trimmed.endswith("}")):
        return
    try:
        content = read(trimmed)
    except JsonError:
        return
    assert isinstance(content, dict)
    names = {name.lower(): name for name in found}
    for key, value in content.items():
        if isinstance(value, list):
            continue
        name = names.setdefault(key.lower(), key)
        if isinstance(value, dict):
            found[name] = Datum(compact(value), "json")
        else:
            found[name] = None if value is None else Datum(dotnet_text(value), "string")


def _body(message: ReceivedMessage) -> bytes:
    match message.body:
        case None:
            return b""
        case bytes():
            return message.body
        case str():
            return message.body.encode()
    raise ConversionError(
        f"The body of message {message.sequence_number} is an AMQP value or sequence of type "
        f"'{type(message.body).__name__}', which the binding cannot carry."
    )


def _properties(message: ReceivedMessage) -> str:
    if not message.application_properties:
        return "{}"
    return json.dumps(
        {name: _property(value) for name, value in message.application_properties.items()},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _property(value: Any) -> Any:
    """As Newtonsoft prints the .NET value of an application property."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return _iso(value)
        case date() | UUID() | Decimal():
            return str(value)
        case timedelta():
            return str(value)
        case bytes():
            return value.decode("utf-8", "replace")
    return str(value)


def _enqueued(message: ReceivedMessage) -> str:
    return _iso(message.enqueued_time)


def _expires(message: ReceivedMessage) -> str:
    return _NEVER if message.expires_at is None else _iso(message.expires_at)


def _locked(message: ReceivedMessage) -> str:
    return "" if message.locked_until is None else _iso(message.locked_until)


def _iso(moment: datetime) -> str:
    """A .NET DateTime in UTC as Newtonsoft prints it: the fraction without trailing zeros."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"
