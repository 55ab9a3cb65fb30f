"""PaymentMethods and customers: a card is kept by what it does, never by more of its number."""

from typing import Any

from sandbox.stripe import cards
from sandbox.stripe.cards import Card
from sandbox.stripe.errors import StripeError, missing_object
from sandbox.stripe.parameters import Group, Kind, Metadata, Text, Whole
from sandbox.stripe.state import Body, Transaction, new_id

_CARD: dict[str, Kind] = {
    "number": Text(),
    "exp_month": Whole(),
    "exp_year": Whole(),
    "cvc": Text(),
    "token": Text(),
}
_ADDRESS = {
    name: Text(can_be_unset=True)
    for name in ("city", "country", "line1", "line2", "postal_code", "state")
}
METHOD_DATA: dict[str, Kind] = {
    "type": Text(required=True, one_of=("card",)),
    "card": Group(_CARD),
    "billing_details": Group(
        {
            "address": Group(_ADDRESS),
            "email": Text(can_be_unset=True),
            "name": Text(can_be_unset=True),
            "phone": Text(can_be_unset=True),
        }
    ),
    "metadata": Metadata(),
}
METHOD_UNSUPPORTED = ("allow_redisplay", "customer", "expand", "link", "radar_options")
CUSTOMER: dict[str, Kind] = {
    "email": Text(can_be_unset=True),
    "name": Text(can_be_unset=True),
    "phone": Text(can_be_unset=True),
    "description": Text(can_be_unset=True),
    "metadata": Metadata(),
}
CUSTOMER_UNSUPPORTED = (
    "address",
    "balance",
    "payment_method",
    "invoice_settings",
    "preferred_locales",
    "shipping",
    "source",
    "tax",
)


def create_method(transaction: Transaction, given: dict[str, Any]) -> Body:
    """Raises the card errors that Stripe finds in the number and the date."""
    said = given.get("card", {})
    if "token" in said:
        card = cards.of_method(said["token"])
        if card is None:
            raise missing_object("token", said["token"], "card[token]", 400)
        return _stored(transaction, card, given)
    for name in ("number", "exp_month", "exp_year"):
        if name not in said:
            raise StripeError(
                f"Missing required param: card[{name}].",
                code="parameter_missing",
                param=f"card[{name}]",
            )
    card = cards.of_number(said["number"], said["exp_month"], said["exp_year"], transaction.now)
    return _stored(transaction, card, given)


def method(transaction: Transaction, identity: str) -> Body:
    """A stored one, or a new one for a test id such as `pm_card_visa`."""
    card = cards.of_method(identity)
    if card is not None:
        return _stored(transaction, card, {})
    stored = transaction.find("payment_method", identity)
    if stored is None:
        raise missing_object("PaymentMethod", identity, "payment_method", 400)
    return stored


def card_of(transaction: Transaction, stored: Body) -> Card:
    row = transaction.sql.execute(
        "SELECT intent FROM objects WHERE id = ?", (stored["id"],)
    ).fetchone()
    return cards.by_number(row["intent"])


def create_customer(transaction: Transaction, given: dict[str, Any]) -> Body:
    return transaction.put(
        {
            "id": new_id("cus"),
            "object": "customer",
            "address": None,
            "created": transaction.now,
            "currency": None,
            "delinquent": False,
            "description": given.get("description"),
            "email": given.get("email"),
            "livemode": False,
            "metadata": given.get("metadata", {}),
            "name": given.get("name"),
            "phone": given.get("phone"),
            "shipping": None,
        }
    )


def _stored(transaction: Transaction, card: Card, given: dict[str, Any]) -> Body:
    said = given.get("card", {})
    billing = given.get("billing_details", {})
    return transaction.put(
        {
            "id": new_id("pm"),
            "object": "payment_method",
            "billing_details": {
                "address": dict.fromkeys(_ADDRESS) | billing.get("address", {}),
                **{name: billing.get(name) for name in ("email", "name", "phone")},
            },
            "card": {
                "brand": card.brand,
                "checks": {
                    "address_line1_check": None,
                    "address_postal_code_check": None,
                    "cvc_check": "pass" if said.get("cvc") else None,
                },
                "country": card.country,
                "exp_month": said.get("exp_month", 12),
                "exp_year": said.get("exp_year", 2034),
                "funding": card.funding,
                "last4": card.number[-4:],
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "created": transaction.now,
            "customer": None,
            "livemode": False,
            "metadata": given.get("metadata", {}),
            "type": "card",
        },
        card.number,
    )
