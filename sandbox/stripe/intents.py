"""PaymentIntents (https://docs.stripe.com/payments/paymentintents/lifecycle)."""

from typing import Any

from sandbox.stripe import cards
from sandbox.stripe.charges import capture as capture_charge
from sandbox.stripe.charges import create_charge
from sandbox.stripe.errors import BadParameter, StripeError, missing_object, unexpected_state
from sandbox.stripe.events import emit
from sandbox.stripe.intent_rules import check_amount, need_return_url
from sandbox.stripe.methods import card_of, create_method, method
from sandbox.stripe.state import Body, Transaction, new_id

_CANCELLABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
)


def create(transaction: Transaction, given: dict[str, Any], public_url: str) -> Body:
    """Also confirms where `confirm` is true."""
    currency = given["currency"].lower()
    check_amount(given["amount"], currency)
    automatic = given.get("automatic_payment_methods")
    if automatic and automatic["enabled"] and "payment_method_types" in given:
        raise BadParameter(
            "You may only specify one of these parameters: automatic_payment_methods,"
            " payment_method_types.",
            param="payment_method_types",
        )
    if customer := given.get("customer"):
        _known_customer(transaction, customer)
    identity = new_id("pi")
    is_automatic = automatic["enabled"] if automatic else "payment_method_types" not in given
    intent: Body = {
        "id": identity,
        "object": "payment_intent",
        "amount": given["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {
            "enabled": True,
            "allow_redirects": (automatic or {}).get("allow_redirects", "always"),
        }
        if is_automatic
        else None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": given.get("capture_method", "automatic_async"),
        "client_secret": f"{identity}_secret_{new_id('x')[2:]}",
        "confirmation_method": given.get("confirmation_method", "automatic"),
        "created": transaction.now,
        "currency": currency,
        "customer": given.get("customer"),
        "description": given.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": given.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": given.get("payment_method_types", ["card"]),
        "processing": None,
        "receipt_email": given.get("receipt_email"),
        "review": None,
        "setup_future_usage": None,
        "shipping": given.get("shipping"),
        "source": None,
        "statement_descriptor": given.get("statement_descriptor"),
        "statement_descriptor_suffix": given.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": given.get("transfer_group"),
    }
    chosen = _chosen_method(transaction, given)
    if chosen is not None:
        intent |= {"payment_method": chosen["id"], "status": "requires_confirmation"}
    store(transaction, intent)
    emit(transaction, "payment_intent.created", intent)
    if given.get("confirm"):
        return confirm(transaction, intent, given, public_url)
    return intent


def update(transaction: Transaction, intent: Body, given: dict[str, Any]) -> Body:
    if intent["status"] in ("succeeded", "canceled") and given.keys() - {"metadata", "description"}:
        raise unexpected_state(
            "This PaymentIntent's "
            f"{sorted(given.keys() - {'metadata', 'description'})[0]} could not be updated because"
            f" it has a status of {intent['status']}.",
            intent,
        )
    changed = {k: v for k, v in given.items() if k not in ("metadata", "payment_method")}
    if "currency" in changed:
        changed["currency"] = changed["currency"].lower()
    if changed.keys() & {"amount", "currency"}:
        after = intent | changed
        check_amount(after["amount"], after["currency"])
    if customer := changed.get("customer"):
        _known_customer(transaction, customer)
    intent |= changed
    if "metadata" in given:
        merged = {**intent["metadata"], **given["metadata"]} if given["metadata"] else {}
        intent["metadata"] = {name: value for name, value in merged.items() if value != ""}
    if "payment_method" in given:
        chosen = method(transaction, given["payment_method"])
        intent |= {"payment_method": chosen["id"], "status": "requires_confirmation"}
    return store(transaction, intent)


def confirm(transaction: Transaction, intent: Body, given: dict[str, Any], public_url: str) -> Body:
    """Raises the card's decline, with all that it left kept."""
    status = intent["status"]
    if status == "succeeded":
        raise unexpected_state(
            "You cannot confirm this PaymentIntent because it has already succeeded after being"
            " previously confirmed.",
            intent,
        )
    if status in ("canceled", "processing", "requires_capture"):
        raise unexpected_state(
            f"You cannot confirm this PaymentIntent because it has a status of {status}. Only a"
            " PaymentIntent with one of the following statuses may be confirmed:"
            " requires_confirmation, requires_action.",
            intent,
        )
    chosen = _chosen_method(transaction, given)
    if chosen is None and intent["payment_method"] is not None:
        chosen = transaction.find("payment_method", intent["payment_method"])
    if chosen is None:
        raise unexpected_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can"
            " either update the PaymentIntent with a payment method and then confirm it again, or"
            " confirm it again directly with a payment method or ConfirmationToken.",
            intent,
        )
    need_return_url(intent, given)
    intent |= {"payment_method": chosen["id"], "last_payment_error": None, "next_action": None}
    if card_of(transaction, chosen).asks:
        intent |= {
            "status": "requires_action",
            "next_action": {
                "type": "redirect_to_url",
                "redirect_to_url": {
                    "return_url": given.get("return_url"),
                    "url": f"{public_url}/stripe/authenticate/{intent['client_secret']}",
                },
            },
        }
        store(transaction, intent)
        emit(transaction, "payment_intent.requires_action", intent)
        return intent
    return _charge(transaction, intent, chosen)


def authenticate(transaction: Transaction, intent: Body, *, passes: bool) -> Body:
    """What the payer does on the bank's page. Raises the decline of a card that asks in vain."""
    if intent["status"] != "requires_action":
        raise unexpected_state("This PaymentIntent does not wait for authentication.", intent)
    chosen = transaction.find("payment_method", intent["payment_method"])
    assert chosen is not None
    intent["next_action"] = None
    if passes:
        return _charge(transaction, intent, chosen)
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": {
            "code": "payment_intent_authentication_failure",
            "doc_url": "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
            "message": "The provided PaymentMethod has failed authentication. You can provide"
            " payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent"
            " again.",
            "payment_method": chosen,
            "type": "invalid_request_error",
        },
    }
    store(transaction, intent)
    emit(transaction, "payment_intent.payment_failed", intent)
    return intent


def capture(transaction: Transaction, intent: Body, amount: int | None) -> Body:
    if intent["status"] != "requires_capture":
        raise unexpected_state(
            "This PaymentIntent could not be captured because it has a status of"
            f" {intent['status']}. Only a PaymentIntent with one of the following statuses may be"
            " captured: requires_capture.",
            intent,
        )
    taken = intent["amount_capturable"] if amount is None else amount
    if taken > intent["amount_capturable"]:
        raise StripeError(
            "The amount_to_capture must be less than or equal to the PaymentIntent's"
            " amount_capturable.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    charge = transaction.find("charge", intent["latest_charge"])
    assert charge is not None
    capture_charge(transaction, charge, taken)
    transaction.put(charge, intent["id"])
    emit(transaction, "charge.captured", charge)
    return _succeed(transaction, intent, taken)


def cancel(transaction: Transaction, intent: Body, reason: str | None) -> Body:
    if intent["status"] not in _CANCELLABLE:
        raise unexpected_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
            " Only a PaymentIntent with one of the following statuses may be canceled:"
            f" {', '.join(_CANCELLABLE)}.",
            intent,
        )
    intent |= {
        "status": "canceled",
        "canceled_at": transaction.now,
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
    }
    store(transaction, intent)
    emit(transaction, "payment_intent.canceled", intent)
    return intent


def find(transaction: Transaction, identity: str, param: str = "intent") -> Body:
    intent = transaction.find("payment_intent", identity)
    if intent is None:
        raise missing_object("payment_intent", identity, param)
    return intent


def store(transaction: Transaction, intent: Body) -> Body:
    return transaction.put(intent, intent["id"])


def _charge(transaction: Transaction, intent: Body, chosen: Body) -> Body:
    decline = card_of(transaction, chosen).decline
    by_hand = intent["capture_method"] == "manual"
    charge = create_charge(transaction, intent, chosen, decline, captured=not by_hand)
    intent["latest_charge"] = charge["id"]
    if decline is not None:
        _decline(transaction, intent, chosen, charge, decline)
    emit(transaction, "charge.succeeded", charge)
    if by_hand:
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        store(transaction, intent)
        emit(transaction, "payment_intent.amount_capturable_updated", intent)
        return intent
    return _succeed(transaction, intent, intent["amount"])


def _decline(
    transaction: Transaction, intent: Body, chosen: Body, charge: Body, decline: cards.Decline
) -> None:
    error = decline.error(charge=charge["id"], payment_method=chosen)
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": error.body()["error"],
    }
    store(transaction, intent)
    emit(transaction, "charge.failed", charge)
    emit(transaction, "payment_intent.payment_failed", intent)
    error.more["payment_intent"] = dict(intent)
    raise error


def _succeed(transaction: Transaction, intent: Body, amount: int) -> Body:
    intent |= {
        "status": "succeeded",
        "amount_received": amount,
        "amount_capturable": 0,
        "last_payment_error": None,
        "next_action": None,
    }
    store(transaction, intent)
    emit(transaction, "payment_intent.succeeded", intent)
    return intent


def _chosen_method(transaction: Transaction, given: dict[str, Any]) -> Body | None:
    if "payment_method_data" in given:
        return create_method(transaction, given["payment_method_data"])
    if "payment_method" in given:
        return method(transaction, given["payment_method"])
    return None


def _known_customer(transaction: Transaction, identity: str) -> None:
    if transaction.find("customer", identity) is None:
        raise missing_object("customer", identity, "customer", 400)
