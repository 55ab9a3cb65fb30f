"""What happens in inventory as time goes by."""

from datetime import timedelta

import azure.functions as func

from functions.inventory.service.media import Media
from functions.inventory.service.stock import Stock
from shared.kit.provider import Provider

KEPT = timedelta(days=7)


def register(blueprint: func.Blueprint, stock: Provider[Stock], media: Provider[Media]) -> None:
    @blueprint.function_name("inventory_expire_reservations")
    @blueprint.timer_trigger(schedule="0 * * * * *", arg_name="timer")
    def expire_reservations(timer: func.TimerRequest) -> None:
        """Copies held for a checkout that never ended go back on sale."""
        while len(stock().expire_due(limit=100)) == 100:
            pass

    @blueprint.function_name("inventory_forget_deliveries")
    @blueprint.timer_trigger(schedule="0 30 3 * * *", arg_name="timer")
    def forget_deliveries(timer: func.TimerRequest) -> None:
        """Idempotency keys are kept for a week."""
        stock().forget_deliveries(KEPT)

    @blueprint.function_name("inventory_purge_media")
    @blueprint.timer_trigger(schedule="0 45 3 * * *", arg_name="timer")
    def purge_media(timer: func.TimerRequest) -> None:
        """Covers and samples that were replaced long ago are deleted."""
        media().purge()
