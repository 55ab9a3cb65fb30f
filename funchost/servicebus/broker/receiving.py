"""Hands messages to receivers as their credit allows."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from funchost.servicebus.broker.catalogue import Container
from funchost.servicebus.broker.errors import BrokerError, NotAllowed, SessionLockLost
from funchost.servicebus.broker.interface import Entity, ReceiveMode, Release, StoredMessage
from funchost.servicebus.broker.storage.delivery import Fetched, fetch, restore
from funchost.servicebus.broker.storage.settlement import settle
from funchost.servicebus.broker.storage.writer import Writer

__all__ = ["Feed", "LinkReceiver", "SessionHandle"]

_BURST = 200
"""Messages in one operation, so that several receivers advance together."""


class Feed:
    """What waits in one container, or in one of its sessions, for the receivers of it, which take
    turns.

    `hint` is never less than what is available and not asked for yet, so that nothing is overlooked
    and nobody asks in vain twice: it grows by what is announced, shrinks by what is asked for, and
    is set right whenever the storage says that nothing is left. At first it is unknown: infinite.
    """

    def __init__(self) -> None:
        self.hint = math.inf
        self._waiting: dict[LinkReceiver, None] = {}

    def announce(self, count: int) -> None:
        self.hint += count
        self._serve()

    def exhausted(self) -> None:
        self.hint = 0

    def wait(self, receiver: "LinkReceiver") -> None:
        """Asks for a turn; the receiver asks again after it had one."""
        self._waiting[receiver] = None
        self._serve()

    def leave(self, receiver: "LinkReceiver") -> None:
        self._waiting.pop(receiver, None)

    def _serve(self) -> None:
        while self.hint > 0 and self._waiting:
            receiver = next(iter(self._waiting))
            del self._waiting[receiver]
            count = int(min(receiver.credit, self.hint, _BURST))
            if count > 0:
                self.hint -= count
                receiver.fetch(count)


class SessionLock(Protocol):
    """The session that a receiver holds, as the session table keeps it."""

    @property
    def session_id(self) -> str: ...

    @property
    def locked_until(self) -> int: ...


@dataclass(frozen=True, slots=True)
class SessionHandle:
    """What a receiver can do with its session."""

    lock: SessionLock
    renew: Callable[[], int]
    read_state: Callable[[], Awaitable[bytes | None]]
    write_state: Callable[[bytes | None], Awaitable[None]]
    give_up: Callable[[], None]
    """Nobody else may have the session yet, but who asks for it need not be refused: he waits."""
    release: Callable[[], Awaitable[object]]


class LinkReceiver:
    """Implements `Receiver`."""

    def __init__(
        self,
        container: Container,
        mode: ReceiveMode,
        writer: Writer,
        feed: Feed,
        on_messages: Callable[[Sequence[StoredMessage]], None],
        on_closed: Callable[[BrokerError], None],
        on_left: Callable[["LinkReceiver"], None],
    ) -> None:
        self._container = container
        self._mode = mode
        self._writer = writer
        self._feed = feed
        self._on_messages = on_messages
        self._on_closed = on_closed
        self._on_left = on_left
        self._credit = 0
        self._fetching = False
        self._fetched_waiters: list[asyncio.Future[None]] = []
        self._open = True
        self.session: SessionHandle | None = None
        """Set by the broker before the receiver is given out, where the entity has sessions."""

    @property
    def entity(self) -> Entity:
        return self._container.entity

    @property
    def mode(self) -> ReceiveMode:
        return self._mode

    @property
    def session_id(self) -> str | None:
        return None if self.session is None else self.session.lock.session_id

    @property
    def session_locked_until(self) -> int | None:
        return None if self.session is None else self.session.lock.locked_until

    @property
    def credit(self) -> int:
        return self._credit

    def set_credit(self, credit: int) -> None:
        self._credit = credit
        self._ask()

    async def drain(self) -> None:
        self._ask()
        while self._fetching:
            await self._until_fetched()
        # After a fetch the receiver has asked again if there might be more.
        self._credit = 0

    def renew_session_lock(self) -> int:
        return self._held_session().renew()

    async def session_state(self) -> bytes | None:
        return await self._held_session().read_state()

    async def set_session_state(self, state: bytes | None) -> None:
        await self._held_session().write_state(state)

    async def close(self) -> None:
        if self._open:
            self._leave()
            await self._free_session()

    def end(self, error: BrokerError) -> None:
        """Closes it from the broker's side, without giving its session free."""
        if self._open:
            self._leave()
            self._on_closed(error)

    def fetch(self, count: int) -> None:
        """To be called by the feed, when it is this receiver's turn."""
        self._fetching = True
        self._writer.submit(
            lambda transaction: fetch(
                transaction, self._container, self.session_id, count, self._mode
            ),
            partial(self._fetched, count),
            changes_first=False,
            durable=self._mode is ReceiveMode.RECEIVE_AND_DELETE,
        )

    def _ask(self) -> None:
        # One request at a time: what a session's receiver did not want must be back in its place
        # before the next is taken.
        if self._open and self._credit > 0 and not self._fetching:
            self._feed.wait(self)

    def _fetched(self, asked: int, fetched: Fetched | None, error: BrokerError | None) -> None:
        self._fetching = False
        if fetched is not None:
            if fetched.exhausted:
                self._feed.exhausted()
            elif (left := asked - len(fetched.messages)) > 0:
                self._feed.announce(left)  # a burst holds so many bytes and no more
            self._hand_over(fetched.messages)
            self._ask()
        elif error is not None:
            self.end(error)
        waiters, self._fetched_waiters = self._fetched_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _hand_over(self, messages: list[StoredMessage]) -> None:
        wanted = min(self._credit, len(messages)) if self._open else 0
        if wanted > 0:
            self._credit -= wanted
            self._on_messages(messages[:wanted])
        if wanted < len(messages):
            self._give_back(messages[wanted:])

    def _give_back(self, messages: list[StoredMessage]) -> None:
        container = self._container
        if self._mode is ReceiveMode.RECEIVE_AND_DELETE:
            self._writer.submit(
                lambda transaction: restore(transaction, container, messages), _ignore
            )
            return
        tokens = [message.lock_token for message in messages if message.lock_token is not None]
        self._writer.submit(
            lambda transaction: settle(transaction, container, tokens, Release()), _ignore
        )

    def _leave(self) -> None:
        self._open = False
        self._feed.leave(self)
        self._on_left(self)

    async def _free_session(self) -> None:
        if self.session is None:
            return
        self.session.give_up()
        while self._fetching:
            await self._until_fetched()
        await self.session.release()

    async def _until_fetched(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fetched_waiters.append(waiter)
        await waiter

    def _held_session(self) -> SessionHandle:
        if self.session is None:
            raise NotAllowed(f"'{self.entity.path}' has no sessions.")
        if not self._open:
            raise SessionLockLost(
                f"The lock of session '{self.session.lock.session_id}' has expired or was given up."
            )
        return self.session


def _ignore(_result: Any, _error: BrokerError | None) -> None:
    """A lock that is not given back expires; nobody is there to be told."""
