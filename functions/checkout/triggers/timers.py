"""What happens in checkout as time goes by."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.checkout.triggers.durable import DurableSagas
from shared.messaging.timers import register_outbox

if TYPE_CHECKING:
    from functions.checkout.triggers import Parts

_KEYS_KEPT = timedelta(days=7)
_SAGAS_KEPT = timedelta(days=30)
_ERASED_KEPT = timedelta(days=90)


def register(blueprint: Any, parts: "Parts") -> None:
    async def look_after_orders(timer: func.TimerRequest, client: Any) -> None:
        """A start or a ring that got lost is made good."""
        sagas = DurableSagas(client)
        for order_id, status in await asyncio.to_thread(parts.sweeping().due):
            await parts.sweeping().look_after(order_id, status, sagas)

    with_client = blueprint.durable_client_input(client_name="client")(look_after_orders)
    timed = blueprint.timer_trigger(schedule="*/30 * * * * *", arg_name="timer")(with_client)
    blueprint.function_name("checkout_look_after_orders")(timed)

    def forget_keys(timer: func.TimerRequest) -> None:
        """Idempotency keys are kept for a week."""
        parts.sweeping().forget_keys(_KEYS_KEPT)

    daily = blueprint.timer_trigger(schedule="0 35 3 * * *", arg_name="timer")(forget_keys)
    blueprint.function_name("checkout_forget_keys")(daily)

    async def forget_sagas(timer: func.TimerRequest, client: Any) -> None:
        """The histories of sagas that have ended are kept for thirty days."""
        await parts.sweeping().forget_sagas(_SAGAS_KEPT, DurableSagas(client))

    with_client = blueprint.durable_client_input(client_name="client")(forget_sagas)
    nightly = blueprint.timer_trigger(schedule="0 50 3 * * *", arg_name="timer")(with_client)
    blueprint.function_name("checkout_forget_sagas")(nightly)

    def forget_buyers(timer: func.TimerRequest) -> None:
        """Whoever was erased is forgotten in the end, though an order never arrived."""
        parts.sweeping().forget_buyers(_ERASED_KEPT)

    erased = blueprint.timer_trigger(schedule="0 40 3 * * *", arg_name="timer")(forget_buyers)
    blueprint.function_name("checkout_forget_buyers")(erased)
    register_outbox(
        blueprint, "checkout", parts.relay, lambda older: parts.sweeping().forget(older)
    )
