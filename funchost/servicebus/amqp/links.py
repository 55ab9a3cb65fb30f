"""Links by which a client sends, and what all links share (2.6)."""

from abc import ABC, abstractmethod
from asyncio import Future
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from funchost.servicebus.amqp.codec import incoming
from funchost.servicebus.amqp.errors import LinkFault
from funchost.servicebus.amqp.frames import (
    ACCEPTED,
    attach_frame,
    detach_frame,
    flow_frame,
    rejected,
)
from funchost.servicebus.amqp.sections import BATCH_FORMAT, split_batch
from funchost.servicebus.amqp.values import DecodeError, Symbol
from funchost.servicebus.broker.errors import BrokerError
from funchost.servicebus.broker.interface import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from funchost.servicebus.amqp.session import Session

__all__ = ["Attach", "Delivery", "EntityTarget", "IncomingLink", "Link", "OutgoingLink"]

_CREDIT: Final = 1000
_OVERHEAD: Final = 512
"""What a transfer costs beyond its payload, so that many empty ones count too."""


class Attach:
    """The client's attach. `source` and `target` are encoded, and are returned as they came: a
    session receiver of the vendor's looks for its own address there."""

    def __init__(self, fields: Sequence[Any], source: bytes | None, target: bytes | None) -> None:
        name, handle, role = fields[0], fields[1], fields[2]
        if not isinstance(name, str) or type(handle) is not int or type(role) is not bool:
            raise DecodeError("an attach lacks its name, handle or role")
        self.name = name
        self.handle = handle
        self.client_receives = role
        self.settle_modes = (_settle_mode(fields[3], 2), _settle_mode(fields[4], 0))
        self.source = source
        self.target = target
        self.source_fields = _terminus(fields[5])
        self.target_fields = _terminus(fields[6])
        self.target_code = getattr(fields[6], "descriptor", None)
        self.properties: dict[Any, Any] = fields[13] if isinstance(fields[13], dict) else {}


def _settle_mode(value: Any, default: int) -> int:
    return value if type(value) is int and 0 <= value <= 2 else default


def _terminus(value: Any) -> list[Any]:
    fields = getattr(value, "value", None)
    found = fields if isinstance(fields, list) else []
    return found + [None] * (11 - len(found))


class Link(ABC):
    """`handle` is used in both directions: the client's numbers are as good as ours."""

    def __init__(self, session: "Session", attach: Attach) -> None:
        self.session = session
        self.name = attach.name
        self.handle = attach.handle
        self.is_ended = False
        self.is_attached = False
        self._attach = attach

    @abstractmethod
    def start(self) -> None:
        """Answers the attach, now or later. Raises LinkFault and BrokerError to refuse it."""

    def close(self) -> None:
        """The link is over, whoever ended it: nothing is sent from here on."""
        self.is_ended = True

    def detach(self, error: tuple[str, str] | None, *, is_closed: bool = True) -> None:
        """Ends the link, from our side or in answer to the client. An attach that was not answered
        yet is answered first, without termini, for a detach alone confuses clients."""
        if self.is_ended:
            return
        if not self.is_attached:
            self._write_attach(None, None)
        self.close()
        self.session.forget(self)
        channel = self.session.channel
        self.session.write(detach_frame(channel, self.handle, error, is_closed=is_closed))

    def _write_attach(
        self,
        source: bytes | None,
        target: bytes | None,
        properties: Mapping[Symbol, Any] | None = None,
        maximum_message: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self.is_attached = True
        self.session.write(
            attach_frame(
                self.session.channel,
                self.handle,
                self.name,
                is_receiver=not self._attach.client_receives,
                settle_modes=self._attach.settle_modes,
                source=source,
                target=target,
                maximum_message=maximum_message,
                properties=properties,
            )
        )


class OutgoingLink(Link):
    """Sends within the client's credit, which is absolute: so much beyond a delivery-count."""

    def __init__(self, session: "Session", attach: Attach) -> None:
        super().__init__(session, attach)
        self._delivery_count = 0
        self._limit = 0
        self._drains = False

    @property
    def _remaining(self) -> int:
        return max(0, self._limit - self._delivery_count)

    def on_flow(self, delivery_count: int | None, credit: int | None, *, drain: bool) -> None:
        if credit is not None:
            # A client that has not seen our attach yet does not know our count, which is 0 then.
            self._limit = (delivery_count or 0) + credit
        self._drains = drain
        self.resume()

    @abstractmethod
    def resume(self) -> None:
        """There may be credit, or room: both are to be looked at."""

    @abstractmethod
    def stop_delivering(self) -> None:
        """The server is about to end."""

    def _answer_drain(self) -> None:
        """Gives up what is left of the credit."""
        self._drains = False
        self._delivery_count = max(self._delivery_count, self._limit)
        link, window = (self.handle, self._delivery_count, 0), self.session.window()
        self.session.write(flow_frame(self.session.channel, window, link, is_drained=True))


@dataclass(slots=True)
class Delivery:
    """What a client sends. `held` is what it counts against the connection's limit."""

    number: int
    message_format: int
    payload: bytes = b""
    is_settled: bool = False
    held: int = 0


class IncomingLink(Link):
    """Puts deliveries together, grants credit. A transfer beyond the credit is taken too: the
    vendor's client does not wait for any."""

    maximum_message = MAX_MESSAGE_BYTES

    def __init__(self, session: "Session", attach: Attach) -> None:
        super().__init__(session, attach)
        self._delivery_count = 0
        self._credit = 0
        self._delivery: Delivery | None = None
        self._parts: list[bytes] = []
        self._size = 0

    @abstractmethod
    def accept(self, delivery: Delivery) -> None:
        """A whole delivery, to be given back by `finish`."""

    def start(self) -> None:
        attach = self._attach
        self._write_attach(attach.source, attach.target, maximum_message=self.maximum_message)
        self.grant()

    def grant(self) -> None:
        self._credit = _CREDIT
        link = (self.handle, self._delivery_count, _CREDIT)
        self.session.write(flow_frame(self.session.channel, self.session.window(), link))

    def on_transfer(self, fields: list[Any], payload: bytes) -> None:
        _, number, _, message_format, settled, more, _, _, _, aborted, _ = fields
        delivery = self._delivery
        if delivery is None:
            if type(number) is not int:
                raise LinkFault("amqp:invalid-field", "a transfer lacks its delivery-id")
            delivery = self._delivery = Delivery(number, message_format or 0)
        elif number is not None and number != delivery.number:
            raise LinkFault("amqp:not-allowed", "two deliveries are interleaved on one link")
        delivery.is_settled |= settled is True
        self._size += len(payload)
        if self._size <= self.maximum_message:
            self._parts.append(payload)
            delivery.held += len(payload) + _OVERHEAD
            self.session.connection.gather(len(payload) + _OVERHEAD)
        if more is True and aborted is not True:
            return
        delivery.payload = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        size, self._size, self._delivery, self._parts = self._size, 0, None, []
        self._delivery_count += 1
        self._credit -= 1
        if self._credit <= _CREDIT // 2:
            self.grant()
        self.session.connection.gather(-delivery.held)
        if aborted is True:
            return
        self.session.connection.hold(delivery.held)
        if size > self.maximum_message:
            limit = f"The message has {size} bytes; the limit is {self.maximum_message}."
            self.finish(delivery, rejected("amqp:link:message-size-exceeded", limit))
        else:
            self.accept(delivery)

    def finish(self, delivery: Delivery, state: bytes) -> None:
        """Answers a delivery, unless it came settled, with an encoded outcome."""
        self.session.connection.let_go(delivery.held)
        if not delivery.is_settled and not self.is_ended:
            self.session.settle_incoming(delivery.number, state)

    def close(self) -> None:
        super().close()
        if self._delivery is not None:
            self.session.connection.gather(-self._delivery.held)
            self._delivery = None


class EntityTarget(IncomingLink):
    """A client sends to a queue or a topic."""

    def __init__(self, session: "Session", attach: Attach, path: str) -> None:
        super().__init__(session, attach)
        self._path = path

    def start(self) -> None:
        entity = self.session.broker.entity(self._path)
        if not entity.can_send:
            raise LinkFault("amqp:not-allowed", f"Nothing can be sent to '{entity.path}'.")
        super().start()

    def accept(self, delivery: Delivery) -> None:
        payload = delivery.payload
        is_batch = delivery.message_format == BATCH_FORMAT
        try:
            messages = split_batch(payload) if is_batch else [payload]
            sending = self.session.broker.send(self._path, [incoming(each) for each in messages])
        except DecodeError as error:
            self.finish(delivery, rejected("amqp:decode-error", str(error)))
        except BrokerError as error:
            self.finish(delivery, rejected(error.condition, str(error)))
        else:
            self.session.connection.follow(
                sending, lambda done: self.finish(delivery, outcome_of(done, ACCEPTED))
            )


def outcome_of(future: "Future[Any]", success: bytes) -> bytes:
    """The state that answers a delivery or a settlement."""
    if future.cancelled():
        return rejected("com.microsoft:operation-cancelled", "The broker is stopping.")
    error = future.exception()
    if error is None:
        return success
    if isinstance(error, BrokerError):
        return rejected(error.condition, str(error))
    return rejected("amqp:internal-error", "The broker failed; its log says how.")
