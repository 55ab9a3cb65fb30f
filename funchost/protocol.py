"""uvicorn's HTTP protocol, with a short way out for responses that are complete.

uvicorn takes a response in two messages, checks each header by two regular expressions and writes
twice; the host's headers are checked already, and one write is enough. Whatever is unusual about
a request goes the ordinary way.
"""

from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

__all__ = ["HostProtocol", "answer_at_once", "header_block"]


class HostProtocol(HttpToolsProtocol):
    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that closes its sending half after a whole request still gets the answer."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        return True


def header_block(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def answer_at_once(
    send: Any, status: int, host_headers: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> bool:
    """Sends a whole response by the cycle that `send` belongs to; False when that is impossible
    and nothing was sent. `host_headers` is a block. Both hold valid names and values, and no
    `connection`; `headers` has a length where there is a body."""
    cycle = getattr(send, "__self__", None)
    if (
        not isinstance(cycle, RequestResponseCycle)
        or cycle.disconnected
        or cycle.response_started
        or cycle.flow.write_paused
    ):
        return False
    parts = [STATUS_LINE[status], host_headers]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        parts.append(b"connection: close\r\n")
    parts.append(b"\r\n")
    if cycle.scope["method"] != "HEAD":
        parts.append(body)
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(b"".join(parts))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
