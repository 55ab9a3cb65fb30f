"""Sessions: several at a time, each in order."""

import asyncio
from collections import deque
from collections.abc import Sequence

from funchost.servicebus.messages import ReceivedMessage
from funchost.servicebus.sources.port import LockLostError, MessageSource, SessionReceiver
from funchost.servicebus.triggers.batches import collect_batch
from funchost.servicebus.triggers.dispatch import Begun
from funchost.servicebus.triggers.handling import Handling
from funchost.servicebus.triggers.renewal import LockRenewal

__all__ = ["SessionDispatcher"]

_ASKED_FOR_AT_ONCE = 4
"""To wait for a session takes a client of the SDK a connection, which is dear."""


class _Asking:
    """For sessions of one source: by one alone until that has given one, so that a namespace which
    is away, or has just come back, is not run down."""

    def __init__(self, source: MessageSource) -> None:
        self._source = source
        self._places = asyncio.Semaphore(1)
        self._has_given = False

    async def next_session(self, wait: float) -> SessionReceiver | None:
        async with self._places:
            session = await self._source.next_session(wait)
        if session is not None and not self._has_given:
            self._has_given = True
            for _ in range(_ASKED_FOR_AT_ONCE - 1):
                self._places.release()
        return session


class SessionDispatcher:
    """A session is held until it had no message for `sessionIdleTimeout`. A message that fails
    comes again before those that follow it."""

    def __init__(self, handling: Handling, *, is_batched: bool) -> None:
        self._handling = handling
        self._is_batched = is_batched
        self._begun = Begun()

    async def run(self, source: MessageSource) -> None:
        count = self._handling.options.max_concurrent_sessions
        asking = _Asking(source)
        loops = [asyncio.create_task(self._serve_sessions(asking)) for _ in range(count)]
        try:
            done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_EXCEPTION)
            for loop in done:
                loop.result()
        finally:
            # Once only, which `gather` does not: a second time would break off what they let go.
            for loop in loops:
                loop.cancel()
            await asyncio.wait(loops)

    async def finish(self) -> None:
        await self._begun.finish()

    async def _serve_sessions(self, asking: _Asking) -> None:
        while True:
            session = await asking.next_session(self._handling.options.retry.try_timeout)
            if session is None:
                continue
            serving = _Serving(session, self._handling, self._begun, self._is_batched)
            try:
                await serving.serve()
            except LockLostError as error:
                self._handling.report("Receive", error)
            finally:
                finishing = self._begun.begin(serving.finish())
            # Before the next one, so that there are never more sessions than allowed.
            await asyncio.shield(finishing)


class _Serving:
    """One session, for as long as it is held."""

    def __init__(
        self, session: SessionReceiver, handling: Handling, begun: Begun, is_batched: bool
    ) -> None:
        self._session = session
        self._handling = handling
        self._begun = begun
        self._is_batched = is_batched
        self._limit = handling.options.max_lock_renewal
        # The locks of batches are not renewed, those of sessions included.
        self._renewal = LockRenewal(session.renew, 0.0 if is_batched else self._limit)
        self._handled: asyncio.Task[None] | None = None
        self._ends = False

    async def serve(self) -> None:
        """Until the session is idle, or has been held for so long that its lock is not renewed any
        more: then it is given up between two messages rather than lost during one."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._renewal.start(self._session.locked_until)
        while not self._limit or self._is_batched or loop.time() - started < self._limit:
            messages = await self._receive()
            if not messages:
                return
            self._handled = self._begun.begin(self._handle(messages))
            await asyncio.shield(self._handled)

    async def finish(self) -> None:
        self._ends = True
        if self._handled is not None:
            await asyncio.wait([self._handled])
        await self._renewal.stop()
        await self._session.close()

    async def _receive(self) -> Sequence[ReceivedMessage]:
        options = self._handling.options
        if self._is_batched:
            return await collect_batch(self._session, options, options.session_idle_timeout)
        count = options.max_concurrent_calls_per_session + options.prefetch_count
        return await self._session.receive(count, options.session_idle_timeout)

    async def _handle(self, messages: Sequence[ReceivedMessage]) -> None:
        if self._is_batched:
            await self._handling.batch(self._session, messages)
            return
        waiting = deque(messages)
        succeeded = True
        while waiting and succeeded and not self._ends:
            size = min(self._handling.options.max_concurrent_calls_per_session, len(waiting))
            group = [waiting.popleft() for _ in range(size)]
            results = await asyncio.gather(
                *(self._handling.single(self._session, message) for message in group)
            )
            succeeded = all(results)
        if waiting:
            # What failed comes again, and before these.
            await self._session.release(list(waiting))
