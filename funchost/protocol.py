"""uvicorn's HTTP protocol with one system call less per response.

uvicorn writes the head and the body of a response one after the other, and each write is a system
call of its own. Here a write waits for the next one of the same tick.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["JoiningProtocol"]

_LARGE = 64 * 1024


class _JoiningTransport:
    """A transport whose writes go out in pairs, or alone when the tick ends."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._call_soon = asyncio.get_running_loop().call_soon
        self._waiting = b""
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        if self._waiting:
            if len(data) > _LARGE:
                self._flush()
            data, self._waiting = self._waiting + data, b""
            self._transport.write(data)
        elif data:
            self._waiting = data
            self._call_soon(self._flush)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._waiting:
            data, self._waiting = self._waiting, b""
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class JoiningProtocol(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_JoiningTransport(transport))  # type: ignore[arg-type]

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that closes its sending half after a whole request still gets the answer."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        return True
