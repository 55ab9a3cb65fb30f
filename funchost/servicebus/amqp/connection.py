"""One client's connection: headers, SASL, frames, and the way to its sessions (2.2 to 2.4, 5.3)."""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from funchost.servicebus.amqp import frames
from funchost.servicebus.amqp.errors import AmqpError, ConnectionFault, SessionFault
from funchost.servicebus.amqp.frames import (
    AMQP_HEADER,
    BEGIN,
    CLOSE,
    HEARTBEAT,
    OPEN,
    SASL_HEADER,
    SASL_INIT,
    close_frame,
    open_frame,
    read_performative,
    sasl_mechanisms_frame,
    sasl_outcome_frame,
)
from funchost.servicebus.amqp.session import Session
from funchost.servicebus.amqp.values import DecodeError
from funchost.servicebus.broker.errors import BrokerError
from funchost.servicebus.broker.interface import Broker

if TYPE_CHECKING:
    from funchost.servicebus.amqp.nodes import Nodes

__all__ = ["Connection", "OtherProtocol"]

OtherProtocol = Callable[[asyncio.Transport, bytes], None]
"""Takes a connection whose client has sent another header, with what came behind that."""

_LOG: Final = logging.getLogger(__name__)
_MECHANISMS: Final = ["ANONYMOUS", "PLAIN", "MSSBCBS"]
_MAXIMUM_FRAME: Final = 65_536
_CHANNEL_MAX: Final = 255
_IDLE_MS: Final = 240_000
"""Announced, not enforced: the vendor's client is silent for longer than it was told. TCP's own
keep-alive finds dead peers."""
_SHORTEST_HEARTBEAT_SECONDS: Final = 0.25
_GREETING_SECONDS: Final = 60.0
_HIGH_WATER: Final = 1 << 20
_UNREAD_BYTES: Final = 8 << 20
_HELD_BYTES: Final = 4 << 20
_GATHERED_BYTES: Final = 64 << 20
_LAST_WORDS_SECONDS: Final = 10.0
_SMALLEST_FRAME: Final = 512
_LARGEST_FRAME: Final = 1 << 20
_SASL_OK: Final = 0
_SASL_AUTHENTICATION_FAILED: Final = 1


class Connection(asyncio.Protocol):
    def __init__(
        self,
        broker: Broker,
        nodes: "Nodes",
        container: str,
        on_end: Callable[["Connection"], None],
        others: "Mapping[bytes, OtherProtocol]",
    ) -> None:
        self.broker = broker
        self.nodes = nodes
        self.is_writable = True
        self.receiving_links = 0
        self.maximum_frame = 512
        """What the client takes."""
        self._container = container
        self._on_end = on_end
        self._others = others
        self._sessions: dict[int, Session] = {}
        self._past_channels: set[int] = set()
        self._rest = b""
        self._read: Callable[[bytes, int], int] = self._read_header
        self._on_frame: Callable[[bytes], None] = self._on_sasl_frame
        self._is_authenticated = False
        self._is_open = False
        self._is_closing = False
        self._is_lost = False
        self._out: list[bytes] = []
        self._held = 0
        self._gathered = 0
        self._is_paused = False
        self._under_way: set[asyncio.Future[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asked by isinstance: uvloop's transports do not descend from asyncio's.
        transport = cast(asyncio.Transport, transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        if (raw := transport.get_extra_info("socket")) is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timer = self._loop.call_later(_GREETING_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._close_sessions()
        self._is_lost = True
        self._leave()

    def pause_writing(self) -> None:
        self.is_writable = False

    def resume_writing(self) -> None:
        self.is_writable = True
        self._resume()
        for session in list(self._sessions.values()):
            session.resume()

    def data_received(self, data: bytes) -> None:
        if self._is_closing:
            return
        if self._rest:
            data = self._rest + data
        offset = 0
        try:
            while not self._is_closing:
                end = self._read(data, offset)
                if end == offset:
                    break
                offset = end
            self._rest = data[offset:]
        except DecodeError as error:
            self.fail("amqp:decode-error", str(error))
        except AmqpError as error:
            self.fail(error.condition, str(error))
        except Exception:
            _LOG.exception("The AMQP listener failed over what a client sent")
            self.fail("amqp:internal-error", "The broker failed; its log says how.")

    def write(self, frame: bytes) -> None:
        """Sent together with all else that is written in this turn of the event loop."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(frame)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and not self._transport.is_closing():
            self._transport.write(b"".join(out))
            if self._transport.get_write_buffer_size() > _UNREAD_BYTES:
                # It asks for more than it reads of the answers.
                self._pause()

    def gather(self, size: int) -> None:
        """Counts the parts of deliveries that have not come whole yet."""
        self._gathered += size
        if self._gathered > _GATHERED_BYTES:
            text = "too many deliveries are sent in parts at the same time"
            raise ConnectionFault("amqp:resource-limit-exceeded", text)

    def hold(self, size: int) -> None:
        """Counts what a client has sent and the broker has not stored yet; beyond a limit the
        client is not read from."""
        self._held += size
        if self._held > _HELD_BYTES:
            self._pause()

    def let_go(self, size: int) -> None:
        self._held -= size
        self._resume()

    def _pause(self) -> None:
        if not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if (
            self._is_paused
            and self.is_writable
            and self._held < _HELD_BYTES // 2
            and not self._transport.is_closing()
        ):
            self._is_paused = False
            self._transport.resume_reading()

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Work on behalf of this client, which may outlive the connection."""
        task = self._loop.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._finished)
        return task

    def follow(
        self, future: "asyncio.Future[Any]", then: Callable[["asyncio.Future[Any]"], None]
    ) -> None:
        """Calls `then` when the future is done, at once if it is."""

        def done(finished: "asyncio.Future[Any]") -> None:
            self._report(finished)
            then(finished)
            self._under_way.discard(finished)
            self._leave()

        self._under_way.add(future)
        future.add_done_callback(done)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._report(task)
        self._under_way.discard(task)
        self._leave()

    def _leave(self) -> None:
        if self._is_lost and not self._under_way:
            self._on_end(self)

    def _report(self, future: "asyncio.Future[Any]") -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None and not isinstance(error, BrokerError):
            _LOG.error("The Service Bus broker failed", exc_info=error)

    async def end(self, patience: float) -> None:
        """Stops delivering, lets what is under way finish for `patience` seconds, then says that
        the connection is closed by the server."""
        for session in self._sessions.values():
            session.stop_delivering()
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=patience)
        self.close(("amqp:connection:forced", "The broker is stopping."))

    def abort(self) -> None:
        self._transport.abort()

    def fail(self, condition: str, description: str) -> None:
        """Ends this connection, and nothing else."""
        _LOG.debug("A client's connection is closed: %s: %s", condition, description)
        self.close((condition, description))

    def close(self, error: tuple[str, str] | None = None) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        self._close_sessions()
        if self._is_open:
            self.write(close_frame(error))
        self._flush()
        self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_LAST_WORDS_SECONDS, self._transport.abort)

    def forget(self, session: Session) -> None:
        self._sessions.pop(session.channel, None)
        self._past_channels.add(session.channel)

    def _close_sessions(self) -> None:
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    def _read_header(self, data: bytes, offset: int) -> int:
        """Takes a protocol header from `data` and gives the offset behind it."""
        header = data[offset : offset + 8]
        if len(header) < 8 and AMQP_HEADER.startswith(header[:4]):
            return offset
        if header == SASL_HEADER and not self._is_authenticated:
            self.write(SASL_HEADER)
            self.write(sasl_mechanisms_frame(_MECHANISMS))
        elif header == AMQP_HEADER:
            # Clients that skip SASL are anonymous, which nobody here is refused for.
            self._is_authenticated = True
            self._on_frame = self._on_amqp_frame
            self.write(AMQP_HEADER)
        elif header in self._others:
            self._hand_over(self._others[header], data[offset + 8 :])
            return len(data)
        else:
            self.write(AMQP_HEADER if self._is_authenticated else SASL_HEADER)
            self.close()
            return offset
        self._read = self._read_frame
        return offset + 8

    def _hand_over(self, other: "OtherProtocol", rest: bytes) -> None:
        """The client speaks another protocol: from here on the connection is not ours."""
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._on_end(self)
        other(self._transport, rest)

    def _read_frame(self, data: bytes, offset: int) -> int:
        """Handles one whole frame, if there is one, and gives the offset behind it."""
        if len(data) - offset < 8:
            return offset
        size = int.from_bytes(data[offset : offset + 4], "big")
        if not 8 <= size <= _MAXIMUM_FRAME:
            raise ConnectionFault("amqp:connection:framing-error", f"a frame has {size} bytes")
        end = offset + size
        if end > len(data):
            return offset
        self._on_frame(data[offset:end])
        return end

    def _on_sasl_frame(self, frame: bytes) -> None:
        code, fields, _ = read_performative(frame, _body_offset(frame, kind=1))
        mechanism = fields[0]
        if code != SASL_INIT or not isinstance(mechanism, str):
            raise DecodeError("sasl-init is expected")
        if mechanism not in _MECHANISMS:
            self.write(sasl_outcome_frame(_SASL_AUTHENTICATION_FAILED))
            self.close()
            return
        self.write(sasl_outcome_frame(_SASL_OK))
        self._is_authenticated = True
        self._read = self._read_header

    def _on_amqp_frame(self, frame: bytes) -> None:
        offset = _body_offset(frame, kind=0)
        if offset == len(frame):
            return  # A heartbeat.
        channel = frame[6] << 8 | frame[7]
        code, fields, end = read_performative(frame, offset)
        if code == OPEN:
            self._open(fields)
        elif not self._is_open:
            raise ConnectionFault("amqp:connection:framing-error", "open is expected")
        elif code == CLOSE:
            self.close()
        elif code == BEGIN:
            self._begin(channel, fields)
        else:
            session = self._sessions.get(channel)
            if session is None:
                if channel not in self._past_channels:
                    raise ConnectionFault("amqp:not-allowed", f"no session is on channel {channel}")
                return
            try:
                self._dispatch(session, code, fields, frame, offset, end)
            except SessionFault as fault:
                session.end((fault.condition, str(fault)))

    def _dispatch(
        self, session: Session, code: int, fields: list[Any], frame: bytes, start: int, end: int
    ) -> None:
        match code:
            case frames.TRANSFER:
                session.on_transfer(fields, frame[end:])
            case frames.DISPOSITION:
                session.on_disposition(fields)
            case frames.FLOW:
                session.on_flow(fields)
            case frames.ATTACH:
                session.on_attach(fields, frame, start)
            case frames.DETACH:
                session.on_detach(fields)
            case frames.END:
                session.end(None)
            case _:
                raise ConnectionFault("amqp:not-allowed", f"0x{code:02x} is not expected here")

    def _open(self, fields: list[Any]) -> None:
        _, _, maximum_frame, _, idle_ms, *_ = fields
        if self._is_open:
            raise ConnectionFault("amqp:not-allowed", "the connection is open already")
        if type(maximum_frame) is int:
            if maximum_frame < _SMALLEST_FRAME:
                raise ConnectionFault("amqp:not-allowed", "max-frame-size is below 512")
            self.maximum_frame = min(maximum_frame, _LARGEST_FRAME)
        else:
            self.maximum_frame = _LARGEST_FRAME
        self._is_open = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        host = fields[1] if isinstance(fields[1], str) else ""
        self.write(open_frame(self._container, host, _MAXIMUM_FRAME, _CHANNEL_MAX, _IDLE_MS))
        if type(idle_ms) is int and idle_ms:
            interval = max(idle_ms / 2000, _SHORTEST_HEARTBEAT_SECONDS)
            self._timer = self._loop.call_later(interval, self._beat, interval)

    def _begin(self, channel: int, fields: list[Any]) -> None:
        if channel > _CHANNEL_MAX or channel in self._sessions:
            raise ConnectionFault("amqp:not-allowed", f"channel {channel} cannot be used")
        if fields[0] is not None:
            raise ConnectionFault("amqp:not-allowed", "the server begins no sessions")
        self._sessions[channel] = Session(self, channel, fields)

    def _beat(self, interval: float) -> None:
        self.write(HEARTBEAT)
        self._timer = self._loop.call_later(interval, self._beat, interval)


def _body_offset(frame: bytes, kind: int) -> int:
    offset = frame[4] * 4
    if not 8 <= offset <= len(frame) or frame[5] != kind:
        raise ConnectionFault("amqp:connection:framing-error", "a frame's header is wrong")
    return offset
