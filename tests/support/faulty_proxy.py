"""A TCP proxy that stands before a service and does what networks do: delays, silence, cuts."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.ports import free_ports

_CHUNK = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST, as a dead host's router does."""


@dataclass
class FaultyProxy:
    """What is set holds for connections that are open, too.

    `is_silent` swallows everything in both directions. `delay` seconds go by before each chunk of
    an answer. `cut_after` so many bytes of answers the connection breaks. `is_broken` lets nothing
    in: each new connection breaks at once, and is counted. `before` is called with what a client
    sends, on a thread of its own, and delays it until it returns.
    """

    target: int
    port: int
    connections: int = 0
    """Ever taken in: each is a try of the client's, or its first one."""
    is_silent: bool = False
    is_broken: bool = False
    delay: float = 0.0
    cut_after: int | None = None
    before: Callable[[bytes], None] | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def address(self, scheme: str) -> str:
        return f"{scheme}://127.0.0.1:{self.port}"

    def heal(self) -> None:
        """A good network again, which listens; connections that were silent are broken."""
        self.is_silent, self.is_broken, self.delay, self.cut_after = False, False, 0.0, None
        self._call(self._heal)

    def cut(self) -> None:
        """Breaks every open connection."""
        self._call(self._cut)

    def refuse(self) -> None:
        """Breaks every open connection and takes no more, as a machine without the service does."""
        self._call(self._refuse)

    def accept(self) -> None:
        """Listens again, at the same port."""
        self._call(self._listen)

    def run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def close(self) -> None:
        self._call(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _call(self, work: Callable[[], Awaitable[None]]) -> None:
        async def done() -> None:
            await work()

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _heal(self) -> None:
        await self._cut()
        if self._server is None:
            await self._listen()

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _cut(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _close(self) -> None:
        await self._refuse()
        # They end by themselves, now that their connections are broken, and say so.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            if self.is_broken:
                return
            while self.is_silent:
                if not await reader.read(_CHUNK):
                    return
            back, far = await asyncio.open_connection("127.0.0.1", self.target)
            self._open.add(far)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._requests(reader, far))
                both.create_task(self._answers(back, writer))
        except* OSError:
            pass  # one side went away; so goes the other
        finally:
            for each in filter(None, (writer, far)):
                self._open.discard(each)
                _reset(each)

    async def _requests(self, reader: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self.before is not None:
                await asyncio.to_thread(self.before, data)
            if not self.is_silent:
                far.write(data)
                await far.drain()
        raise ConnectionResetError

    async def _answers(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = 0
        while data := await back.read(_CHUNK):
            await asyncio.sleep(self.delay)
            if self.is_silent:
                continue
            rest = None if self.cut_after is None else self.cut_after - sent
            if rest is not None and rest <= len(data):
                data = data[:rest]
            writer.write(data)
            await writer.drain()
            sent += len(data)
            if rest is not None and rest <= len(data):
                break
        raise ConnectionResetError


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        taken = writer.get_extra_info("socket")
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@contextmanager
def faulty_proxy(target: int) -> Iterator[FaultyProxy]:
    """Before whatever listens at the port `target`."""
    proxy = FaultyProxy(target, free_ports())
    thread = threading.Thread(target=proxy.run, name="faulty-proxy")
    thread.start()
    try:
        proxy.accept()
        yield proxy
    finally:
        proxy.close()
        thread.join()
