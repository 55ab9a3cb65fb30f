"""Links by which a client receives from a queue, a subscription or a dead-letter queue."""

import asyncio
from collections.abc import Sequence
from struct import pack
from typing import TYPE_CHECKING, Final

from funchost.servicebus.amqp.decoding import skip
from funchost.servicebus.amqp.delivery import as_received
from funchost.servicebus.amqp.encoding import encode, encode_list
from funchost.servicebus.amqp.links import Attach, OutgoingLink
from funchost.servicebus.amqp.sections import raw_elements
from funchost.servicebus.amqp.values import Described, Symbol
from funchost.servicebus.broker.errors import BrokerError, NotAllowed
from funchost.servicebus.broker.interface import (
    NEXT_SESSION,
    NextSession,
    ReceiveMode,
    Receiver,
    StoredMessage,
)

if TYPE_CHECKING:
    from funchost.servicebus.amqp.session import Session

__all__ = ["EntitySource"]

_SESSION_FILTER: Final = "com.microsoft:session-filter"
_FILTER_FIELD: Final = 7
_SETTLED: Final = 1
_SESSION_WAIT_SECONDS: Final = 60.0
_TICKS_AT_EPOCH: Final = 621_355_968_000_000_000
_BURST_BYTES: Final = 1 << 20
_BURST_MESSAGES: Final = 256
_FIRST_BURST: Final = 16


class EntitySource(OutgoingLink):
    """The broker hands over as much as the client's credit allows, but never more than a burst at
    once, which a connection's links share, and nothing while the client does not read: what a slow
    client has not taken stays in the broker."""

    def __init__(self, session: "Session", attach: Attach, path: str) -> None:
        super().__init__(session, attach)
        self.path = path
        is_settled = attach.settle_modes[0] == _SETTLED
        self._mode = ReceiveMode.RECEIVE_AND_DELETE if is_settled else ReceiveMode.PEEK_LOCK
        self._asked_session = _asked_session(attach)
        self.receiver: Receiver | None = None
        self._opening: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._burst = _FIRST_BURST

    def start(self) -> None:
        if not self.session.broker.entity(self.path).can_receive:
            raise NotAllowed(f"Nothing can be received from '{self.path}'.")
        self._opening = self.session.connection.spawn(self._open())

    async def _open(self) -> None:
        timeout = self._attach.properties.get("com.microsoft:timeout")
        seconds = timeout / 1000 if type(timeout) is int else _SESSION_WAIT_SECONDS
        try:
            receiver = await self.session.broker.open_receiver(
                self.path,
                self._mode,
                self._on_messages,
                self._on_closed,
                session=self._asked_session,
                wait_seconds=seconds,
            )
        except BrokerError as error:
            self.detach((error.condition, str(error)))
            return
        if self.is_ended:  # Detached meanwhile.
            await receiver.close()
            return
        self.receiver = receiver
        self.session.connection.receiving_links += 1
        self._answer(receiver)
        self._pass_credit_on()

    def _answer(self, receiver: Receiver) -> None:
        source = self._attach.source
        target = self._attach.target
        if receiver.session_id is None or source is None:
            self._write_attach(source, target)
            return
        ticks = (receiver.session_locked_until or 0) * 10_000 + _TICKS_AT_EPOCH
        properties = {Symbol("com.microsoft:locked-until-utc"): ticks}
        self._write_attach(_with_session(source, receiver.session_id), target, properties)

    def resume(self) -> None:
        self._writable.set()
        self._pass_credit_on()

    def stop_delivering(self) -> None:
        self._limit = self._delivery_count
        if self.receiver is not None:
            self.receiver.set_credit(0)
        elif self._opening is not None:
            self._opening.cancel()

    def _pass_credit_on(self) -> None:
        if self.receiver is None or self.is_ended:
            return
        if self._drains:
            if self._draining is None:
                self._draining = self.session.connection.spawn(self._drain(self.receiver))
            return
        self.receiver.set_credit(0 if self.session.is_blocked else self._next_credit())

    def _next_credit(self) -> int:
        share = self._burst // max(1, self.session.connection.receiving_links)
        return min(self._remaining, max(1, share))

    async def _drain(self, receiver: Receiver) -> None:
        """Sends what there is, then takes back the rest of the credit and says so."""
        while self._remaining and not self.is_ended:
            while self.session.is_blocked and not self.is_ended:
                self._writable.clear()
                await self._writable.wait()
            before = self._delivery_count
            receiver.set_credit(self._next_credit())
            await receiver.drain()
            if self._delivery_count == before:
                break
        self._draining = None
        if not self.is_ended:
            self._answer_drain()

    def _on_messages(self, messages: Sequence[StoredMessage]) -> None:
        size = 0
        for message in messages:
            payload = as_received(message)
            size += len(payload)
            token = message.lock_token
            tag = pack(">QQ", 0, message.sequence_number) if token is None else token.bytes_le
            delivery = self.session.deliver(self, tag, payload, is_settled=token is None)
            if token is not None:
                self.session.expect_settlement(delivery, self, token)
        self._delivery_count += len(messages)
        average = size // len(messages) + 1
        self._burst = max(1, min(_BURST_MESSAGES, _BURST_BYTES // average))
        if self._draining is None:
            self._pass_credit_on()

    def _on_closed(self, error: BrokerError) -> None:
        self.detach((error.condition, str(error)))

    def close(self) -> None:
        super().close()
        self._writable.set()
        if self._opening is not None and self.receiver is None:
            self._opening.cancel()
        if self.receiver is not None:
            self.session.connection.receiving_links -= 1
            self.session.connection.spawn(self.receiver.close())


def _asked_session(attach: Attach) -> str | NextSession | None:
    filters = attach.source_fields[_FILTER_FIELD]
    if not isinstance(filters, dict) or _SESSION_FILTER not in filters:
        return None
    wanted = filters[_SESSION_FILTER]
    if isinstance(wanted, Described):  # By the other SDKs.
        wanted = wanted.value
    return wanted if isinstance(wanted, str) else NEXT_SESSION


def _with_session(source: bytes, session_id: str) -> bytes:
    """The source as the client wrote it, its filter naming the session that was given."""
    start = skip(source, 1)  # Past the descriptor of the described list.
    fields = raw_elements(source, start)
    fields += [b"\x40"] * (_FILTER_FIELD + 1 - len(fields))
    fields[_FILTER_FIELD] = encode({Symbol(_SESSION_FILTER): session_id})
    return source[:start] + encode_list(fields)
