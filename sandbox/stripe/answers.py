"""How an object is shown: with whole objects where ids were, and less of it to a payer."""

from collections.abc import Sequence

from sandbox.stripe.errors import StripeError
from sandbox.stripe.state import Body, Transaction

_EXPANDABLE = {
    "latest_charge": "charge",
    "charge": "charge",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "customer": "customer",
    "balance_transaction": "balance_transaction",
}


def expand(transaction: Transaction, body: Body, paths: Sequence[str]) -> Body:
    """Puts whole objects where the answer has ids. Raises StripeError for what has none."""
    for path in paths:
        _expand(transaction, body, path.split("."), path)
    return body


def _expand(transaction: Transaction, body: Body, steps: list[str], path: str) -> None:
    step, rest = steps[0], steps[1:]
    if step == "data" and isinstance(body.get("data"), list) and rest:
        for item in body["data"]:
            _expand(transaction, item, rest, path)
        return
    if step not in body or step not in _EXPANDABLE:
        raise StripeError(f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(body[step], str):
        body[step] = transaction.find(_EXPANDABLE[step], body[step])
    if rest and isinstance(body[step], dict):
        _expand(transaction, body[step], rest, path)


_PAYERS_SEE = frozenset(
    {
        *("id", "object", "amount", "amount_details", "automatic_payment_methods", "canceled_at"),
        *("cancellation_reason", "capture_method", "client_secret", "confirmation_method"),
        *("created", "currency", "description", "last_payment_error", "livemode", "next_action"),
        *("payment_method", "payment_method_types", "processing", "receipt_email"),
        *("setup_future_usage", "shipping", "source", "status"),
    }
)


def as_payers_see(body: Body) -> Body:
    """A PaymentIntent as it is shown to a publishable key: no metadata, no charge."""
    if body.get("object") != "payment_intent":
        return body
    return {name: value for name, value in body.items() if name in _PAYERS_SEE}
