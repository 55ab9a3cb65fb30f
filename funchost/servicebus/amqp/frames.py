"""Frames and the performatives in them (2.3 and 2.7), as bytes.

What is sent for every message (transfer, disposition, flow) is packed by hand; the rest goes
through the encoder.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Any, Final

from funchost.servicebus.amqp.decoding import decode_at
from funchost.servicebus.amqp.encoding import encode_described_list
from funchost.servicebus.amqp.values import (
    Array,
    DecodeError,
    Raw,
    Symbol,
    UByte,
    UInt,
    ULong,
    UShort,
)

__all__ = [
    "ACCEPTED",
    "AMQP_HEADER",
    "ATTACH",
    "BEGIN",
    "CLOSE",
    "DETACH",
    "DISPOSITION",
    "END",
    "FLOW",
    "HEARTBEAT",
    "MODIFIED",
    "OPEN",
    "REJECTED",
    "RELEASED",
    "SASL_HEADER",
    "SASL_INIT",
    "TRANSFER",
    "attach_frame",
    "begin_frame",
    "close_frame",
    "detach_frame",
    "disposition_frame",
    "end_frame",
    "error_value",
    "flow_frame",
    "open_frame",
    "read_performative",
    "rejected",
    "sasl_mechanisms_frame",
    "sasl_outcome_frame",
    "transfer_frames",
]

AMQP_HEADER: Final = b"AMQP\x00\x01\x00\x00"
SASL_HEADER: Final = b"AMQP\x03\x01\x00\x00"
HEARTBEAT: Final = b"\x00\x00\x00\x08\x02\x00\x00\x00"

OPEN: Final = 0x10
BEGIN: Final = 0x11
ATTACH: Final = 0x12
FLOW: Final = 0x13
TRANSFER: Final = 0x14
DISPOSITION: Final = 0x15
DETACH: Final = 0x16
END: Final = 0x17
CLOSE: Final = 0x18
SASL_MECHANISMS: Final = 0x40
SASL_INIT: Final = 0x41
SASL_OUTCOME: Final = 0x44

_WIDTHS = {
    OPEN: 10,
    BEGIN: 8,
    ATTACH: 14,
    FLOW: 11,
    TRANSFER: 11,
    DISPOSITION: 6,
    DETACH: 3,
    END: 1,
    CLOSE: 1,
    SASL_INIT: 3,
}
_ERROR: Final = 0x1D
ACCEPTED: Final = b"\x00\x53\x24\x45"
REJECTED: Final = b"\x00\x53\x25\x45"
RELEASED: Final = b"\x00\x53\x26\x45"
MODIFIED: Final = b"\x00\x53\x27\x45"

_FRAME = Struct(">IBBH")
# A flow of seven fields: session window, then handle, delivery-count and credit.
_FLOW = Struct(">IBBH 3sBBB BI BI BI BI BI BI BI")
# First frame of a delivery: handle, delivery-id, tag, format, settled, more.
_TRANSFER = Struct(">IBBH 3sBBB BI BI BB16s B B B")
_CONTINUATION = Struct(">IBBH 3sBBB BI 4s B")
_DISPOSITION = Struct(">IBBH 3sBBB B BI BI B")


def read_performative(frame: bytes, offset: int) -> tuple[int, list[Any], int]:
    """Its code, its fields with None for those left out, and where the payload starts.

    Raises DecodeError.
    """
    described, end = decode_at(frame, offset)
    code = getattr(described, "descriptor", None)
    fields = getattr(described, "value", None)
    if type(code) is not int or type(fields) is not list:
        raise DecodeError("a frame does not start with a performative")
    width = _WIDTHS.get(code)
    if width is None or len(fields) > width:
        raise DecodeError(f"0x{code:02x} with {len(fields)} fields is no performative")
    fields += [None] * (width - len(fields))
    return code, fields, end


def _frame(channel: int, body: bytes, kind: int = 0) -> bytes:
    return _FRAME.pack(len(body) + 8, 2, kind, channel) + body


def error_value(condition: str, description: str) -> Raw:
    """All three fields, always: the vendor's client fails over shorter lists."""
    return Raw(encode_described_list(_ERROR, [Symbol(condition), description, {}]))


def rejected(condition: str, description: str) -> bytes:
    return encode_described_list(0x25, [error_value(condition, description)])


def sasl_mechanisms_frame(names: list[str]) -> bytes:
    return _frame(0, encode_described_list(SASL_MECHANISMS, [Array(0xA3, names)]), 1)


def sasl_outcome_frame(code: int) -> bytes:
    return _frame(0, encode_described_list(SASL_OUTCOME, [UByte(code)]), 1)


def open_frame(
    container: str, host: str, maximum_frame: int, channel_max: int, idle_ms: int
) -> bytes:
    fields = [container, host, UInt(maximum_frame), UShort(channel_max), UInt(idle_ms)]
    return _frame(0, encode_described_list(OPEN, fields))


def begin_frame(channel: int, next_outgoing: int, window: int, handle_max: int) -> bytes:
    numbers = [UInt(next_outgoing), UInt(window), UInt(window), UInt(handle_max)]
    return _frame(channel, encode_described_list(BEGIN, [UShort(channel), *numbers]))


def attach_frame(
    channel: int,
    handle: int,
    name: str,
    *,
    is_receiver: bool,
    settle_modes: tuple[int, int] = (0, 0),
    source: bytes | None = None,
    target: bytes | None = None,
    maximum_message: int | None = None,
    properties: Mapping[Symbol, Any] | None = None,
) -> bytes:
    """`is_receiver` is our own role; `source` and `target` are encoded. Without them it refuses."""
    fields = [
        name,
        UInt(handle),
        is_receiver,
        UByte(settle_modes[0]),
        UByte(settle_modes[1]),
        None if source is None else Raw(source),
        None if target is None else Raw(target),
        None,
        None,
        None if is_receiver else UInt(0),
        None if maximum_message is None else ULong(maximum_message),
        None,
        None,
        None if properties is None else dict(properties),
    ]
    return _frame(channel, encode_described_list(ATTACH, fields))


def detach_frame(
    channel: int, handle: int, error: tuple[str, str] | None = None, *, is_closed: bool = True
) -> bytes:
    fields = [UInt(handle), is_closed, None if error is None else error_value(*error)]
    return _frame(channel, encode_described_list(DETACH, fields))


def end_frame(channel: int, error: tuple[str, str] | None = None) -> bytes:
    return _frame(channel, encode_described_list(END, [error and error_value(*error)]))


def close_frame(error: tuple[str, str] | None = None) -> bytes:
    return _frame(0, encode_described_list(CLOSE, [error and error_value(*error)]))


def flow_frame(
    channel: int,
    session: tuple[int, int, int, int],
    link: tuple[int, int, int] | None = None,
    *,
    is_drained: bool = False,
) -> bytes:
    """`session` is next-incoming-id, incoming-window, next-outgoing-id, outgoing-window; `link` is
    handle, delivery-count, credit."""
    if link is not None and not is_drained:
        return _FLOW.pack(
            *(_FLOW.size, 2, 0, channel, b"\x00\x53\x13", 0xC0, 36, 7),
            *(0x70, session[0], 0x70, session[1], 0x70, session[2], 0x70, session[3]),
            *(0x70, link[0], 0x70, link[1], 0x70, link[2]),
        )
    fields: list[Any] = [UInt(number) for number in session]
    if link is not None:
        fields += [*map(UInt, link), None, is_drained]
    return _frame(channel, encode_described_list(FLOW, fields))


def disposition_frame(
    channel: int, *, is_receiver: bool, first: int, last: int, state: bytes
) -> bytes:
    """Settled. `is_receiver` is our role in the deliveries; `state` is encoded."""
    if len(state) < 200:
        size, role = len(state), 0x41 if is_receiver else 0x42
        return (
            _DISPOSITION.pack(
                *(_DISPOSITION.size + size, 2, 0, channel, b"\x00\x53\x15", 0xC0, 13 + size, 5),
                *(role, 0x70, first, 0x70, last, 0x41),
            )
            + state
        )
    fields = [is_receiver, UInt(first), UInt(last), True, Raw(state)]
    return _frame(channel, encode_described_list(DISPOSITION, fields))


def transfer_frames(
    channel: int,
    handle: int,
    delivery: int,
    tag: bytes,
    payload: bytes,
    *,
    is_settled: bool,
    maximum_frame: int,
) -> list[bytes]:
    """One delivery in as few frames as fit. `tag` has 16 bytes."""
    room = maximum_frame - _TRANSFER.size
    settled = 0x41 if is_settled else 0x42
    first = payload if len(payload) <= room else payload[:room]
    frames = [
        _TRANSFER.pack(
            *(_TRANSFER.size + len(first), 2, 0, channel, b"\x00\x53\x14", 0xC0, 32, 6),
            *(0x70, handle, 0x70, delivery, 0xA0, 16, tag, 0x43, settled),
            0x41 if len(payload) > room else 0x42,
        )
        + first
    ]
    for start in range(room, len(payload), room):
        part = payload[start : start + room]
        frames.append(
            _CONTINUATION.pack(
                *(_CONTINUATION.size + len(part), 2, 0, channel, b"\x00\x53\x14", 0xC0, 11, 6),
                *(0x70, handle, b"\x40\x40\x40\x40"),
                0x41 if start + room < len(payload) else 0x42,
            )
            + part
        )
    return frames
