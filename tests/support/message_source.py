"""A message source in memory: one entity, with or without sessions, for tests of what listens."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from funchost.servicebus.messages import OutgoingMessage, ReceivedMessage
from funchost.servicebus.sources.port import LockLostError, SourceError


class MemorySource:
    """Gives out messages in order; an abandoned one goes back to its place. `settled` has the
    body and the outcome of every settlement. `failure`, when set, ends the next receive."""

    def __init__(self, *bodies: str, sessions: bool = False, lock_seconds: float = 60.0) -> None:
        self.has_sessions = sessions
        self.lock_seconds = lock_seconds
        self.settled: list[tuple[str, str]] = []
        self.renewals = 0
        self.is_open = False
        self.held: set[str] = set()
        self.failure: SourceError | None = None
        self.lost: set[str] = set()
        self.asked: list[int] = []
        self.waiting_for_sessions = 0
        self.changed = asyncio.Condition()
        self._ready: deque[ReceivedMessage] = deque()
        self._count = 0
        for body in bodies:
            self._put(body)

    async def put(self, *bodies: str) -> None:
        async with self.changed:
            for body in bodies:
                self._put(body)
            self.changed.notify_all()

    async def fail(self, error: SourceError) -> None:
        async with self.changed:
            self.failure = error
            self.changed.notify_all()

    async def until(self, *outcomes: str) -> list[tuple[str, str]]:
        """The settlements, once these are all."""
        async with self.changed:
            await self.changed.wait_for(
                lambda: [outcome for _, outcome in self.settled] == list(outcomes)
            )
        return self.settled

    async def until_settled(self, count: int) -> list[tuple[str, str]]:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.settled) >= count)
        return self.settled

    async def until_asked(self, times: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.asked) >= times)

    async def open(self, prefetch: int) -> "MemoryReceiver":
        self.is_open = True
        return MemoryReceiver(self, None)

    async def next_session(self, wait: float) -> "MemoryReceiver | None":
        async with self.changed:
            self.waiting_for_sessions += 1
            self.changed.notify_all()
            try:
                await self.changed.wait_for(lambda: self._free_session() is not None)
            finally:
                self.waiting_for_sessions -= 1
            session = self._free_session()
            assert session is not None
            self.held.add(session)
            return MemoryReceiver(self, session)

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        await self.put(*(message.body.decode() for message in messages))

    async def close(self) -> None: ...

    def _put(self, body: str) -> None:
        self._count += 1
        self._ready.append(
            ReceivedMessage(
                body.encode(),
                self._count,
                1,
                str(self._count),
                datetime.now(UTC),
                session_id=body.partition(":")[0] if self.has_sessions else None,
                locked_until=datetime.now(UTC) + timedelta(seconds=self.lock_seconds),
            )
        )

    def _free_session(self) -> str | None:
        return next(
            (
                message.session_id
                for message in self._ready
                if message.session_id is not None and message.session_id not in self.held
            ),
            None,
        )

    def take(self, session: str | None, count: int) -> list[ReceivedMessage]:
        taken = [message for message in self._ready if message.session_id == session][:count]
        for message in taken:
            self._ready.remove(message)
        return taken

    def give_back(self, message: ReceivedMessage, *, counts: bool) -> None:
        again = replace(message, delivery_count=message.delivery_count + counts)
        self._ready = deque(sorted([*self._ready, again], key=lambda each: each.sequence_number))


class MemoryReceiver:
    def __init__(self, source: MemorySource, session: str | None) -> None:
        self._source = source
        self.session_id = session or ""
        self._session = session
        self.locked_until = datetime.now(UTC) + timedelta(seconds=source.lock_seconds)

    async def receive(self, count: int, wait: float) -> Sequence[ReceivedMessage]:
        source = self._source
        async with source.changed:
            source.asked.append(count)
            source.changed.notify_all()
            try:
                async with asyncio.timeout(wait):
                    await source.changed.wait_for(lambda: source.failure or self._has_any())
            except TimeoutError:
                return []
            if source.failure is not None:
                failure, source.failure = source.failure, None
                raise failure
            return source.take(self._session, count)

    async def complete(self, message: ReceivedMessage) -> None:
        await self._settle(message, "complete")

    async def abandon(self, message: ReceivedMessage) -> None:
        await self._settle(message, "abandon")

    async def release(self, messages: Sequence[ReceivedMessage]) -> None:
        for message in messages:
            await self._settle(message, "release")

    async def renew(self, message: ReceivedMessage | None = None) -> datetime:
        async with self._source.changed:
            self._source.renewals += 1
            self._source.changed.notify_all()
        return datetime.now(UTC) + timedelta(seconds=self._source.lock_seconds)

    async def close(self) -> None:
        async with self._source.changed:
            self._source.is_open = False
            if self._session is not None:
                self._source.held.discard(self._session)
            self._source.changed.notify_all()

    async def _settle(self, message: ReceivedMessage, outcome: str) -> None:
        source = self._source
        body = message.body.decode()
        async with source.changed:
            if body in source.lost:
                raise LockLostError(f"The lock of message {message.sequence_number} was lost.")
            source.settled.append((body, outcome))
            if outcome != "complete":
                source.give_back(message, counts=outcome == "abandon")
            source.changed.notify_all()

    def _has_any(self) -> bool:
        return any(message.session_id == self._session for message in self._source._ready)
