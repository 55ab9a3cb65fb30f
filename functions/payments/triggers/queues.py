"""What comes over Service Bus: checkout's requests, and Stripe's events from our own inbox."""

from collections.abc import Iterator
from contextlib import contextmanager

import azure.functions as func

from functions.payments.model import (
    STRIPE_EVENTS,
    OutcomeUnknown,
    StillProcessing,
    StripeEventReceived,
    Unavailable,
)
from functions.payments.service.requests import Requests
from functions.payments.service.webhooks import StripeEvents
from shared.contracts.payments import REQUESTS, CancelPayment, CreatePayment, RefundPayment
from shared.kit.provider import Provider
from shared.messaging.consuming import consume
from shared.telemetry import get_logger

log = get_logger("payments")

DELIVERIES = 3
"""They follow each other at once, so that more of them would be spent within seconds."""


def register(
    blueprint: func.Blueprint, requests: Provider[Requests], events: Provider[StripeEvents]
) -> None:
    @blueprint.function_name("payments_handle_request")
    @blueprint.service_bus_queue_trigger(
        arg_name="message",
        queue_name=REQUESTS,
        connection="ServiceBusConnection",
        is_sessions_enabled=True,
    )
    def handle_request(message: func.ServiceBusMessage) -> None:
        """An order's requests come one after the other: its id is their session."""
        with _left_to_the_timer(message):
            consume(
                message,
                {
                    CreatePayment: lambda _, request: requests().create(request),
                    CancelPayment: lambda _, request: requests().cancel(request),
                    RefundPayment: lambda _, request: requests().refund(request),
                },
            )

    @blueprint.function_name("payments_apply_stripe_event")
    @blueprint.service_bus_queue_trigger(
        arg_name="message", queue_name=STRIPE_EVENTS, connection="ServiceBusConnection"
    )
    def apply_stripe_event(message: func.ServiceBusMessage) -> None:
        """Without sessions: Stripe's events come in any order anyway."""
        consume(
            message, {StripeEventReceived: lambda _, received: events().apply(received.event_id)}
        )


@contextmanager
def _left_to_the_timer(message: func.ServiceBusMessage) -> Iterator[None]:
    """Where Stripe is away the message is done with after a few deliveries: what was asked is on
    record before Stripe hears of it, and `payments_reconcile` asks until it is through."""
    try:
        yield
    except (OutcomeUnknown, Unavailable, StillProcessing) as error:
        if (message.delivery_count or 0) < DELIVERIES:
            raise
        log.error("payment.left_to_the_timer", message_id=message.message_id, reason=str(error))
