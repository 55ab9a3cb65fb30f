"""The end of the process that runs the broker."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final
from uuid import UUID

from funchost.servicebus.broker.errors import BrokerError
from funchost.servicebus.broker.interface import MAX_MESSAGE_BYTES, Broker
from funchost.servicebus.sources.links import Links
from funchost.servicebus.wire.frames import GREETING, FrameProtocol

__all__ = ["WireServer"]

_LOG: Final = logging.getLogger(__name__)
_SECONDS: Final = (int, float)
_METHODS: Final[dict[str, tuple[Callable[..., Coroutine[Any, Any, Any]], list[Any]]]] = {
    method.__name__: (method, kinds)
    for method, *kinds in (
        (Links.open, int, str),
        (Links.open_session, int, str, _SECONDS),
        (Links.take, int, int, _SECONDS),
        (Links.interrupt, int),
        (Links.settle, str, UUID, str),
        (Links.renew, str, UUID),
        (Links.renew_session, int),
        (Links.close, int),
        (Links.send, str, list),
    )
}
"""With the types of their arguments: a wrong one must not reach the store, where it would fail what
others have stored in the same commit."""
_CALLS_AT_ONCE: Final = 256
"""Of a client, in one turn of the event loop."""
_UNREAD_SECONDS: Final = 30.0
"""How long a client may leave its answers unread before its connection is broken."""
_LAST_WORDS_SECONDS: Final = 1.0
_STORING: Final = ("settle", "send")
"""Calls that are not broken off when their client has gone, or is sent away."""


class WireServer:
    """Takes clients from a listener that has read their greeting, on the broker's loop."""

    def __init__(self, broker: Broker, *, unread_seconds: float = _UNREAD_SECONDS) -> None:
        self._broker = broker
        self._unread_seconds = unread_seconds
        self._clients: set[_Client] = set()

    def welcome(self, transport: asyncio.Transport, rest: bytes) -> None:
        """`rest` is what came behind the greeting."""
        client = _Client(self._broker, self._clients, self._unread_seconds)
        transport.set_protocol(client)
        client.connection_made(transport)
        if rest:
            client.data_received(rest)

    async def close(self) -> None:
        """Lets what is being stored be stored and answered, then ends all connections. What the
        clients have in hand stays theirs: they settle it at the next broker. To be called together
        with the listener's own `close`, which returns when its last connection has gone."""
        await asyncio.gather(*(client.end() for client in list(self._clients)))


class _Client(FrameProtocol):
    longest_frame = 2 * MAX_MESSAGE_BYTES

    def __init__(self, broker: Broker, clients: "set[_Client]", unread_seconds: float) -> None:
        super().__init__()
        self._links = Links(broker)
        self._clients = clients
        self._answering: dict[asyncio.Task[None], Any] = {}
        """With the names of their calls."""
        self._ends = False
        self._gone = asyncio.Event()
        self._unread_seconds = unread_seconds
        self._giving_up: asyncio.TimerHandle | None = None
        self._is_writable = True
        self._has_more = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._clients.add(self)
        self._transport.write(GREETING)

    def connection_lost(self, exc: Exception | None) -> None:
        self._clients.discard(self)
        self._gone.set()
        if self._giving_up is not None:
            self._giving_up.cancel()
        self._break_off()
        if not self._ends:
            self._begin("", self._links.abandon_all())

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._has_more:
            self._take_turn()

    def pause_writing(self) -> None:
        """It asks for more than it reads of the answers."""
        self._is_writable = False
        if not self._transport.is_closing():
            self._transport.pause_reading()
            self._give_up_after(self._unread_seconds)

    def resume_writing(self) -> None:
        self._is_writable = True
        if self._giving_up is not None and not self._ends:
            self._giving_up.cancel()
        if not self._has_more:
            self._take_turn()

    def _take_turn(self) -> None:
        """Begins some of the calls that are there: one client must not keep all others waiting."""
        self._has_more = False
        if self._transport.is_closing() or not self._is_writable:
            return
        if self._read(_CALLS_AT_ONCE):
            self._has_more = True
            self._transport.pause_reading()
            self._loop.call_soon(self._take_turn)
        else:
            self._transport.resume_reading()

    def _give_up_after(self, seconds: float) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
        self._giving_up = self._loop.call_later(seconds, self._transport.abort)

    def on_frame(self, frame: list[Any]) -> None:
        if not self._ends:
            number, name, arguments = frame
            self._begin(name, self._answer(number, name, arguments))

    async def end(self) -> None:
        self._ends = True
        self._break_off()
        if self._answering:
            await asyncio.wait(list(self._answering))
        self.close()
        self._give_up_after(_LAST_WORDS_SECONDS)
        await self._gone.wait()

    def _begin(self, name: Any, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._answering[task] = name
        task.add_done_callback(self._answering.pop)

    def _break_off(self) -> None:
        for task, name in self._answering.items():
            if name not in _STORING:
                task.cancel()

    async def _answer(self, number: Any, name: Any, arguments: Any) -> None:
        try:
            result = await _called(self._links, name, arguments)
        except BrokerError as error:
            self.send(number, error.condition, str(error))
        except Exception:
            # Whatever it is, the other calls of this client must not wait for it.
            _LOG.exception("The broker failed over the call '%s' of another process", name)
            self.send(number, BrokerError.condition, "The broker failed; its log says how.")
        else:
            self.send(number, None, result)


def _called(links: Links, name: Any, arguments: Any) -> Coroutine[Any, Any, Any]:
    """Raises LookupError and TypeError for a call that is none."""
    method, kinds = _METHODS[name]
    if type(arguments) is not list or len(arguments) != len(kinds):
        raise TypeError(f"it takes {len(kinds)} arguments")
    for argument, kind in zip(arguments, kinds, strict=True):
        if not isinstance(argument, kind):
            raise TypeError(f"an argument is a {type(argument).__name__}")
    return method(links, *arguments)
