"""Stripe's objects as payments sees them; they look alike in answers and in events.

Written for the API version that the gateway pins (https://docs.stripe.com/api/payment_intents).
"""

from collections.abc import Mapping
from typing import Any

from functions.payments.model import Intent, Notice, ProviderRefund

_LONGEST_ID = 64
"""What a column holds; Stripe's ids have about 27 signs."""


def intent_from(shown: Mapping[str, Any]) -> Intent:
    error = shown.get("last_payment_error") or {}
    charge = shown.get("latest_charge")
    return Intent(
        id=shown["id"],
        client_secret=shown.get("client_secret") or "",
        amount=shown["amount"],
        currency=shown["currency"].upper(),
        status=shown["status"],
        received=shown.get("amount_received", 0),
        order_id=(shown.get("metadata") or {}).get("order_id"),
        refunded=charge["amount_refunded"] if isinstance(charge, Mapping) else None,
        code=error.get("code") or error.get("type"),
        decline_code=error.get("decline_code"),
    )


def refund_from(shown: Mapping[str, Any]) -> ProviderRefund:
    intent = shown.get("payment_intent")
    return ProviderRefund(
        id=shown["id"],
        intent=intent["id"] if isinstance(intent, Mapping) else intent,
        amount=shown["amount"],
        currency=shown["currency"].upper(),
        status=shown["status"] or "pending",
        refund_id=(shown.get("metadata") or {}).get("refund_id"),
        failure=shown.get("failure_reason"),
    )


def notice_from(event: Mapping[str, Any], *, livemode: bool) -> Notice:
    """Raises ValueError where a part that every event has is not there."""
    try:
        about = event["data"]["object"]
        kind = about.get("object")
        notice = Notice(
            id=event["id"],
            kind=event["type"],
            is_ours=event.get("account") is None and event.get("livemode") is livemode,
            intent=intent_from(about) if kind == "payment_intent" else None,
            refund=refund_from(about) if kind == "refund" else None,
            about=_named(about),
        )
        if not isinstance(notice.kind, str) or not isinstance(notice.id, str):
            raise TypeError("id and type are texts")
        if not 0 < len(notice.id) <= _LONGEST_ID:
            raise ValueError("its id has no sensible length")
        for amount in _amounts(notice):
            if type(amount) is not int or not 0 <= amount < 2**63:
                raise ValueError("an amount counts minor units")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a part is missing or wrong: {error}") from None
    return notice


def _amounts(notice: Notice) -> list[Any]:
    intent = [] if notice.intent is None else [notice.intent.amount, notice.intent.received]
    return intent if notice.refund is None else [*intent, notice.refund.amount]


def _named(about: Mapping[str, Any]) -> str | None:
    """The PaymentIntent that the object belongs to."""
    intent = about["id"] if about.get("object") == "payment_intent" else about.get("payment_intent")
    return intent if isinstance(intent, str) and len(intent) <= _LONGEST_ID else None
