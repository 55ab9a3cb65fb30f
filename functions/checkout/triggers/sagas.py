"""The orchestrations by their released names, and the activities that they call."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.checkout import saga
from functions.checkout.service.steps import Steps
from shared.telemetry import bind_correlation_id, get_logger, span
from shared.telemetry.metrics import SAGA_STEPS

if TYPE_CHECKING:
    from functions.checkout.triggers import Parts

log = get_logger("checkout")

_WORD = re.compile("[a-z_]+")
"""What a step decides; one tells a moment, which is no name for a count."""

ACTIVITIES = ("prepare", "reserve", "request_payment", "settle", "finish", "cancel")


def register(blueprint: Any, parts: "Parts") -> None:
    """`blueprint` is an `azure.durable_functions.Blueprint`."""
    for orchestrator in (saga.checkout_v1, saga.cancel_v1):
        blueprint.function_name(orchestrator.__name__)(
            blueprint.orchestration_trigger(context_name="context")(orchestrator)
        )
    for name in ACTIVITIES:
        _register(blueprint, f"checkout_{name}", getattr(Steps, name), parts)


def _register(blueprint: Any, name: str, step: Callable[[Steps, str], str], parts: "Parts") -> None:
    def run(order: str, context: func.Context) -> str:
        bind_correlation_id(order)
        trace = context.trace_context
        with span(
            name,
            traceparent=trace.trace_parent,
            tracestate=trace.trace_state,
            attributes={"order_id": order},
        ) as current:
            try:
                decided = step(parts.steps(), order)
            except Exception as error:
                log.error("saga.step_failed", step=name, order_id=order, exc_info=error)
                SAGA_STEPS.record(1, {"step": name, "outcome": "failed"})
                raise
            outcome = decided if _WORD.fullmatch(decided) else "done"
            current.set_attribute("outcome", outcome)
            SAGA_STEPS.record(1, {"step": name, "outcome": outcome})
            return decided

    blueprint.function_name(name)(blueprint.activity_trigger(input_name="order")(run))
