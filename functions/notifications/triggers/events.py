"""What other services announce, by Service Bus."""

from collections.abc import Callable, Mapping
from typing import Any

import azure.functions as func

from functions.notifications.service.telling import Telling
from shared.contracts import inventory, orders, payments, shipping
from shared.contracts.envelope import Envelope, Payload
from shared.kit.provider import Provider
from shared.messaging.consuming import Handler, consume

Tell = Callable[[Telling, Envelope, Any], None]

_ORDERS: Mapping[type[Payload], Tell] = {
    orders.OrderPlaced: Telling.placed,
    orders.OrderCancelled: Telling.cancelled,
    orders.OrderRefunded: Telling.refunded,
    orders.OrderLinkRequested: Telling.link_requested,
    orders.CustomerErased: Telling.erased,
}
_PAYMENTS: Mapping[type[Payload], Tell] = {
    payments.PaymentDeclined: Telling.declined,
    payments.PaymentFailed: Telling.failed,
    payments.PaymentRefundFailed: Telling.refund_failed,
}
_SHIPPING: Mapping[type[Payload], Tell] = {
    shipping.ShipmentDispatched: Telling.dispatched,
    shipping.ShipmentOutForDelivery: Telling.out_for_delivery,
    shipping.ShipmentDelayed: Telling.delayed,
    shipping.ShipmentDelivered: Telling.delivered,
    shipping.ShipmentFailed: Telling.delivery_failed,
}
_INVENTORY: Mapping[type[Payload], Tell] = {inventory.StockLow: Telling.stock_low}


def register(blueprint: func.Blueprint, telling: Provider[Telling]) -> None:
    _subscribe(blueprint, orders.TOPIC, _ORDERS, telling)
    _subscribe(blueprint, payments.TOPIC, _PAYMENTS, telling)
    _subscribe(blueprint, shipping.TOPIC, _SHIPPING, telling)
    _subscribe(blueprint, inventory.TOPIC, _INVENTORY, telling, in_sessions=False)


def _subscribe(
    blueprint: func.Blueprint,
    topic: str,
    told: Mapping[type[Payload], Tell],
    telling: Provider[Telling],
    *,
    in_sessions: bool = True,
) -> None:
    def handler(tell: Tell) -> Handler[None]:
        return lambda envelope, payload: tell(telling(), envelope, payload)

    handlers = {kind: handler(tell) for kind, tell in told.items()}

    def run(message: func.ServiceBusMessage) -> None:
        consume(message, handlers)

    run.__name__ = f"notifications_on_{topic}"
    triggered = blueprint.service_bus_topic_trigger(
        arg_name="message",
        topic_name=topic,
        subscription_name="notifications",
        connection="ServiceBusConnection",
        is_sessions_enabled=in_sessions,
    )(run)
    blueprint.function_name(run.__name__)(triggered)
