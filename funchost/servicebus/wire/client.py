"""The end of a process that has no broker of its own."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from funchost.servicebus.amqp.values import DecodeError
from funchost.servicebus.broker import errors
from funchost.servicebus.broker.errors import BrokerError, BrokerUnavailable
from funchost.servicebus.sources.links import Links
from funchost.servicebus.wire.frames import GREETING, FrameProtocol, restored

__all__ = ["WireCalls"]

P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE_SECONDS: Final = 5.0
_ATTEMPT_SECONDS: Final = 0.1
_GREETING_SECONDS: Final = 10.0


class WireCalls:
    """To the broker at a port of this machine, over one connection. When that is lost, what is
    under way fails, and the next call makes another: by then another process may have the broker.
    """

    def __init__(self, port: int, patience: float = _PATIENCE_SECONDS) -> None:
        self._port = port
        self._patience = patience
        self._wire: _Wire | None = None
        self._connecting = asyncio.Lock()

    async def connect(self) -> bool:
        """False where somebody listens who does not know the protocol. Raises BrokerUnavailable
        where nobody does, after `patience` seconds in which another process might have taken
        over."""
        async with self._connecting:
            if self._wire is None or self._wire.is_closing:
                self._wire = await _connected(self._port, self._patience)
            return self._wire is not None

    def call(
        self,
        method: Callable[Concatenate[Links, P], Coroutine[Any, Any, T]],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> "asyncio.Future[T]":
        assert not named, "arguments have no names on the wire"
        wire = self._wire
        if wire is not None and not wire.is_closing:
            return wire.ask(method.__name__, arguments)
        return asyncio.ensure_future(self._call_anew(method.__name__, arguments))

    async def _call_anew(self, name: str, arguments: Sequence[Any]) -> Any:
        if not await self.connect() or self._wire is None:
            raise BrokerUnavailable(f"Another kind of broker listens at port {self._port} now.")
        return await self._wire.ask(name, arguments)

    async def close(self) -> None:
        if self._wire is not None:
            self._wire.close()


class _Wire(FrameProtocol):
    def __init__(self) -> None:
        super().__init__()
        self._greeting = b""
        self._is_greeted = asyncio.Event()
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[Any]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._transport.write(GREETING)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_greeted.set()
        asked, self._asked = self._asked, {}
        for future in asked.values():
            if not future.done():
                future.set_exception(BrokerUnavailable("The process with the broker has ended."))

    def data_received(self, data: bytes) -> None:
        if not self._is_greeted.is_set():
            data = self._greeting + data
            self._greeting, data = data[: len(GREETING)], data[len(GREETING) :]
            if len(self._greeting) == len(GREETING):
                self._is_greeted.set()
        if data and self._greeting == GREETING:
            super().data_received(data)

    async def greeting(self) -> bytes:
        """By which the other side begins; less than that when it hangs up or is silent."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GREETING_SECONDS):
                await self._is_greeted.wait()
        return self._greeting

    def ask(self, name: str, arguments: Sequence[Any]) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = self._loop.create_future()
        number = next(self._numbers)
        self._asked[number] = future
        self.send(number, name, arguments)
        return future

    def on_frame(self, frame: list[Any]) -> None:
        number, condition, result = frame
        future = self._asked.pop(number, None)
        if future is None:
            raise DecodeError(f"nothing was asked as number {number}")
        if future.done():
            return  # Whoever asked has gone.
        if condition is None:
            future.set_result(restored(result))
        else:
            future.set_exception(_ERRORS.get(condition, BrokerError)(result))


async def _connected(port: int, patience: float) -> "_Wire | None":
    loop = asyncio.get_running_loop()
    last = loop.time() + patience
    while True:
        try:
            _, wire = await loop.create_connection(_Wire, "127.0.0.1", port)
        except OSError as error:
            if loop.time() >= last:
                raise BrokerUnavailable(f"Nobody listens at port {port}: {error}") from error
        else:
            greeting = await wire.greeting()
            if greeting == GREETING:
                return wire
            wire.close()
            # One that hangs up without a word may just be ending.
            if greeting or loop.time() >= last:
                return None
        await asyncio.sleep(_ATTEMPT_SECONDS)


_ERRORS: dict[str, type[BrokerError]] = {
    error.condition: error
    for error in (
        errors.EntityNotFound,
        errors.NotAllowed,
        errors.MessageSizeExceeded,
        errors.MessageLockLost,
        errors.SessionLockLost,
        errors.BrokerUnavailable,
    )
}
