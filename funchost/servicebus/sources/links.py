"""What a source asks of a broker of this host, and the way there.

`Links` lives on the broker's event loop. Whoever uses it is on another one, of the same process or
of another, and calls it through `LinkCalls`: arguments and results are plain values, so that they
can be sent.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar
from uuid import UUID

from funchost.servicebus.amqp.codec import incoming
from funchost.servicebus.broker.errors import BrokerError, BrokerUnavailable, OperationTimedOut
from funchost.servicebus.broker.interface import (
    NEXT_SESSION,
    Abandon,
    Broker,
    Complete,
    NextSession,
    Outcome,
    ReceiveMode,
    Receiver,
    Release,
    StoredMessage,
)
from funchost.servicebus.loops import LoopThread

__all__ = ["LinkCalls", "Links", "ThreadCalls"]

P = ParamSpec("P")
T = TypeVar("T")

_REMEMBERED = 10_000
"""Nobody says when messages are done with that a function neither completes nor abandons."""
_OUTCOMES: dict[str, Outcome] = {
    "complete": Complete(),
    "abandon": Abandon(),
    "release": Release(),
}


class LinkCalls(Protocol):
    """The way to the `Links` of one client. Calls begin over there in the order in which they were
    made. To cancel what is returned only means not to hear of the outcome."""

    def call(
        self,
        method: Callable[Concatenate["Links", P], Coroutine[Any, Any, T]],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> "asyncio.Future[T]":
        """Raises BrokerError, of the method or because the broker cannot be reached."""
        ...

    async def close(self) -> None: ...


class ThreadCalls:
    """To a broker in this process, which lives on another loop."""

    def __init__(self, broker: Broker, thread: LoopThread) -> None:
        self._links = Links(broker)
        self._thread = thread

    def call(
        self,
        method: Callable[Concatenate["Links", P], Coroutine[Any, Any, T]],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> "asyncio.Future[T]":
        return self._thread.call(partial(method, self._links, *arguments, **named))

    async def close(self) -> None:
        """The broker goes on."""


class Links:
    """The receiving links of one client, which gives each a number that it never used before."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._links: dict[int, _Link] = {}
        self._in_hand: dict[UUID, str] = {}
        """The locks of messages, with their entities; sessions give back theirs when they close."""

    async def open(self, number: int, path: str) -> None:
        """Of an entity without sessions."""
        link = self._links[number] = _Link(self._broker, path)
        await link.open(None, None)

    async def open_session(self, number: int, path: str, wait: float) -> tuple[str, int] | None:
        """Its id, and until when it is locked; None when there was none in time, or the link was
        closed meanwhile."""
        link = self._links[number] = _Link(self._broker, path)
        return await link.open(NEXT_SESSION, wait)

    async def take(self, number: int, count: int, wait: float) -> list[StoredMessage]:
        """As soon as there is one message, it and those at hand, `count` at most."""
        link = self._link(number)
        messages = await link.take(count, wait)
        if not link.has_session:
            for message in messages:
                if message.lock_token is not None:
                    self._in_hand[message.lock_token] = link.path
            while len(self._in_hand) > _REMEMBERED:
                del self._in_hand[next(iter(self._in_hand))]
        return messages

    async def interrupt(self, number: int) -> None:
        """Ends a `take` under way, which gives what it has."""
        self._link(number).interrupt()

    async def settle(
        self, path: str, token: UUID, outcome: Literal["complete", "abandon", "release"]
    ) -> None:
        self._in_hand.pop(token, None)
        await self._broker.settle(path, [token], _OUTCOMES[outcome])

    async def renew(self, path: str, token: UUID) -> int:
        (until,) = await self._broker.renew_locks(path, [token])
        return until

    async def renew_session(self, number: int) -> int:
        return self._link(number).renew_session()

    async def close(self, number: int) -> None:
        """Also while it is being opened."""
        link = self._links.pop(number, None)
        if link is not None:
            await link.close()

    async def send(self, path: str, messages: Sequence[bytes]) -> None:
        await self._broker.send(path, [incoming(encoded) for encoded in messages])

    async def abandon_all(self) -> None:
        """The client has died: what it had in hand is available again."""
        links, self._links = self._links, {}
        for link in links.values():
            with contextlib.suppress(BrokerError):
                await link.close()
        for token, path in self._in_hand.items():
            self._broker.settle(path, [token], Abandon())

    def _link(self, number: int) -> "_Link":
        link = self._links.get(number)
        if link is None:
            raise BrokerUnavailable("The link has ended with its connection.")
        return link


class _Link:
    """A receiving link that hands over only what was asked for: between two calls of `take` it has
    no credit."""

    def __init__(self, broker: Broker, path: str) -> None:
        self.path = path
        self.has_session = False
        self._broker = broker
        self._receiver: Receiver | None = None
        self._opening: asyncio.Task[Receiver] | None = None
        self._arrived: list[StoredMessage] = []
        self._woken = asyncio.Event()
        self._failure: BrokerError | None = None

    async def open(self, session: NextSession | None, wait: float | None) -> tuple[str, int] | None:
        self._opening = asyncio.ensure_future(
            self._broker.open_receiver(
                self.path,
                ReceiveMode.PEEK_LOCK,
                self._take_over,
                self._fail,
                session=session,
                wait_seconds=wait,
            )
        )
        try:
            self._receiver = await self._opening
        except (OperationTimedOut, asyncio.CancelledError):
            return None
        self.has_session = session is not None
        return self._receiver.session_id or "", self._receiver.session_locked_until or 0

    async def take(self, count: int, wait: float) -> list[StoredMessage]:
        self._woken.clear()
        if self._failure is not None:
            raise self._failure
        receiver = self._open_receiver()
        receiver.set_credit(count)
        try:
            async with asyncio.timeout(wait):
                await self._woken.wait()
        except TimeoutError:
            pass
        finally:
            receiver.set_credit(0)
        arrived, self._arrived = self._arrived, []
        if not arrived and self._failure is not None:
            raise self._failure
        return arrived

    def interrupt(self) -> None:
        self._woken.set()

    def renew_session(self) -> int:
        return self._open_receiver().renew_session_lock()

    async def close(self) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if self._receiver is not None:
            await self._receiver.close()

    def _open_receiver(self) -> Receiver:
        if self._receiver is None:
            raise BrokerUnavailable("The link is not open.")
        return self._receiver

    def _take_over(self, messages: Sequence[StoredMessage]) -> None:
        self._arrived.extend(messages)
        self._woken.set()

    def _fail(self, error: BrokerError) -> None:
        self._failure = error
        self._woken.set()
