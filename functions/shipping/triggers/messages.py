"""What comes over Service Bus: placed orders, and the carrier's events from our own inbox."""

from typing import TYPE_CHECKING

import azure.functions as func

from functions.shipping.shipment_model import CARRIER_EVENTS, CarrierEventReceived
from shared.contracts.envelope import Envelope
from shared.contracts.orders import TOPIC, OrderPlaced
from shared.kit.provider import Provider
from shared.messaging.consuming import consume

if TYPE_CHECKING:
    from functions.shipping.service.carrier_events import CarrierEvents
    from functions.shipping.service.shipments import Shipments
    from functions.shipping.service.watching import Watch


def register(
    blueprint: func.Blueprint,
    shipments: "Provider[Shipments]",
    watch: "Provider[Watch]",
    events: "Provider[CarrierEvents]",
) -> None:
    def placed(envelope: Envelope, event: OrderPlaced) -> None:
        watch().hurry(shipments().placed(envelope, event))

    @blueprint.function_name("shipping_on_orders")
    @blueprint.service_bus_topic_trigger(
        arg_name="message",
        topic_name=TOPIC,
        subscription_name="shipping",
        connection="ServiceBusConnection",
        is_sessions_enabled=True,
    )
    def on_orders(message: func.ServiceBusMessage) -> None:
        """An order's labels are bought at once where the carrier answers, else by the timer."""
        consume(message, {OrderPlaced: placed})

    @blueprint.function_name("shipping_apply_carrier_event")
    @blueprint.service_bus_queue_trigger(
        arg_name="message", queue_name=CARRIER_EVENTS, connection="ServiceBusConnection"
    )
    def apply_carrier_event(message: func.ServiceBusMessage) -> None:
        """Without sessions: each event shows all that happened to a parcel, in any order."""
        consume(
            message, {CarrierEventReceived: lambda _, received: events().apply(received.event_id)}
        )
