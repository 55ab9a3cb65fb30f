"""Stripe's test cards (https://docs.stripe.com/testing): the number decides what happens."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sandbox.stripe.errors import BadParameter, StripeError

RefundEnd = Literal["succeeded", "failed_later", "pending"]


@dataclass(frozen=True, slots=True)
class Decline:
    code: str
    message: str
    decline_code: str | None = None
    param: str | None = None

    def error(self, **more: Any) -> StripeError:
        extra = {"decline_code": self.decline_code} if self.decline_code else {}
        return StripeError(
            self.message,
            status=402,
            kind="card_error",
            code=self.code,
            param=self.param,
            keeps=True,
            **extra,
            **more,
        )


@dataclass(frozen=True, slots=True)
class Card:
    number: str
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    decline: Decline | None = None
    asks: bool = False
    """Whether the payer has to authenticate (3-D Secure) before the card is charged."""
    refund: RefundEnd = "succeeded"


def _declined(decline_code: str, message: str = "Your card was declined.") -> Decline:
    return Decline("card_declined", message, decline_code)


_INSUFFICIENT = _declined("insufficient_funds", "Your card has insufficient funds.")
_EXPIRED = Decline("expired_card", "Your card has expired.", "expired_card", "exp_month")
_CVC = Decline("incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc", "cvc")
_PROCESSING = Decline(
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    "processing_error",
)
_VELOCITY = _declined(
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount"
    " limit.",
)

_BY_METHOD = {
    "pm_card_visa": Card("4242424242424242"),
    "pm_card_visa_debit": Card("4000056655665556", funding="debit"),
    "pm_card_mastercard": Card("5555555555554444", "mastercard"),
    "pm_card_mastercard_debit": Card("5200828282828210", "mastercard", funding="debit"),
    "pm_card_amex": Card("378282246310005", "amex"),
    "pm_card_discover": Card("6011111111111117", "discover"),
    "pm_card_gb": Card("4000008260000000", country="GB"),
    "pm_card_de": Card("4000002760000016", country="DE"),
    "pm_card_visa_chargeDeclined": Card("4000000000000002", decline=_declined("generic_decline")),
    "pm_card_visa_chargeDeclinedInsufficientFunds": Card("4000000000009995", decline=_INSUFFICIENT),
    "pm_card_visa_chargeDeclinedLostCard": Card("4000000000009987", decline=_declined("lost_card")),
    "pm_card_visa_chargeDeclinedStolenCard": Card(
        "4000000000009979", decline=_declined("stolen_card")
    ),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": Card("4000000000006975", decline=_VELOCITY),
    "pm_card_chargeDeclinedExpiredCard": Card("4000000000000069", decline=_EXPIRED),
    "pm_card_chargeDeclinedIncorrectCvc": Card("4000000000000127", decline=_CVC),
    "pm_card_chargeDeclinedProcessingError": Card("4000000000000119", decline=_PROCESSING),
    "pm_card_threeDSecure2Required": Card("4000000000003220", asks=True),
    "pm_card_threeDSecureRequired": Card("4000000000003063", asks=True),
    "pm_card_authenticationRequired": Card("4000002760003184", country="DE", asks=True),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        "4000008260003178", country="GB", decline=_INSUFFICIENT, asks=True
    ),
    "pm_card_threeDSecureRequiredChargeDeclined": Card(
        "4000008400001629", decline=_declined("generic_decline"), asks=True
    ),
    "pm_card_refundFail": Card("4000000000005126", refund="failed_later"),
    "pm_card_pendingRefund": Card("4000000000007726", refund="pending"),
}
_BY_NUMBER = {card.number: card for card in _BY_METHOD.values()}
METHODS = tuple(_BY_METHOD)


def of_method(name: str) -> Card | None:
    """By the id of a test PaymentMethod (`pm_card_visa`) or a test token (`tok_visa`)."""
    return _BY_METHOD.get(name) or _BY_METHOD.get("pm_card_" + name.removeprefix("tok_"))


def of_number(number: str, exp_month: int, exp_year: int, now: int) -> Card:
    """Raises the card errors that Stripe finds before it asks a bank."""
    digits = number.replace(" ", "").replace("-", "")
    if not digits.isdecimal() or not _luhn(digits):
        raise _unreadable("incorrect_number", "Your card number is incorrect.", "number")
    today = datetime.fromtimestamp(now, UTC)
    if not 1 <= exp_month <= 12:
        raise _unreadable(
            "invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month"
        )
    year = exp_year + 2000 if exp_year < 100 else exp_year
    if not today.year <= year <= today.year + 50:
        raise _unreadable(
            "invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year"
        )
    if (year, exp_month) < (today.year, today.month):
        raise _unreadable(
            "invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month"
        )
    card = _BY_NUMBER.get(digits)
    if card is None:
        raise Decline(
            "card_declined",
            "Your card was declined. Your request was in test mode, but used a non test card. For a"
            " list of valid test cards, visit: https://stripe.com/docs/testing.",
            "test_mode_live_card",
        ).error()
    return card


def by_number(number: str) -> Card:
    return _BY_NUMBER[number]


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _unreadable(code: str, message: str, param: str) -> BadParameter:
    return BadParameter(message, status=402, kind="card_error", code=code, param=param)
