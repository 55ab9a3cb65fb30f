"""What goes over the wire: frames of a length of four bytes and one AMQP list.

    call    [number, name of a method of Links, its arguments]
    result  [number, null, what it returned]
    error   [number, condition of a BrokerError, text]

Both sides begin with `GREETING`. It has the form of AMQP's own protocol header with an id that AMQP
does not use, so that a listener that does not know it names what it speaks, and hangs up.
"""

import asyncio
import socket
import sys
from abc import abstractmethod
from struct import Struct
from typing import Any, Final, cast

from funchost.servicebus.amqp.decoding import decode
from funchost.servicebus.amqp.encoding import encode
from funchost.servicebus.amqp.values import DecodeError, Described
from funchost.servicebus.broker.interface import MessageState, StoredMessage

__all__ = ["GREETING", "FrameProtocol"]

GREETING: Final = b"AMQPF\x01\x00\x00"

_LENGTH: Final = Struct(">I")
_STORED_MESSAGE: Final = 1


class FrameProtocol(asyncio.Protocol):
    """One end of a connection. What is sent in one turn of the event loop leaves together."""

    longest_frame = 1 << 30

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._out: list[bytes] = []

    @abstractmethod
    def on_frame(self, frame: list[Any]) -> None: ...

    @property
    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asked by isinstance: uvloop's transports do not descend from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        if (raw := transport.get_extra_info("socket")) is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._read()

    def _read(self, most: int = sys.maxsize) -> bool:
        """Handles the frames that have come whole, so many at most; whether there may be more."""
        received, offset, handled = self._received, 0, 0
        try:
            while handled < most and len(received) - offset >= _LENGTH.size:
                start = offset + _LENGTH.size
                (length,) = _LENGTH.unpack_from(received, offset)
                if length > self.longest_frame:
                    raise DecodeError(f"a frame has {length} bytes")
                if len(received) - start < length:
                    break
                offset = start + length
                frame = decode(bytes(received[start:offset]))
                if type(frame) is not list or len(frame) != 3:
                    raise DecodeError("a frame is not a list of three")
                self.on_frame(frame)
                handled += 1
        except DecodeError:
            # Whoever is there does not speak this protocol.
            self._transport.abort()
        del received[:offset]
        return handled == most

    def send(self, *frame: Any) -> None:
        """Raises TypeError and ValueError for what AMQP has no type for."""
        encoded = encode([_plain(value) for value in frame])
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += (_LENGTH.pack(len(encoded)), encoded)

    def close(self) -> None:
        """After what has been sent."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and not self._transport.is_closing():
            self._transport.write(b"".join(out))


def restored(value: Any) -> Any:
    """What `send` was given. Raises DecodeError."""
    if type(value) is list:
        return [restored(item) for item in value]
    if type(value) is not Described:
        return value
    try:
        encoded, number, first, at, deliveries, state, *rest = value.value
        return StoredMessage(encoded, number, first, at, deliveries, MessageState(state), *rest)
    except (TypeError, ValueError) as error:
        raise DecodeError(f"a message is not what it should be: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if not isinstance(value, StoredMessage):
        return value
    return Described(
        _STORED_MESSAGE,
        [
            value.encoded,
            value.sequence_number,
            value.enqueued_sequence_number,
            value.enqueued_at,
            value.delivery_count,
            int(value.state),
            value.time_to_live,
            value.scheduled_at,
            value.dead_letter_source,
            value.session_id,
            value.lock_token,
            value.locked_until,
        ],
    )
