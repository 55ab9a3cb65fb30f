"""What comes over Service Bus."""

import azure.functions as func

from functions.inventory.service.returns import Returns
from shared.contracts import orders
from shared.contracts.orders import OrderCancelled
from shared.kit.provider import Provider
from shared.messaging.consuming import consume


def register(blueprint: func.Blueprint, returns: Provider[Returns]) -> None:
    @blueprint.function_name("inventory_orders")
    @blueprint.service_bus_topic_trigger(
        arg_name="message",
        topic_name=orders.TOPIC,
        subscription_name="inventory",
        connection="ServiceBusConnection",
        is_sessions_enabled=True,
    )
    def take_in_orders(message: func.ServiceBusMessage) -> None:
        """Copies of an order that was cancelled after it was placed come back."""
        consume(
            message,
            {OrderCancelled: lambda envelope, order: returns().cancelled(envelope.id, order)},
        )
