"""What comes over Service Bus."""

import azure.functions as func

from functions.inventory.media_model import MEDIA_UPLOADS, BlobCreated
from functions.inventory.service.media import Media
from functions.inventory.service.returns import Returns
from shared.contracts import orders
from shared.contracts.orders import OrderCancelled
from shared.kit.provider import Provider
from shared.messaging.consuming import consume


def register_orders(blueprint: func.Blueprint, returns: Provider[Returns]) -> None:
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


def register_uploads(blueprint: func.Blueprint, media: Provider[Media]) -> None:
    @blueprint.function_name("inventory_make_cover_sizes")
    @blueprint.service_bus_queue_trigger(
        arg_name="message", queue_name=MEDIA_UPLOADS, connection="ServiceBusConnection"
    )
    def make_cover_sizes(message: func.ServiceBusMessage) -> None:
        """Where whoever sent the cover in has not made them."""
        consume(message, {BlobCreated: lambda envelope, _: media().make_sizes(envelope.subject)})
