"""Requests to payments (queue `payment-requests`), what it announces (topic `payments`), and what
checkout may ask it. The session of all of them is the order's id."""

from typing import Annotated, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Payload
from shared.kit.money import Currency

REQUESTS = "payment-requests"
TOPIC = "payments"

LARGEST_AMOUNT = 99_999_999
"""Minor units: Stripe takes no more at once."""
Amount = Annotated[int, Field(ge=1, le=LARGEST_AMOUNT)]


class CreatePayment(Payload):
    """Make a PaymentIntent for the order; once, however often this comes."""

    kind: ClassVar[str] = "payment.create"

    order_id: str
    order_number: str
    amount: Amount
    currency: Currency


class CancelPayment(Payload):
    """Give the payment up. Where it was captured meanwhile, `payment.succeeded` tells, and checkout
    asks for a refund. Before its create it leaves a tombstone, so that the create does nothing."""

    kind: ClassVar[str] = "payment.cancel"

    order_id: str


class RefundPayment(Payload):
    """`refund_id` is checkout's; the same id refunds once."""

    kind: ClassVar[str] = "payment.refund"

    order_id: str
    refund_id: str
    amount: Amount
    reason: str


class _PaymentEvent(Payload):
    order_id: str
    payment_id: str


class PaymentPending(_PaymentEvent):
    """The PaymentIntent exists and waits for its payer."""

    kind: ClassVar[str] = "payment.pending"
    told = ("order_id",)


class PaymentDeclined(_PaymentEvent):
    """Not final: another card may do. `code` and `decline_code` are Stripe's."""

    kind: ClassVar[str] = "payment.declined"
    told = ("order_id", "code", "decline_code")

    code: str
    decline_code: str | None = None


class PaymentSucceeded(_PaymentEvent):
    """The whole amount is captured."""

    kind: ClassVar[str] = "payment.succeeded"
    told = ("order_id", "amount", "currency")

    amount: Amount
    currency: Currency


class PaymentCancelled(_PaymentEvent):
    """Final: no money was taken and none can be."""

    kind: ClassVar[str] = "payment.cancelled"
    told = ("order_id",)


class PaymentFailed(_PaymentEvent):
    """Final: no PaymentIntent could be made, or the provider gave it up. No money was taken."""

    kind: ClassVar[str] = "payment.failed"
    told = ("order_id", "code")

    code: str


class PaymentRefunded(_PaymentEvent):
    """One refund that the provider accepted; `refunded` counts all of this payment."""

    kind: ClassVar[str] = "payment.refunded"
    told = ("order_id", "refund_id", "amount", "refunded", "currency")

    refund_id: str
    amount: Amount
    refunded: Amount
    currency: Currency


class PaymentRefundFailed(_PaymentEvent):
    """The provider refused a refund for good, or the bank sent it back; somebody has to look.
    Events of before December 2026 name no amount."""

    kind: ClassVar[str] = "payment.refund_failed"
    told = ("order_id", "refund_id", "code")

    refund_id: str
    code: str
    amount: Amount | None = None
    currency: Currency | None = None


class PaymentView(BaseModel):
    """What a payer's browser needs, as `payment` of a checkout in `awaiting_payment`.

    `client_secret` lets its holder pay, not more; it is shown to the buyer alone and never logged.
    """

    model_config = ConfigDict(frozen=True)

    provider: str = "stripe"
    payment_intent: str
    client_secret: str
    publishable_key: str
    api_base: str
    declined: str | None = None
    """Why the last card was declined (Stripe's code), until another one is tried."""


class Payments(Protocol):
    def view(self, order_id: str) -> PaymentView | None:
        """None before the PaymentIntent exists."""
        ...
