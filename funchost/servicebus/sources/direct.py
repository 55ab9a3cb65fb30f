"""The entities of a broker of this host, in this process or in another one, by calls of `Links`."""

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

from funchost.servicebus.amqp.sections import EncodedMessage
from funchost.servicebus.amqp.values import Timestamp
from funchost.servicebus.broker.errors import (
    BrokerError,
    EntityNotFound,
    MessageLockLost,
    NotAllowed,
    SessionLockLost,
)
from funchost.servicebus.broker.interface import StoredMessage
from funchost.servicebus.messages import OutgoingMessage, ReceivedMessage
from funchost.servicebus.sources.encoded import encoded
from funchost.servicebus.sources.links import LinkCalls, Links
from funchost.servicebus.sources.port import EntityError, LockLostError, SourceError

__all__ = ["DirectProvider"]

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DirectProvider:
    def __init__(self, calls: LinkCalls) -> None:
        self._calls = calls
        self._numbers = itertools.count()

    def source(self, entity: str) -> "DirectSource":
        return DirectSource(self._calls, entity, self._numbers)

    async def close(self) -> None:
        await self._calls.close()


class DirectSource:
    def __init__(self, calls: LinkCalls, entity: str, numbers: "itertools.count[int]") -> None:
        self._calls = calls
        self._entity = entity
        self._numbers = numbers

    async def open(self, prefetch: int) -> "DirectReceiver":
        link = next(self._numbers)
        await _translated(self._calls.call(Links.open, link, self._entity))
        return DirectReceiver(self._calls, self._entity, link, prefetch)

    async def next_session(self, wait: float) -> "DirectSessionReceiver | None":
        link = next(self._numbers)
        opening = self._calls.call(Links.open_session, link, self._entity, wait)
        try:
            opened = await _translated(asyncio.shield(opening))
        except asyncio.CancelledError:
            with contextlib.suppress(BrokerError):
                await self._calls.call(Links.close, link)
            raise
        if opened is None:
            return None
        return DirectSessionReceiver(self._calls, self._entity, link, *opened)

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        outgoing = [encoded(message) for message in messages]
        await _translated(self._calls.call(Links.send, self._entity, outgoing))

    async def close(self) -> None:
        """Nothing is shared between receivers."""


class DirectReceiver:
    def __init__(self, calls: LinkCalls, entity: str, link: int, prefetch: int = 0) -> None:
        self._calls = calls
        self._entity = entity
        self._link = link
        self._prefetch = prefetch
        self._at_hand: deque[StoredMessage] = deque()

    async def receive(self, count: int, wait: float) -> Sequence[ReceivedMessage]:
        if not self._at_hand:
            taking = self._calls.call(Links.take, self._link, count + self._prefetch, wait)
            try:
                self._at_hand.extend(await _translated(asyncio.shield(taking)))
            except asyncio.CancelledError:
                with contextlib.suppress(BrokerError):
                    await self._calls.call(Links.interrupt, self._link)
                    await self._give_back(await taking)
                raise
        size = min(count, len(self._at_hand))
        return [_received(self._at_hand.popleft()) for _ in range(size)]

    async def complete(self, message: ReceivedMessage) -> None:
        await self._settle(message, "complete")

    async def abandon(self, message: ReceivedMessage) -> None:
        await self._settle(message, "abandon")

    async def release(self, messages: Sequence[ReceivedMessage]) -> None:
        await self._give_back([message.handle for message in messages])

    async def renew(self, message: ReceivedMessage) -> datetime:
        token = message.handle.lock_token
        return _moment(await _translated(self._calls.call(Links.renew, self._entity, token)))

    async def close(self) -> None:
        await self._give_back(self._at_hand)
        self._at_hand.clear()
        with contextlib.suppress(BrokerError):
            await self._calls.call(Links.close, self._link)

    async def _settle(
        self, message: ReceivedMessage, outcome: Literal["complete", "abandon"]
    ) -> None:
        token = message.handle.lock_token
        await _translated(self._calls.call(Links.settle, self._entity, token, outcome))

    async def _give_back(self, messages: Sequence[StoredMessage] | deque[StoredMessage]) -> None:
        # One by one: one whose lock is lost must not keep the others.
        for message in messages:
            if message.lock_token is not None:
                with contextlib.suppress(BrokerError):
                    await self._calls.call(
                        Links.settle, self._entity, message.lock_token, "release"
                    )


class DirectSessionReceiver(DirectReceiver):
    def __init__(
        self, calls: LinkCalls, entity: str, link: int, session_id: str, locked_until: int
    ) -> None:
        super().__init__(calls, entity, link)
        self.session_id = session_id
        self.locked_until = _moment(locked_until)

    async def renew(self) -> datetime:  # type: ignore[override]  # the session's lock, not a message's
        return _moment(await _translated(self._calls.call(Links.renew_session, self._link)))


async def _translated(operation: Awaitable[T]) -> T:
    try:
        return await operation
    except (EntityNotFound, NotAllowed) as error:
        raise EntityError(str(error)) from error
    except (MessageLockLost, SessionLockLost) as error:
        raise LockLostError(str(error)) from error
    except BrokerError as error:
        raise SourceError(str(error)) from error


def _received(stored: StoredMessage) -> ReceivedMessage:
    message = EncodedMessage(stored.encoded)
    return ReceivedMessage(
        body=message.body_value,
        sequence_number=stored.sequence_number,
        delivery_count=stored.delivery_count + 1,
        lock_token=str(stored.lock_token),
        enqueued_time=_moment(stored.enqueued_at),
        expires_at=_expiry(stored),
        locked_until=None if stored.locked_until is None else _moment(stored.locked_until),
        message_id=message.message_id,
        content_type=message.content_type,
        correlation_id=message.correlation_id,
        subject=message.subject,
        to=message.to,
        reply_to=message.reply_to,
        reply_to_session_id=message.reply_to_session_id,
        session_id=message.session_id,
        partition_key=message.partition_key,
        dead_letter_source=stored.dead_letter_source,
        application_properties={
            name: _moment(value) if isinstance(value, Timestamp) else value
            for name, value in message.application_properties.items()
        },
        handle=stored,
    )


def _expiry(stored: StoredMessage) -> datetime | None:
    if stored.time_to_live is None:
        return None
    try:
        return _moment(stored.enqueued_at + stored.time_to_live)
    except OverflowError:
        return None


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
