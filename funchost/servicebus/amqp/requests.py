"""Request and response over a pair of links, as `$cbs` and `$management` are spoken to."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from struct import pack
from typing import TYPE_CHECKING, Any, Final, Protocol

from funchost.servicebus.amqp.encoding import encode, encode_described_list
from funchost.servicebus.amqp.frames import ACCEPTED, rejected
from funchost.servicebus.amqp.links import Attach, Delivery, IncomingLink, OutgoingLink
from funchost.servicebus.amqp.sections import (
    APPLICATION_PROPERTIES,
    PROPERTIES,
    VALUE,
    EncodedMessage,
)
from funchost.servicebus.amqp.values import DecodeError, ULong
from funchost.servicebus.broker.errors import BrokerError

if TYPE_CHECKING:
    from funchost.servicebus.amqp.session import Session

__all__ = ["Reply", "Request", "RequestLink", "RequestNode", "ResponseLink"]

_LOG: Final = logging.getLogger(__name__)
_MAXIMUM_REQUEST: Final = 1 << 20
_MAXIMUM_WAITING_BYTES: Final = 16 << 20
_OVERHEAD: Final = 512
_CONCURRENCY: Final = 8


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is the entity of a management node, empty for `$cbs` and for the namespace."""

    path: str
    properties: dict[str, Any]
    """The request's application properties."""
    body: Any
    session: "Session"


@dataclass(frozen=True, slots=True)
class Reply:
    properties: dict[str, Any]
    body: Any = None


class RequestNode(Protocol):
    async def answer(self, request: Request) -> Reply:
        """Raises nothing but faults of its own."""
        ...

    def failure(self, error: BrokerError) -> Reply: ...


class RequestLink(IncomingLink):
    maximum_message = _MAXIMUM_REQUEST

    def __init__(self, session: "Session", attach: Attach, path: str, node: RequestNode) -> None:
        super().__init__(session, attach)
        self._path = path
        self._node = node
        self._address = attach.target_fields[0]
        self._places = asyncio.Semaphore(_CONCURRENCY)

    def start(self) -> None:
        if self._path:
            self.session.broker.entity(self._path)
        super().start()

    def accept(self, delivery: Delivery) -> None:
        try:
            message = EncodedMessage(delivery.payload)
            message.check()
            request = Request(
                self._path, message.application_properties, message.body_value, self.session
            )
            message_id, reply_to = message.properties[0], message.properties[4]
        except DecodeError as error:
            self.finish(delivery, rejected("amqp:decode-error", str(error)))
            return
        work = self._answer(request, delivery, message_id, reply_to)
        self.session.connection.spawn(work)

    async def _answer(
        self, request: Request, delivery: Delivery, message_id: Any, reply_to: Any
    ) -> None:
        try:
            async with self._places:
                reply = await self._node.answer(request)
        except BrokerError as error:
            reply = self._node.failure(error)
        except Exception:
            _LOG.exception("A request to the Service Bus broker failed")
            reply = self._node.failure(BrokerError("The broker failed; its log says how."))
        self.finish(delivery, ACCEPTED)
        link = self.session.response_link(reply_to, self._address)
        if link is not None:
            link.send(_encode_reply(reply, message_id))


def _encode_reply(reply: Reply, message_id: Any) -> bytes:
    """The request's id returns with its own type: the vendor's client compares both."""
    correlation = ULong(message_id) if type(message_id) is int else message_id
    properties = encode_described_list(PROPERTIES, [None] * 5 + [correlation])
    return b"".join(
        (
            properties,
            *(b"\x00\x53", bytes((APPLICATION_PROPERTIES,)), encode(reply.properties)),
            *(b"\x00\x53", bytes((VALUE,)), encode(reply.body)),
        )
    )


class ResponseLink(OutgoingLink):
    """Replies wait for credit and for room; who asks without ever reading loses the link."""

    def __init__(self, session: "Session", attach: Attach) -> None:
        super().__init__(session, attach)
        addresses = (attach.source_fields[0], attach.target_fields[0])
        self.addresses = {address for address in addresses if isinstance(address, str)}
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0

    def start(self) -> None:
        self._write_attach(self._attach.source, self._attach.target)

    def send(self, payload: bytes) -> None:
        self._waiting.append(payload)
        self._waiting_bytes += len(payload) + _OVERHEAD
        self.resume()
        if self._waiting_bytes > _MAXIMUM_WAITING_BYTES:
            self.detach(("amqp:resource-limit-exceeded", "Too many replies wait to be read."))

    def resume(self) -> None:
        while self._waiting and self._remaining and not self.is_ended:
            if self.session.is_blocked:
                return
            self._delivery_count += 1
            tag = pack(">QQ", 0, self._delivery_count)
            payload = self._waiting.popleft()
            self._waiting_bytes -= len(payload) + _OVERHEAD
            self.session.deliver(self, tag, payload, is_settled=True)
        if self._drains and not self._waiting and not self.is_ended:
            self._answer_drain()

    def stop_delivering(self) -> None:
        """Replies to what is under way are still sent."""
