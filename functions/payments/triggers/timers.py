"""What happens in payments as time goes by."""

import azure.functions as func

from functions.payments.service.reconcile import Reconciliation
from shared.kit.provider import Provider


def register(blueprint: func.Blueprint, reconciliation: Provider[Reconciliation]) -> None:
    @blueprint.function_name("payments_reconcile")
    @blueprint.timer_trigger(schedule="*/30 * * * * *", arg_name="timer")
    def reconcile(timer: func.TimerRequest) -> None:
        """Asks Stripe about payments and refunds that hang, and compares what has settled."""
        reconciliation().run()
