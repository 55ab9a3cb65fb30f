"""One session of a connection: its links, its windows, its deliveries (2.5)."""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from funchost.servicebus.amqp.decoding import skip
from funchost.servicebus.amqp.errors import AmqpError, LinkFault, SessionFault
from funchost.servicebus.amqp.frames import (
    ACCEPTED,
    MODIFIED,
    REJECTED,
    RELEASED,
    begin_frame,
    disposition_frame,
    end_frame,
    flow_frame,
    rejected,
    transfer_frames,
)
from funchost.servicebus.amqp.links import Attach, IncomingLink, Link, OutgoingLink, outcome_of
from funchost.servicebus.amqp.outcomes import is_transactional, read_outcome
from funchost.servicebus.amqp.receiving import EntitySource
from funchost.servicebus.amqp.requests import ResponseLink
from funchost.servicebus.amqp.sections import raw_elements
from funchost.servicebus.amqp.values import DecodeError
from funchost.servicebus.broker.errors import BrokerError
from funchost.servicebus.broker.interface import Abandon, DeadLetter, Defer, Outcome, Release

if TYPE_CHECKING:
    from funchost.servicebus.amqp.connection import Connection

__all__ = ["HANDLE_MAX", "Session"]

HANDLE_MAX: Final = 255
_WINDOW: Final = 5000
_FIRST_ID: Final = 1
_MODULUS: Final = 1 << 32
_MAXIMUM_UNSETTLED: Final = 65_536


class Session:
    def __init__(self, connection: "Connection", channel: int, begin: list[Any]) -> None:
        _, next_outgoing, incoming_window, *_ = begin
        if type(next_outgoing) is not int or type(incoming_window) is not int:
            raise DecodeError("a begin lacks its next-outgoing-id or its incoming-window")
        self.connection = connection
        self.broker = connection.broker
        self.channel = channel
        self.links: dict[int, Link] = {}
        self._past_handles: set[int] = set()
        self._is_ended = False
        self._next_incoming = next_outgoing
        self._frames_since_flow = 0
        self._next_outgoing = _FIRST_ID
        self._next_delivery = 0
        self._remote_window = incoming_window
        self._waiting: deque[bytes] = deque()
        self._unsettled: dict[int, tuple[EntitySource, UUID]] = {}
        self.write(begin_frame(channel, _FIRST_ID, _WINDOW, HANDLE_MAX))

    def write(self, frame: bytes) -> None:
        """Nothing is sent any more once the session has ended."""
        if not self._is_ended:
            self.connection.write(frame)

    def window(self) -> tuple[int, int, int, int]:
        """The session's part of a flow that is sent right now."""
        self._frames_since_flow = 0
        return self._next_incoming, _WINDOW, self._next_outgoing, _WINDOW

    @property
    def is_blocked(self) -> bool:
        """Nothing more should be delivered: the client or its window is full."""
        return bool(self._waiting) or not self.connection.is_writable

    def deliver(self, link: Link, tag: bytes, payload: bytes, *, is_settled: bool) -> int:
        """Sends one delivery now, or its frames when the client's window opens, and gives its id.
        What is not settled is to be announced by `expect_settlement`."""
        delivery = self._next_delivery
        self._next_delivery = (delivery + 1) % _MODULUS
        frames = transfer_frames(
            self.channel,
            link.handle,
            delivery,
            tag,
            payload,
            is_settled=is_settled,
            maximum_frame=self.connection.maximum_frame,
        )
        if self._waiting:
            self._waiting.extend(frames)
        elif len(frames) <= self._remote_window:
            self._remote_window -= len(frames)
            self._next_outgoing = (self._next_outgoing + len(frames)) % _MODULUS
            for frame in frames:
                self.write(frame)
        else:
            self._waiting.extend(frames)
            self._send_waiting()
        return delivery

    def expect_settlement(self, delivery: int, source: "EntitySource", token: UUID) -> None:
        self._unsettled[delivery] = (source, token)
        if len(self._unsettled) > _MAXIMUM_UNSETTLED:
            # A client that settles nothing loses the oldest: their locks have run out by then.
            del self._unsettled[next(iter(self._unsettled))]

    def settle_incoming(self, delivery: int, state: bytes) -> None:
        """Answers what the client has sent."""
        self.write(
            disposition_frame(
                self.channel, is_receiver=True, first=delivery, last=delivery, state=state
            )
        )

    def response_link(self, reply_to: Any, address: Any) -> ResponseLink | None:
        """By the address that a request asks to be answered at, or else by the node's own: the
        vendor's client names no other, and for `$cbs` none at all."""
        found = [link for link in self.links.values() if isinstance(link, ResponseLink)]
        for wanted in (reply_to, address):
            for link in found:
                if wanted is not None and wanted in link.addresses:
                    return link
        return None

    def source_named(self, name: str) -> "EntitySource | None":
        for link in self.links.values():
            if link.name == name and isinstance(link, EntitySource):
                return link
        return None

    def forget(self, link: Link) -> None:
        self.links.pop(link.handle, None)
        self._past_handles.add(link.handle)
        for delivery in [d for d, (source, _) in self._unsettled.items() if source is link]:
            del self._unsettled[delivery]

    def close(self) -> None:
        for link in self.links.values():
            link.close()
        self.links.clear()
        self._unsettled.clear()
        self._waiting.clear()
        self._is_ended = True

    def end(self, error: tuple[str, str] | None) -> None:
        """Ends the session, from our side or in answer to the client."""
        self.close()
        self.connection.forget(self)
        self.connection.write(end_frame(self.channel, error))

    def stop_delivering(self) -> None:
        for link in self.links.values():
            if isinstance(link, OutgoingLink):
                link.stop_delivering()

    def resume(self) -> None:
        """The client takes data again."""
        if not self.is_blocked:
            for link in list(self.links.values()):
                if isinstance(link, OutgoingLink):
                    link.resume()

    def on_attach(self, fields: list[Any], frame: bytes, offset: int) -> None:
        attach = _read_attach(fields, frame, offset)
        if attach.handle > HANDLE_MAX:
            raise SessionFault("amqp:not-allowed", f"handles end at {HANDLE_MAX}")
        if attach.handle in self.links:
            raise SessionFault("amqp:session:handle-in-use", f"{attach.handle} is in use")
        link = self.connection.nodes.link(self, attach)
        self.links[attach.handle] = link
        try:
            link.start()
        except (AmqpError, BrokerError) as error:
            link.detach((error.condition, str(error)))

    def on_flow(self, fields: list[Any]) -> None:
        next_incoming, window, next_outgoing, _, handle, count, credit, _, drain, echo, _ = fields
        if type(window) is not int or type(next_outgoing) is not int:
            raise DecodeError("a flow lacks its incoming-window or its next-outgoing-id")
        self._next_incoming = next_outgoing
        acknowledged = next_incoming if type(next_incoming) is int else _FIRST_ID
        in_flight = (self._next_outgoing - acknowledged) % _MODULUS
        was_blocked = self.is_blocked
        self._remote_window = max(0, window - in_flight) if in_flight < _MODULUS // 2 else window
        self._send_waiting()
        if was_blocked:
            self.resume()
        link = None if handle is None else self._link(handle)
        if isinstance(link, OutgoingLink):
            link.on_flow(
                count if type(count) is int else None,
                credit if type(credit) is int else None,
                drain=drain is True,
            )
        if echo is True and handle is None:
            self.write(flow_frame(self.channel, self.window()))

    def on_transfer(self, fields: list[Any], payload: bytes) -> None:
        self._next_incoming = (self._next_incoming + 1) % _MODULUS
        self._frames_since_flow += 1
        link = self._link(fields[0])
        if link is not None:
            if not isinstance(link, IncomingLink):
                raise SessionFault("amqp:not-allowed", "a transfer came on a receiving link")
            try:
                link.on_transfer(fields, payload)
            except LinkFault as fault:
                link.detach((fault.condition, str(fault)))
        if self._frames_since_flow > _WINDOW // 2:
            self.write(flow_frame(self.channel, self.window()))

    def on_disposition(self, fields: list[Any]) -> None:
        role, first, last, settled, state, _ = fields
        if type(role) is not bool or type(first) is not int:
            raise DecodeError("a disposition lacks its role or its first delivery")
        last = first if type(last) is not int else last
        if not role or last < first:
            return  # About what we have settled with our answer already.
        outcome = read_outcome(state)
        if outcome is None and settled is not True:
            if is_transactional(state):
                self._answer(first, rejected("amqp:not-implemented", "No transactions here."))
            return  # Not an end of the delivery.
        for delivery in self._deliveries(first, last):
            self._settle(delivery, outcome or Release(), answered=settled is not True)

    def on_detach(self, fields: list[Any]) -> None:
        link = self._link(fields[0])
        if link is not None:
            link.detach(None, is_closed=fields[1] is True)

    def _deliveries(self, first: int, last: int) -> Iterable[int]:
        """Those of the range that are unsettled; or a single one even if it is not."""
        if last == first:
            return (first,)
        if last - first < len(self._unsettled):
            return [delivery for delivery in range(first, last + 1) if delivery in self._unsettled]
        return [delivery for delivery in self._unsettled if first <= delivery <= last]

    def _settle(self, delivery: int, outcome: Outcome, *, answered: bool) -> None:
        source, token = self._unsettled.pop(delivery, (None, None))
        if source is None or token is None:
            if answered:
                text = "The delivery is unknown, or was settled before."
                self._answer(delivery, rejected("com.microsoft:message-lock-lost", text))
            return
        try:
            future = self.broker.settle(source.path, [token], outcome)
        except BrokerError as error:
            if answered:
                self._answer(delivery, rejected(error.condition, str(error)))
            return
        success = _success(outcome)
        self.connection.follow(
            future,
            lambda done: self._answer(delivery, outcome_of(done, success)) if answered else None,
        )

    def _answer(self, delivery: int, state: bytes) -> None:
        self.write(
            disposition_frame(
                self.channel, is_receiver=False, first=delivery, last=delivery, state=state
            )
        )

    def _send_waiting(self) -> None:
        while self._waiting and self._remote_window:
            self._remote_window -= 1
            self._next_outgoing = (self._next_outgoing + 1) % _MODULUS
            self.write(self._waiting.popleft())

    def _link(self, handle: Any) -> Link | None:
        """None for a link that is over already: the client may not have read so yet."""
        if type(handle) is not int:
            raise DecodeError("a frame lacks its handle")
        link = self.links.get(handle)
        if link is None and handle not in self._past_handles:
            raise SessionFault("amqp:session:unattached-handle", f"{handle} is not attached")
        return link


def _success(outcome: Outcome) -> bytes:
    """The same outcome again, without fields: what the vendor's client takes for a yes."""
    match outcome:
        case Abandon() | Defer():
            return MODIFIED
        case DeadLetter():
            return REJECTED
        case Release():
            return RELEASED
    return ACCEPTED


def _read_attach(fields: list[Any], frame: bytes, offset: int) -> Attach:
    # A performative is 0x00, a descriptor, and the list.
    raw = raw_elements(frame, skip(frame, offset + 1))
    return Attach(fields, *(raw[index] if len(raw) > index else None for index in (5, 6)))
