"""The entities of a broker in this process, without a wire. The broker lives on another loop; every
class here that ends in `Link` is used on that loop alone, all others on the host's."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from funchost.servicebus.amqp.sections import EncodedMessage
from funchost.servicebus.amqp.values import Timestamp
from funchost.servicebus.broker.errors import (
    BrokerError,
    EntityNotFound,
    MessageLockLost,
    NotAllowed,
    OperationTimedOut,
    SessionLockLost,
)
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
from funchost.servicebus.messages import OutgoingMessage, ReceivedMessage
from funchost.servicebus.sources.encoded import incoming
from funchost.servicebus.sources.port import EntityError, LockLostError, SourceError

__all__ = ["DirectProvider"]

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DirectProvider:
    """`thread` is where the broker lives."""

    def __init__(self, broker: Broker, thread: LoopThread) -> None:
        self._broker = broker
        self._thread = thread

    def source(self, entity: str) -> "DirectSource":
        return DirectSource(self._broker, self._thread, entity)

    async def close(self) -> None:
        """The broker goes on."""


class DirectSource:
    def __init__(self, broker: Broker, thread: LoopThread, entity: str) -> None:
        self._broker = broker
        self._thread = thread
        self._entity = entity

    async def open(self, prefetch: int) -> "DirectReceiver":
        link = _Link(self._broker, self._entity)
        await _translated(self._thread.call(lambda: link.open(None, None)))
        return DirectReceiver(self._broker, self._thread, link, prefetch)

    async def next_session(self, wait: float) -> "DirectSessionReceiver | None":
        link = _Link(self._broker, self._entity)
        opening = self._thread.call(lambda: link.open(NEXT_SESSION, wait))
        try:
            is_open = await _translated(asyncio.shield(opening))
        except asyncio.CancelledError:
            await self._thread.call(link.cancel_opening)
            await self._thread.call(link.close)
            raise
        if not is_open:
            return None
        return DirectSessionReceiver(self._broker, self._thread, link)

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        encoded = [incoming(message) for message in messages]
        await _translated(self._thread.call(lambda: self._broker.send(self._entity, encoded)))

    async def close(self) -> None:
        """Nothing is shared between receivers."""


class DirectReceiver:
    def __init__(
        self, broker: Broker, thread: LoopThread, link: "_Link", prefetch: int = 0
    ) -> None:
        self._broker = broker
        self._thread = thread
        self._link = link
        self._prefetch = prefetch
        self._at_hand: deque[StoredMessage] = deque()

    async def receive(self, count: int, wait: float) -> Sequence[ReceivedMessage]:
        if not self._at_hand:
            taking = self._thread.call(lambda: self._link.take(count + self._prefetch, wait))
            try:
                self._at_hand.extend(await _translated(asyncio.shield(taking)))
            except asyncio.CancelledError:
                await self._thread.call(self._link.interrupt)
                with contextlib.suppress(BrokerError):
                    await self._give_back(await taking)
                raise
        size = min(count, len(self._at_hand))
        return [_received(self._at_hand.popleft()) for _ in range(size)]

    async def complete(self, message: ReceivedMessage) -> None:
        await self._settle(message, Complete())

    async def abandon(self, message: ReceivedMessage) -> None:
        await self._settle(message, Abandon())

    async def release(self, messages: Sequence[ReceivedMessage]) -> None:
        await self._give_back([message.handle for message in messages])

    async def renew(self, message: ReceivedMessage) -> datetime:
        tokens = [message.handle.lock_token]
        (until,) = await _translated(
            self._thread.call(lambda: self._broker.renew_locks(self._link.path, tokens))
        )
        return _moment(until)

    async def close(self) -> None:
        await self._give_back(self._at_hand)
        self._at_hand.clear()
        await self._thread.call(self._link.close)

    async def _settle(self, message: ReceivedMessage, outcome: Outcome) -> None:
        tokens = [message.handle.lock_token]
        await _translated(
            self._thread.call(lambda: self._broker.settle(self._link.path, tokens, outcome))
        )

    async def _give_back(self, messages: Sequence[StoredMessage] | deque[StoredMessage]) -> None:
        # One by one: one whose lock is lost must not keep the others.
        for message in messages:
            if message.lock_token is not None:
                await self._thread.call(_released(self._broker, self._link.path, message))


class DirectSessionReceiver(DirectReceiver):
    def __init__(self, broker: Broker, thread: LoopThread, link: "_Link") -> None:
        super().__init__(broker, thread, link)
        self.session_id = link.session_id
        self.locked_until = _moment(link.session_locked_until)

    async def renew(self) -> datetime:  # type: ignore[override]  # the session's lock, not a message's
        return _moment(await _translated(self._thread.call(self._link.renew_session)))


class _Link:
    """A receiving link that hands over only what was asked for: between two calls of `take` it has
    no credit."""

    def __init__(self, broker: Broker, path: str) -> None:
        self.path = path
        self.session_id = ""
        self.session_locked_until = 0
        self._broker = broker
        self._receiver: Receiver | None = None
        self._opening: asyncio.Task[Receiver] | None = None
        self._arrived: list[StoredMessage] = []
        self._woken = asyncio.Event()
        self._failure: BrokerError | None = None

    async def open(self, session: NextSession | None, wait: float | None) -> bool:
        """False when there was no session in time, or the call was given up."""
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
            return False
        self.session_id = self._receiver.session_id or ""
        self.session_locked_until = self._receiver.session_locked_until or 0
        return True

    async def cancel_opening(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])

    async def take(self, count: int, wait: float) -> list[StoredMessage]:
        self._woken.clear()
        if self._failure is not None:
            raise self._failure
        assert self._receiver is not None
        self._receiver.set_credit(count)
        try:
            async with asyncio.timeout(wait):
                await self._woken.wait()
        except TimeoutError:
            pass
        finally:
            self._receiver.set_credit(0)
        arrived, self._arrived = self._arrived, []
        if not arrived and self._failure is not None:
            raise self._failure
        return arrived

    async def interrupt(self) -> None:
        self._woken.set()

    async def renew_session(self) -> int:
        assert self._receiver is not None
        return self._receiver.renew_session_lock()

    async def close(self) -> None:
        if self._receiver is not None:
            await self._receiver.close()

    def _take_over(self, messages: Sequence[StoredMessage]) -> None:
        self._arrived.extend(messages)
        self._woken.set()

    def _fail(self, error: BrokerError) -> None:
        self._failure = error
        self._woken.set()


def _released(broker: Broker, path: str, message: StoredMessage) -> Callable[[], Awaitable[None]]:
    async def release() -> None:
        assert message.lock_token is not None
        try:
            await broker.settle(path, [message.lock_token], Release())
        except BrokerError:
            return  # its lock ends by itself

    return release


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
