"""The timers that each service with an outbox has."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import azure.functions as func

from shared.kit.provider import Provider
from shared.messaging.publisher import PublishFailed
from shared.telemetry import get_logger, is_measuring

if TYPE_CHECKING:
    from shared.messaging.relay import Relay

log = get_logger("messaging")

RELAY_SECONDS = 10
SENT_KEPT = timedelta(days=7)
RECEIVED_KEPT = timedelta(days=30)


def register_outbox(
    blueprint: func.Blueprint,
    service: str,
    relay: "Provider[Relay]",
    forget: Callable[[timedelta], int],
) -> None:
    """`forget` deletes from the service's inbox what is older, and says how many."""

    @blueprint.function_name(f"{service}_relay_outbox")
    @blueprint.timer_trigger(schedule=f"*/{RELAY_SECONDS} * * * * *", arg_name="timer")
    def relay_outbox(timer: func.TimerRequest) -> None:
        """What a commit announced is sent, however often sending failed before."""
        try:
            relay().send_due()
        except PublishFailed as error:
            waiting, oldest = relay().waiting()
            log.error(
                "outbox.not_sent", service=service, reason=str(error), waiting=waiting,
                oldest=str(oldest),
            )  # fmt: skip
        if is_measuring():
            relay().measure(service)

    @blueprint.function_name(f"{service}_purge_messages")
    @blueprint.timer_trigger(schedule="0 45 3 * * *", arg_name="timer")
    def purge_messages(timer: func.TimerRequest) -> None:
        """What was sent is kept for a week, what was received for thirty days."""
        relay().purge(SENT_KEPT)
        forget(RECEIVED_KEPT)
