"""What Stripe asks of a PaymentIntent's amount, currency and way back."""

from typing import Any

from sandbox.stripe.errors import BadParameter, StripeError
from sandbox.stripe.state import Body

_LEAST = {"gbp": 30, "usd": 50, "eur": 50, "jpy": 50, "chf": 50, "dkk": 250, "sek": 300}
CURRENCIES = frozenset(
    [
        *("aed", "aud", "bgn", "brl", "cad", "chf", "cny", "czk", "dkk", "eur", "gbp", "hkd"),
        *("huf", "ils", "inr", "jpy", "krw", "mxn", "myr", "nok", "nzd", "pln", "ron", "sek"),
        *("sgd", "thb", "try", "twd", "usd", "zar"),
    ]
)


def check_amount(amount: int, currency: str) -> None:
    if currency not in CURRENCIES:
        raise BadParameter(
            f"Invalid currency: {currency}. Stripe currently supports these currencies:"
            f" {', '.join(sorted(CURRENCIES))}",
            param="currency",
        )
    least = _LEAST.get(currency, 1)
    if amount < least:
        raise BadParameter(
            "The amount must be greater than or equal to the minimum charge amount allowed for"
            " your account and the currency set"
            " (https://stripe.com/docs/currencies#minimum-and-maximum-charge-amounts).",
            code="amount_too_small",
            param="amount",
        )


def need_return_url(intent: Body, given: dict[str, Any]) -> None:
    automatic = intent["automatic_payment_methods"]
    if automatic and automatic["allow_redirects"] == "always" and not given.get("return_url"):
        raise StripeError(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard."
            " Because some of these payment methods might redirect your customer off of your page,"
            " you must provide a `return_url`. If you don't want to accept redirect-based payment"
            " methods, set `automatic_payment_methods[enabled]` to `true` and"
            " `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents"
            " and Payment Intents."
        )
