"""A client that does what other stacks than the vendor's Python SDK do, frame by frame."""

import socket
from struct import pack
from typing import Any

from funchost.servicebus.amqp.decoding import decode_at
from funchost.servicebus.amqp.encoding import encode, encode_described_list
from funchost.servicebus.amqp.frames import AMQP_HEADER
from funchost.servicebus.amqp.values import Described, Symbol, UByte, UInt, ULong

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
ACCEPTED, REJECTED, RELEASED, MODIFIED = range(0x24, 0x28)


def uint(value: int | None) -> UInt | None:
    return None if value is None else UInt(value)


class RawClient:
    """One connection with one session. `read` gives (performative, its fields, payload)."""

    def __init__(self, connection: socket.socket, *, window: int = 2048, **opening: Any) -> None:
        self._socket = connection
        self._received = b""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(AMQP_HEADER)
        assert self._take(8) == AMQP_HEADER
        fields = [opening.get("frame"), None, opening.get("idle")]
        self.send(OPEN, ["raw", None, *fields], channel=0)
        self.send(BEGIN, [None, UInt(0), UInt(window), UInt(2048)])
        self.opened = self.expect(OPEN)[0]
        self.expect(BEGIN)

    def send(self, code: int, fields: list[Any], payload: bytes = b"", channel: int = 7) -> None:
        body = encode_described_list(code, fields) + payload
        self._socket.sendall(pack(">IBBH", len(body) + 8, 2, 0, channel) + body)

    def read(self) -> tuple[int, list[Any], bytes]:
        while True:
            size = int.from_bytes(self._take(4), "big")
            frame = self._take(size - 4)
            if size == 8:
                return 0, [], b""
            described, end = decode_at(frame, 4)
            fields = described.value + [None] * 14
            return described.descriptor, fields, frame[end:]

    def expect(self, code: int) -> tuple[list[Any], bytes]:
        """The next frame of this kind; others before it are passed over."""
        while True:
            found, fields, payload = self.read()
            if found == code:
                return fields, payload

    def attach_sender(self, handle: int, address: str, *, target: Any = None) -> list[Any]:
        target = target or Described(ULong(0x29), [address])
        source = Described(ULong(0x28), ["here"])
        modes = [UByte(2), UByte(0)]
        fields = [f"s{handle}", UInt(handle), False, *modes, source, target, None, None, UInt(0)]
        self.send(ATTACH, fields)
        return self.expect(ATTACH)[0]

    def attach_receiver(
        self, handle: int, address: str, *, settle_mode: int = 2, filters: Any = None
    ) -> list[Any]:
        source = Described(ULong(0x28), [address, *[None] * 6, filters])
        target = Described(ULong(0x29), ["here"])
        properties = {Symbol("com.example:anything"): 1}
        modes = [UByte(settle_mode), UByte(0)]
        fields = [f"r{handle}", UInt(handle), True, *modes, source, target]
        self.send(ATTACH, [*fields, *[None] * 6, properties])
        return self.expect(ATTACH)[0]

    def flow(
        self,
        handle: int | None = None,
        *,
        count: int | None = None,
        credit: int | None = None,
        drain: bool = False,
        incoming: int = 1,
        window: int = 2048,
        echo: bool = False,
    ) -> None:
        session = [UInt(incoming), UInt(window), UInt(0), UInt(2048)]
        link = [uint(handle), uint(count), uint(credit), None, drain, echo]
        self.send(FLOW, session + link)

    def transfer(
        self, handle: int, delivery: int, payload: bytes, *, settled: bool = False, **more: bool
    ) -> None:
        flags = [settled, more.get("more", False), None, None, None, more.get("aborted", False)]
        tag = delivery.to_bytes(4, "big")
        self.send(TRANSFER, [UInt(handle), UInt(delivery), tag, UInt(0), *flags], payload)

    def settle(
        self, first: int, last: int | None, outcome: int, *fields: Any, settled: bool = False
    ) -> None:
        state = Described(ULong(outcome), list(fields))
        self.send(DISPOSITION, [True, UInt(first), uint(last), settled, state])

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            part = self._socket.recv(65_536)
            if not part:
                raise ConnectionError("the server has closed the connection")
            self._received += part
        taken, self._received = self._received[:size], self._received[size:]
        return taken


def data(body: bytes) -> bytes:
    """A message of nothing but a body."""
    return b"\x00\x53\x75" + encode(body)


def body_of(payload: bytes) -> bytes:
    """Of a received message, whose data section comes last."""
    offset = 0
    value: Any = None
    while offset < len(payload):
        value, offset = decode_at(payload, offset)
    assert value.descriptor == 0x75
    found: bytes = value.value
    return found
