"""The orchestrations of checkout: pure generators, replayed from their history.

They carry an order's id and short words, nothing personal. What they decide is decided by an
activity, from the order row. A released version never changes; a new one gets a new name.
"""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

WAKE = "wake"
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=5)
_RENEWED_EVERY = timedelta(minutes=5)

Steps = Generator[Any, Any, Any]


def checkout_v1(context: df.DurableOrchestrationContext) -> Steps:
    """From an order row to a placed order, or to nothing held and nothing kept."""
    order_id = context.instance_id
    if (yield from _insist(context, "checkout_prepare", order_id)) != "reserving":
        return "rejected"
    while (reserved := (yield from _insist(context, "checkout_reserve", order_id))) == "waiting":
        # The cart's former checkout still holds the copies that this one is to take over.
        yield context.create_timer(context.current_utc_datetime + _FIRST_PAUSE)
    if reserved != "reserved":
        return "rejected"
    asked = yield from _insist(context, "checkout_request_payment", order_id)
    if asked == "cancelled":
        return asked
    limit = context.create_timer(datetime.fromisoformat(asked))
    while True:
        wake = context.wait_for_external_event(WAKE)
        yield context.task_any([wake, limit])
        decided = yield from _insist(context, "checkout_settle", order_id)
        if decided != "waiting":
            break
        if limit.is_completed:
            # A clock that runs behind the host's: look again soon, until the limit is there too.
            limit = context.create_timer(context.current_utc_datetime + _FIRST_PAUSE)
    if not limit.is_completed:
        limit.cancel()
    if decided == "confirming":
        return (yield from _insist(context, "checkout_finish", order_id))
    while decided == "closing":
        pause = context.create_timer(context.current_utc_datetime + _RENEWED_EVERY)
        wake = context.wait_for_external_event(WAKE)
        yield context.task_any([wake, pause])
        if not pause.is_completed:
            pause.cancel()
        decided = yield from _insist(context, "checkout_settle", order_id)
    return decided


def cancel_v1(context: df.DurableOrchestrationContext) -> Steps:
    """Cancels a placed order: shipping first, then the money, then the copies."""
    order_id = context.get_input()
    decided = yield from _insist(context, "checkout_cancel", order_id)
    while decided == "waiting":
        pause = context.create_timer(context.current_utc_datetime + _RENEWED_EVERY)
        wake = context.wait_for_external_event(WAKE)
        yield context.task_any([wake, pause])
        if not pause.is_completed:
            pause.cancel()
        decided = yield from _insist(context, "checkout_cancel", order_id)
    return decided


def _insist(context: df.DurableOrchestrationContext, activity: str, order_id: str) -> Steps:
    """An activity is tried until it passes: each is idempotent, and none may be left half done.

    The activity logs each failure as an error, which is what an operator is alerted by.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            return (yield context.call_activity(activity, order_id))
        except Exception:  # whatever it was, it is the activity's to log
            yield context.create_timer(context.current_utc_datetime + pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
