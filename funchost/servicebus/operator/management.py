"""One question to the `$management` node of a broker, over a connection of its own.

The SDK has no call for what is not Service Bus's own, so this speaks AMQP itself; it pipelines, as
the SDK does, everything up to the request.
"""

import asyncio
import uuid
from struct import pack, unpack
from typing import Any

from funchost.servicebus.amqp.encoding import encode, encode_described_list
from funchost.servicebus.amqp.frames import (
    AMQP_HEADER,
    ATTACH,
    BEGIN,
    CLOSE,
    DETACH,
    END,
    FLOW,
    OPEN,
    SASL_HEADER,
    SASL_INIT,
    TRANSFER,
    read_performative,
)
from funchost.servicebus.amqp.sections import (
    APPLICATION_PROPERTIES,
    PROPERTIES,
    VALUE,
    EncodedMessage,
)
from funchost.servicebus.amqp.values import DecodeError, Raw, Symbol, UByte, UInt

__all__ = ["ManagementError", "ask"]

_HOST = "127.0.0.1"
_NODE = "$management"
_NOTHING = (202, 204)
_MAXIMUM_FRAME = 1 << 20
_PATIENCE_SECONDS = 10.0
_SOURCE, _TARGET = 0x28, 0x29
_SENDER, _RECEIVER = 0, 1
_MORE = 5


class ManagementError(Exception):
    """The broker cannot be asked, or has refused."""


async def ask(
    port: int, operation: str, body: dict[str, Any] | None = None, *, entity: str = ""
) -> dict[str, Any] | None:
    """The map with which a broker on this machine answers, None when it has nothing. Without an
    entity the question is about all of them. Raises ManagementError."""
    node = f"{entity}/{_NODE}" if entity else _NODE
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(_HOST, port)
            try:
                writer.write(_request(node, operation, body or {}))
                return _answer(await _receive(reader))
            finally:
                writer.close()
    except (OSError, EOFError, DecodeError, TimeoutError) as error:
        text = str(error) or type(error).__name__
        raise ManagementError(f"The broker at {_HOST}:{port} does not answer: {text}.") from error


def _request(node: str, operation: str, body: dict[str, Any]) -> bytes:
    message = b"".join(
        (
            encode_described_list(PROPERTIES, [uuid.uuid4(), None, None, None, node]),
            *(b"\x00\x53", bytes((APPLICATION_PROPERTIES,))),
            encode({"operation": operation, "type": "entity-mgmt"}),
            *(b"\x00\x53", bytes((VALUE,)), encode(body)),
        )
    )
    window = UInt(1 << 16)
    return b"".join(
        (
            SASL_HEADER,
            _frame(SASL_INIT, [Symbol("ANONYMOUS")], kind=1),
            AMQP_HEADER,
            _frame(OPEN, [f"funchost-bus-{uuid.uuid4()}", _HOST, UInt(_MAXIMUM_FRAME)]),
            _frame(BEGIN, [None, UInt(0), window, window, UInt(7)]),
            _attach(node, _RECEIVER, is_receiver=True),
            _attach(node, _SENDER, is_receiver=False),
            _frame(FLOW, [UInt(0), window, UInt(0), window, UInt(_RECEIVER), UInt(0), UInt(1)]),
            _frame(TRANSFER, [UInt(_SENDER), UInt(0), b"\0\0\0\1", UInt(0), True], payload=message),
        )
    )


def _attach(node: str, handle: int, *, is_receiver: bool) -> bytes:
    source, target = (Raw(encode_described_list(code, [node])) for code in (_SOURCE, _TARGET))
    count = None if is_receiver else UInt(0)
    modes = [UByte(0), UByte(0)]
    fields = [str(uuid.uuid4()), UInt(handle), is_receiver, *modes, source, target]
    return _frame(ATTACH, [*fields, None, None, count])


def _frame(code: int, fields: list[Any], *, payload: bytes = b"", kind: int = 0) -> bytes:
    body = encode_described_list(code, fields) + payload
    return pack(">IBBH", len(body) + 8, 2, kind, 0) + body


async def _receive(reader: asyncio.StreamReader) -> EncodedMessage:
    """The first message that comes. Raises ManagementError for a refusal."""
    parts: list[bytes] = []
    while True:
        head = await reader.readexactly(8)
        if head.startswith(b"AMQP"):
            continue  # a protocol header, in answer to one of ours
        size, offset, kind, _ = unpack(">IBBH", head)
        frame = head + await reader.readexactly(size - 8)
        if kind != 0 or size == 4 * offset:
            continue  # SASL, which goes well or ends the connection; or a heartbeat
        code, fields, end = read_performative(frame, 4 * offset)
        if code == TRANSFER:
            parts.append(frame[end:])
            if not fields[_MORE]:
                return EncodedMessage(b"".join(parts))
        elif code in (DETACH, END, CLOSE):
            raise ManagementError(f"The broker refuses the request: {_reason(fields[-1])}")


def _answer(message: EncodedMessage) -> dict[str, Any] | None:
    properties = message.application_properties
    if properties.get("statusCode") in _NOTHING:
        return None
    if properties.get("statusCode") != 200:
        reason = properties.get("statusDescription")
        raise ManagementError(f"The broker refuses the request: {reason}")
    body = message.body_value
    return body if isinstance(body, dict) else {}


def _reason(error: Any) -> str:
    fields = getattr(error, "value", None)
    return ": ".join(str(part) for part in fields[:2]) if fields else "no reason was given"
