"""Who holds which session. Only this process knows: a session's lock belongs to a link, and links
do not outlive the process that they end in."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from funchost.servicebus.broker.catalogue import Container
from funchost.servicebus.broker.clock import BrokerClock
from funchost.servicebus.broker.errors import (
    OperationTimedOut,
    SessionCannotBeLocked,
    SessionLockLost,
)
from funchost.servicebus.broker.receiving import LinkReceiver

__all__ = ["HeldSession", "SessionTable"]

_Find = Callable[[str | None, Collection[str]], Awaitable[str | None]]


class HeldSession:
    """One holding of a session, from the grant until it is free again."""

    def __init__(self, session_id: str, locked_until: int) -> None:
        self.session_id = session_id
        self.locked_until = locked_until
        self.receiver: LinkReceiver | None = None
        """None until the receiver is made, and again when it has given the session up."""
        self.is_given_up = False
        self.has_news = False
        """Whether messages have become available since it was given up."""
        self.freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.cancel_alarm: Callable[[], None] = lambda: None


class SessionTable:
    """Of one container."""

    def __init__(
        self,
        container: Container,
        clock: BrokerClock,
        find: _Find,
        on_expired: Callable[[HeldSession], None],
    ) -> None:
        """`find(after, held)` looks for a session with active messages which nobody holds."""
        self._container = container
        self._clock = clock
        self._find = find
        self._on_expired = on_expired
        self._held: dict[str, HeldSession] = {}
        self._waiters: deque[asyncio.Future[HeldSession | None]] = deque()
        """Each gets a session that is locked for it already, or None: it has to look again."""
        self._last: str | None = None
        self._news = 0
        self._found_nothing_at: int | None = None

    def receiver(self, session_id: str) -> LinkReceiver:
        """Raises SessionLockLost."""
        held = self._held.get(session_id)
        if held is None or held.receiver is None:
            raise SessionLockLost(
                f"Nobody holds session '{session_id}' of '{self._container.entity.path}'."
            )
        return held.receiver

    async def hold(self, session_id: str) -> HeldSession:
        """Waits for a holder that is just giving the session up. Raises SessionCannotBeLocked."""
        while (held := self._held.get(session_id)) is not None:
            if not held.is_given_up:
                raise SessionCannotBeLocked(
                    f"The requested session '{session_id}' cannot be accepted. It may be locked "
                    "by another receiver."
                )
            await asyncio.shield(held.freed)
        return self._grant(session_id)

    async def hold_next(self, wait_seconds: float | None) -> HeldSession:
        """Raises OperationTimedOut."""
        timed_out: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        cancel = self._set_alarm(timed_out, wait_seconds)
        try:
            while True:
                if self._found_nothing_at == self._news:
                    if (held := await self._wait_for_news(timed_out)) is not None:
                        return held
                else:
                    seen = self._news
                    session_id = await self._find(self._last, self._held.keys())
                    if session_id is not None and session_id not in self._held:
                        self._last = session_id
                        return self._grant(session_id)
                    if session_id is None:
                        self._found_nothing_at = seen
                if timed_out.done():
                    raise OperationTimedOut(
                        f"No session of '{self._container.entity.path}' became available."
                    )
        finally:
            cancel()

    def renew(self, held: HeldSession) -> int:
        held.cancel_alarm()
        held.locked_until = self._clock.now() + self._container.settings.lock_duration
        held.cancel_alarm = self._clock.call_at(held.locked_until, lambda: self._on_expired(held))
        return held.locked_until

    def give_up(self, held: HeldSession) -> None:
        """From now on others wait for the session; `free` must follow."""
        held.receiver = None
        held.is_given_up = True
        held.cancel_alarm()

    def free(self, held: HeldSession, *, is_empty: bool) -> None:
        """When its messages are available again; `is_empty` says that it had none then."""
        if self._held.get(held.session_id) is held:
            del self._held[held.session_id]
        if not held.freed.done():
            held.freed.set_result(None)
        if held.has_news or not is_empty:
            self.announce(held.session_id)

    def announce(self, session_id: str) -> None:
        """Messages of this session may have become available to one who waits for any."""
        held = self._held.get(session_id)
        if held is not None:
            if held.receiver is None:
                held.has_news = True
            return
        if self._found_nothing_at == self._news and (waiter := self._next_waiter()) is not None:
            # It is the only one that can be locked, so that nobody need look for it.
            waiter.set_result(self._grant(session_id))
            return
        self._news += 1
        self._wake_one()

    def wake_all(self) -> None:
        """Whoever waits for a session looks again, because the broker ends."""
        self._news += 1
        while self._waiters:
            self._wake_one()

    def _grant(self, session_id: str) -> HeldSession:
        held = HeldSession(session_id, 0)
        self._held[session_id] = held
        self.renew(held)
        return held

    def _set_alarm(
        self, timed_out: "asyncio.Future[None]", wait_seconds: float | None
    ) -> Callable[[], None]:
        if wait_seconds is None:
            return lambda: None

        def alarm() -> None:
            if not timed_out.done():
                timed_out.set_result(None)

        return self._clock.call_at(self._clock.now() + round(wait_seconds * 1000), alarm)

    async def _wait_for_news(self, timed_out: "asyncio.Future[None]") -> HeldSession | None:
        news: asyncio.Future[HeldSession | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(news)
        used = False
        try:
            either: set[asyncio.Future[Any]] = {news, timed_out}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            used = not timed_out.done() or (news.done() and news.result() is not None)
        finally:
            if not news.done():
                self._waiters.remove(news)
            elif not used:
                self._pass_on(news.result())
        return news.result() if used else None

    def _pass_on(self, held: HeldSession | None) -> None:
        """Woken and leaving at the same time: the next one must not miss it."""
        if held is None:
            self._wake_one()
        else:
            self.give_up(held)
            self.free(held, is_empty=False)

    def _wake_one(self) -> None:
        if (waiter := self._next_waiter()) is not None:
            waiter.set_result(None)

    def _next_waiter(self) -> "asyncio.Future[HeldSession | None] | None":
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None
