"""From a Service Bus message to one typed call."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import azure.functions as func

from shared.contracts.envelope import Envelope, Payload, UnreadableMessage
from shared.telemetry import bind_correlation_id, get_logger, span

log = get_logger("messaging")

P = TypeVar("P", bound=Payload)
R = TypeVar("R")

Handler = Callable[[Envelope, Any], R]
Handlers = Mapping[type[Payload], Handler[R]]
"""By payload; a kind without a handler is none of this consumer's business."""


def consume(message: func.ServiceBusMessage, handlers: Handlers[None]) -> None:
    """Raises what the handler raises, and UnreadableMessage: the host then abandons the message,
    and after the last delivery it is a dead letter."""
    envelope, payload, handler = _opened(message, handlers)
    if handler is None:
        return
    with _observed(envelope):
        handler(envelope, payload)


async def consume_async(
    message: func.ServiceBusMessage, handlers: Handlers[Awaitable[None]]
) -> None:
    """`consume` for handlers that are awaited."""
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


def _observed(envelope: Envelope) -> Any:
    bind_correlation_id(envelope.subject)
    return span(
        f"{envelope.type} process",
        kind="consumer",
        traceparent=envelope.traceparent,
        tracestate=envelope.tracestate,
        attributes={
            "messaging.system": "servicebus",
            "messaging.message.id": envelope.id,
            "messaging.operation.type": "process",
        },
    )
