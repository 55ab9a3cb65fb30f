"""What other services tell checkout, by Service Bus."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.checkout.service.news import News
from functions.checkout.triggers.durable import DurableSagas
from shared.contracts import payments, shipping
from shared.contracts.envelope import Envelope, Payload
from shared.messaging.consuming import consume_async

if TYPE_CHECKING:
    from functions.checkout.triggers import Parts

_PAYMENTS: dict[type[Payload], Callable[[News, Envelope, Any], None]] = {
    payments.PaymentPending: News.pending,
    payments.PaymentDeclined: News.declined,
    payments.PaymentSucceeded: News.succeeded,
    payments.PaymentCancelled: News.cancelled,
    payments.PaymentFailed: News.failed,
    payments.PaymentRefunded: News.refunded,
    payments.PaymentRefundFailed: News.refund_failed,
}
_SHIPPING: dict[type[Payload], Callable[[News, Envelope, Any], None]] = {
    shipping.ShipmentCreated: News.shipment_created,
    shipping.ShipmentLabelBought: News.label_bought,
    shipping.ShipmentDispatched: News.dispatched,
    shipping.ShipmentInTransit: News.in_transit,
    shipping.ShipmentOutForDelivery: News.out_for_delivery,
    shipping.ShipmentDelayed: News.delayed,
    shipping.ShipmentDelivered: News.delivered,
    shipping.ShipmentFailed: News.shipment_failed,
}

_DECIDING: frozenset[type[Payload]] = frozenset(
    {
        payments.PaymentSucceeded,
        payments.PaymentCancelled,
        payments.PaymentFailed,
        payments.PaymentRefunded,
        payments.PaymentRefundFailed,
    }
)
"""After these a saga may go on; the others are for who looks at the order."""


def register(blueprint: Any, parts: "Parts") -> None:
    _subscribe(blueprint, "checkout_on_payments", payments.TOPIC, _PAYMENTS, parts)
    _subscribe(blueprint, "checkout_on_shipping", shipping.TOPIC, _SHIPPING, parts)


def _subscribe(
    blueprint: Any,
    name: str,
    topic: str,
    effects: dict[type[Payload], Callable[[News, Envelope, Any], None]],
    parts: "Parts",
) -> None:
    async def run(message: func.ServiceBusMessage, client: Any) -> None:
        sagas = DurableSagas(client)

        def handler(
            effect: Callable[[News, Envelope, Any], None],
        ) -> Callable[[Envelope, Any], Awaitable[None]]:
            async def handle(envelope: Envelope, payload: Any) -> None:
                await asyncio.to_thread(effect, parts.news(), envelope, payload)
                if type(payload) in _DECIDING:
                    # Also for one that was taken before: we may have died between the two.
                    await sagas.wake(payload.order_id)

            return handle

        await consume_async(message, {kind: handler(effect) for kind, effect in effects.items()})

    run.__name__ = name
    function = blueprint.durable_client_input(client_name="client")(run)
    triggered = blueprint.service_bus_topic_trigger(
        arg_name="message",
        topic_name=topic,
        subscription_name="checkout",
        connection="ServiceBusConnection",
        is_sessions_enabled=True,
    )(function)
    blueprint.function_name(name)(triggered)
