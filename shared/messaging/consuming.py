"""From a Service Bus message to one typed call."""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import azure.functions as func

from shared.contracts.envelope import Envelope, Payload, UnreadableMessage
from shared.telemetry import bind_correlation_id, get_logger, span
from shared.telemetry.metrics import DEAD_LETTERS, MESSAGE_DURATION

log = get_logger("messaging")

DELIVERIES = 10
"""`MaxDeliveryCount` of every entity in infra/servicebus.json; Functions counts from 1."""

P = TypeVar("P", bound=Payload)
R = TypeVar("R")

Handler = Callable[[Envelope, Any], R]
Handlers = Mapping[type[Payload], Handler[R]]
"""By payload; a kind without a handler is none of this consumer's business."""


def consume(message: func.ServiceBusMessage, handlers: Handlers[None]) -> None:
    """Raises what the handler raises, and UnreadableMessage: the host then abandons the message,
    and after its last delivery it is a dead letter."""
    with _counted(message):
        envelope, payload, handler = _opened(message, handlers)
        if handler is None:
            return
        with _observed(envelope):
            handler(envelope, payload)


async def consume_async(
    message: func.ServiceBusMessage, handlers: Handlers[Awaitable[None]]
) -> None:
    """`consume` for handlers that are awaited."""
    with _counted(message):
        envelope, payload, handler = _opened(message, handlers)
        if handler is None:
            return
        with _observed(envelope):
            await handler(envelope, payload)


def _opened(
    message: func.ServiceBusMessage, handlers: Handlers[R]
) -> tuple[Envelope, Payload | None, Handler[R] | None]:
    try:
        envelope = Envelope.parse(message.get_body())
        for model, handler in handlers.items():
            if model.kind == envelope.type:
                return envelope, envelope.payload(model), handler
    except UnreadableMessage as error:
        log.error("message.unreadable", message_id=message.message_id, reason=str(error))
        raise
    return envelope, None, None


@contextmanager
def _counted(message: func.ServiceBusMessage) -> Iterator[None]:
    """How many messages the broker will lay among the dead letters, since we fail them for the last
    time. Those that expire, or whose process dies, only the broker can count."""
    try:
        yield
    except BaseException:
        if (message.delivery_count or 0) >= DELIVERIES:
            log.error("message.given_up", message_id=message.message_id, type=message.label)
            DEAD_LETTERS.record(1)
        raise


@contextmanager
def _observed(envelope: Envelope) -> Iterator[None]:
    bind_correlation_id(envelope.subject)
    started = time.perf_counter()
    outcome = "failed"
    with span(
        f"process {envelope.type}",
        kind="consumer",
        traceparent=envelope.traceparent,
        tracestate=envelope.tracestate,
        attributes={
            "messaging.system": "servicebus",
            "messaging.message.id": envelope.id,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.message.type": envelope.type,
            "messaging.message.source": envelope.source,
        },
    ):
        try:
            yield
            outcome = "done"
        finally:
            MESSAGE_DURATION.record(
                time.perf_counter() - started,
                {"messaging.message.type": envelope.type, "outcome": outcome},
            )
