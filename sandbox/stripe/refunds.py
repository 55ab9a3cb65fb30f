"""Refunds (https://docs.stripe.com/api/refunds)."""

import time
from typing import Any

from sandbox.stripe.charges import balance_transaction
from sandbox.stripe.errors import BadParameter, StripeError, missing_object
from sandbox.stripe.events import emit
from sandbox.stripe.methods import card_of
from sandbox.stripe.state import Body, Transaction, new_id

_SETTLES_AFTER_SECONDS = 1.0
_SIGNS = {"gbp": "£", "usd": "$", "eur": "€"}


def create(transaction: Transaction, given: dict[str, Any]) -> Body:
    charge = _charge(transaction, given)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["amount_captured"] == 0:
        raise StripeError(f"Charge {charge['id']} has not been captured.", param="charge")
    if left == 0:
        raise StripeError(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    amount = given.get("amount", left)
    if amount > left:
        currency = charge["currency"]
        raise StripeError(
            f"Refund amount ({_shown(amount, currency)}) is greater than unrefunded amount on"
            f" charge ({_shown(left, currency)})",
            param="amount",
        )
    method = transaction.find("payment_method", charge["payment_method"])
    assert method is not None
    end = card_of(transaction, method).refund
    booked = balance_transaction(transaction, charge, "refund", -amount)
    refund = transaction.put(
        {
            "id": new_id("re"),
            "object": "refund",
            "amount": amount,
            "balance_transaction": booked["id"],
            "charge": charge["id"],
            "created": transaction.now,
            "currency": charge["currency"],
            "destination_details": {"card": {"type": "pending"}, "type": "card"},
            "metadata": given.get("metadata", {}),
            "payment_intent": charge["payment_intent"],
            "reason": given.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "pending" if end == "pending" else "succeeded",
            "transfer_reversal": None,
        },
        charge["payment_intent"],
    )
    _add(transaction, charge, amount)
    emit(transaction, "charge.refunded", charge)
    emit(transaction, "refund.created", refund)
    if end != "succeeded":
        transaction.sql.execute(
            "INSERT INTO jobs (due, refund) VALUES (?, ?)",
            (time.time() + _SETTLES_AFTER_SECONDS, refund["id"]),
        )
    return refund


def settle_due(transaction: Transaction) -> bool:
    """What the bank says of refunds later: one that was pending succeeds, another one fails."""
    row = transaction.sql.execute(
        "SELECT id, refund FROM jobs WHERE due <= ? ORDER BY due LIMIT 1", (time.time(),)
    ).fetchone()
    if row is None:
        return False
    transaction.sql.execute("DELETE FROM jobs WHERE id = ?", (row["id"],))
    refund = transaction.find("refund", row["refund"])
    assert refund is not None
    if refund["status"] == "pending":
        refund["status"] = "succeeded"
        _store(transaction, refund)
        emit(transaction, "refund.updated", refund, {"status": "pending"})
        emit(transaction, "charge.refund.updated", refund, {"status": "pending"})
        return True
    charge = transaction.find("charge", refund["charge"])
    assert charge is not None
    back = balance_transaction(transaction, charge, "refund_failure", refund["amount"])
    before = {"status": refund["status"]}
    refund |= {
        "status": "failed",
        "failure_reason": "expired_or_canceled_card",
        "failure_balance_transaction": back["id"],
    }
    _store(transaction, refund)
    _add(transaction, charge, -refund["amount"])
    emit(transaction, "refund.updated", refund, before)
    emit(transaction, "refund.failed", refund, before)
    return True


def _store(transaction: Transaction, refund: Body) -> None:
    transaction.put(refund, refund["payment_intent"])


def _add(transaction: Transaction, charge: Body, amount: int) -> None:
    refunded = charge["amount_refunded"] + amount
    charge |= {
        "amount_refunded": refunded,
        "refunded": refunded == charge["amount_captured"],
    }
    transaction.put(charge, charge["payment_intent"])


def _charge(transaction: Transaction, given: dict[str, Any]) -> Body:
    if ("charge" in given) == ("payment_intent" in given):
        raise BadParameter("One of the following params should be provided for this request:"
                           " payment_intent or charge.")  # fmt: skip
    if "charge" in given:
        charge = transaction.find("charge", given["charge"])
        if charge is None:
            raise missing_object("charge", given["charge"], "charge")
        return charge
    intent = transaction.find("payment_intent", given["payment_intent"])
    if intent is None:
        raise missing_object("payment_intent", given["payment_intent"], "payment_intent")
    latest = intent["latest_charge"] and transaction.find("charge", intent["latest_charge"])
    if not latest or not latest["paid"]:
        raise StripeError(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return latest


def _shown(amount: int, currency: str) -> str:
    return f"{_SIGNS.get(currency, '')}{amount // 100:,}.{amount % 100:02d}"
