"""What happened to the account, and the webhooks that will tell of it."""

import copy
import time
from typing import Any

from sandbox.stripe.state import Body, Transaction, new_id

API_VERSION = "2026-10-28.endive"
"""The version in which the account's events are written."""

REORDERED_WITHIN_SECONDS = 1.5


def emit(
    transaction: Transaction, kind: str, about: Body, previous: dict[str, Any] | None = None
) -> None:
    """Records an event with the object as it is now, and a delivery of it where the endpoint asked
    for its kind and knobs do not say no."""
    is_wanted = not transaction.enabled_events.isdisjoint(("*", kind))
    data: Body = {"object": copy.deepcopy(about)}
    if previous is not None:
        data["previous_attributes"] = previous
    event = transaction.put(
        {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": transaction.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": int(is_wanted),
            "request": {
                "id": transaction.request_id,
                "idempotency_key": transaction.idempotency_key,
            },
            "type": kind,
        },
        about["id"] if about["object"] == "payment_intent" else about.get("payment_intent"),
    )
    if is_wanted:
        _schedule(transaction, event["id"])


def schedule(transaction: Transaction, event: str, due: float) -> None:
    transaction.sql.execute(
        "INSERT INTO deliveries (event, due, state) VALUES (?, ?, 'waiting')", (event, due)
    )


def _schedule(transaction: Transaction, event: str) -> None:
    knobs = transaction.knob("webhooks", {})
    chance = transaction.chance
    now = time.time()
    if chance.random() < knobs.get("drop", 0):
        transaction.sql.execute(
            "INSERT INTO deliveries (event, due, state) VALUES (?, ?, 'dropped')", (event, now)
        )
        return
    for _ in range(2 if chance.random() < knobs.get("duplicate", 0) else 1):
        due = now + chance.uniform(0, knobs.get("delay", 0))
        if chance.random() < knobs.get("reorder", 0):
            due += chance.uniform(0, REORDERED_WITHIN_SECONDS)
        schedule(transaction, event, due)
