"""What happens in shipping as time goes by."""

from typing import TYPE_CHECKING

import azure.functions as func

from shared.kit.provider import Provider
from shared.messaging.timers import register_outbox

if TYPE_CHECKING:
    from functions.shipping.service.carrier_events import CarrierEvents
    from functions.shipping.service.watching import Watch
    from shared.messaging.relay import Relay


def register(
    blueprint: func.Blueprint,
    watch: "Provider[Watch]",
    events: "Provider[CarrierEvents]",
    relay: "Provider[Relay]",
) -> None:
    @blueprint.function_name("shipping_watch")
    @blueprint.timer_trigger(schedule="*/10 * * * * *", arg_name="timer")
    def watch_shipments(timer: func.TimerRequest) -> None:
        """Buys labels that are still missing, gives back those of cancelled orders, and asks about
        parcels that nothing was heard of."""
        watch().run()

    register_outbox(blueprint, "shipping", relay, lambda age: events().forget(age))
