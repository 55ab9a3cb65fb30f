"""Charges and balance transactions: what an attempt to take money leaves behind."""

from typing import Any

from sandbox.stripe.cards import Decline
from sandbox.stripe.state import Body, Transaction, new_id

_FEE_BASIS_POINTS = 150
_FIXED_FEE = 20


def create_charge(
    transaction: Transaction,
    intent: Body,
    method: Body,
    decline: Decline | None,
    *,
    captured: bool,
) -> Body:
    charge: Body = {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "captured": False,
        "created": transaction.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": None if decline is None else decline.code,
        "failure_message": None if decline is None else decline.message,
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "outcome": _outcome(decline),
        "paid": decline is None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": method["card"], "type": "card"},
        "receipt_email": intent["receipt_email"],
        "refunded": False,
        "shipping": intent["shipping"],
        "statement_descriptor": intent["statement_descriptor"],
        "status": "succeeded" if decline is None else "failed",
    }
    if decline is None and captured:
        capture(transaction, charge, intent["amount"])
    return transaction.put(charge, intent["id"])


def capture(transaction: Transaction, charge: Body, amount: int) -> None:
    """Changes `charge`; the caller stores it."""
    fee = amount * _FEE_BASIS_POINTS // 10_000 + _FIXED_FEE
    booked = balance_transaction(transaction, charge, "charge", amount, fee)
    charge |= {
        "captured": True,
        "amount_captured": amount,
        "balance_transaction": booked["id"],
    }


def balance_transaction(
    transaction: Transaction, source: Body, kind: str, amount: int, fee: int = 0
) -> Body:
    details: list[dict[str, Any]] = []
    if fee:
        details.append(
            {
                "amount": fee,
                "application": None,
                "currency": source["currency"],
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        )
    return transaction.put(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": transaction.now + 7 * 86_400,
            "created": transaction.now,
            "currency": source["currency"],
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": details,
            "net": amount - fee,
            "reporting_category": kind,
            "source": source["id"],
            "status": "pending",
            "type": kind,
        }
    )


def _outcome(decline: Decline | None) -> Body:
    if decline is None:
        return {
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    return {
        "network_status": "declined_by_network",
        "reason": decline.decline_code,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }
