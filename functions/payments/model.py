"""A payment's life, and the money that it moves. Amounts count minor units, always.

AppError
├── BadSignature        400  a webhook that Stripe did not sign, or too long ago
├── UnknownPayment      404  no payment was ever asked for this order
└── PaymentMismatch     409  a request contradicts what was asked before under the same id

GatewayError
├── Refused                  Stripe says no for good, and did nothing
├── OutcomeUnknown           it may have been done: no answer came, or a 5xx
└── Unavailable              it was not done, and may be later: rate limit, wrong key, in flight
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Payload
from shared.kit.errors import BadInput, Conflict, NotFound
from shared.kit.money import Money

PaymentState = Literal["requested", "pending", "succeeded", "cancelled", "failed"]
"""`requested`: no PaymentIntent is known yet. `cancelled` may be a tombstone that came before its
create. Money is the truth: from any state a capture leads to `succeeded`."""

RefundState = Literal["requested", "pending", "succeeded", "failed"]
"""From `pending` on the provider has accepted it and the ledger has it; `failed` took it back."""

CallState = Literal["sent", "done", "refused", "failed"]
"""`sent`: no answer is known. `failed`: a 5xx is stored at Stripe under the call's key."""

Account = Literal["stripe_clearing", "customer", "refunds"]

STRIPE_EVENTS = "stripe-events"
"""The queue from this service's webhook to itself."""

INTENT_EVENTS = frozenset(
    {
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.canceled",
    }
)
REFUND_EVENTS = frozenset(
    {"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"}
)
DISPUTES = "charge.dispute."
WEBHOOK_EVENTS = INTENT_EVENTS | REFUND_EVENTS | {f"{DISPUTES}created", f"{DISPUTES}closed"}
"""What the webhook endpoint at Stripe is to be told of; other kinds are taken in and ignored."""


class BadSignature(BadInput):
    kind = "bad-signature"
    title = "The webhook is not signed by Stripe"

    def __init__(self) -> None:
        super().__init__("The Stripe-Signature does not fit the body, or is too old.")


class UnknownPayment(NotFound):
    kind = "unknown-payment"
    title = "There is no such payment"

    def __init__(self, order_id: str) -> None:
        super().__init__(f"No payment was asked for order {order_id}.")


class PaymentMismatch(Conflict):
    kind = "payment-mismatch"
    title = "The payment was asked for otherwise"


class GatewayError(Exception):
    pass


class Refused(GatewayError):
    """`code` is Stripe's, or its error's type where it gave none."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class OutcomeUnknown(GatewayError):
    """`answered`: a 5xx came, which Stripe repeats to every call with the same key."""

    def __init__(self, message: str, *, answered: bool) -> None:
        super().__init__(message)
        self.answered = answered


class Unavailable(GatewayError):
    pass


class StillProcessing(GatewayError):
    """A payment that can be neither cancelled nor counted yet; to be asked again."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A PaymentIntent as Stripe last showed it; the currency as ISO 4217 writes it.

    `refunded` is None where the charge was not looked at. `code` says why the last try failed.
    """

    id: str
    client_secret: str
    amount: int
    currency: str
    status: str
    received: int
    order_id: str | None
    refunded: int | None = None
    code: str | None = None
    decline_code: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """A refund as Stripe last showed it. `refund_id` is ours; None where a person made it there."""

    id: str
    intent: str | None
    amount: int
    currency: str
    status: str
    refund_id: str | None
    failure: str | None = None

    @property
    def is_accepted(self) -> bool:
        return self.status not in ("failed", "canceled")


@dataclass(frozen=True, slots=True)
class Notice:
    """What a webhook event says. `is_ours` is False for another account, or the other mode."""

    id: str
    kind: str
    is_ours: bool
    intent: Intent | None = None
    refund: ProviderRefund | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """`refunding` counts what refunds were promised, `refunded` what the provider accepted.
    `traceparent` is of the span in which it was asked for: Stripe's webhooks bring none."""

    order_id: str
    payment_id: str
    order_number: str | None
    amount: int | None
    currency: str | None
    state: PaymentState
    intent: str | None
    client_secret: str | None
    declined: str | None
    cancel_asked: bool
    received: int
    refunding: int
    refunded: int
    mismatch: str | None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    order_id: str
    payment_id: str
    intent: str
    amount: int
    currency: str
    reason: str
    state: RefundState
    provider_id: str | None
    counts: bool
    """Whether it is of the money that the order asked for; money that strayed in does not count."""


@dataclass(frozen=True, slots=True)
class StripeCall:
    """`key` is its idempotency key, such as `create:{order}:{try}`. `since` is machine time: when
    the first call with this purpose was sent. `is_new` where nobody has sent this one yet."""

    key: str
    purpose: str
    order_id: str
    state: CallState
    since: datetime
    sent_at: datetime
    is_new: bool


@dataclass(frozen=True, slots=True)
class Posting:
    """Entries that sum to zero; a positive amount is a debit. Written once under its `id`."""

    id: str
    order_id: str
    currency: str
    entries: tuple[tuple[Account, int], ...]

    def __post_init__(self) -> None:
        if sum(amount for _, amount in self.entries) != 0:
            raise ValueError(f"the posting {self.id} does not balance")


def capture(order_id: str, intent: str, amount: int, currency: str) -> Posting:
    return Posting(
        f"capture:{intent}",
        order_id,
        currency,
        (("stripe_clearing", amount), ("customer", -amount)),
    )


def refund(order_id: str, refund_id: str, amount: int, currency: str) -> Posting:
    return Posting(
        f"refund:{refund_id}",
        order_id,
        currency,
        (("refunds", amount), ("stripe_clearing", -amount)),
    )


def refund_reversal(order_id: str, refund_id: str, amount: int, currency: str) -> Posting:
    return Posting(
        f"refund_reversal:{refund_id}",
        order_id,
        currency,
        (("stripe_clearing", amount), ("refunds", -amount)),
    )


class StripeEventReceived(Payload):
    """A raw event waits in the Stripe inbox."""

    kind: ClassVar[str] = "stripe.event_received"

    event_id: str


class Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class RefundRecord(Record):
    refund_id: str
    amount: Money
    state: RefundState
    reason: str
    stripe_refund: str | None


class LedgerRecord(Record):
    """A positive amount is a debit of the account, a negative one a credit."""

    posting: str
    account: Account
    amount: int
    currency: str
    at: datetime


class CallRecord(Record):
    key: str
    state: CallState
    stripe_object: str | None
    error: str | None
    sent_at: datetime


class EventRecord(Record):
    event_id: str
    type: str
    outcome: str | None
    received_at: datetime


class Mismatch(Record):
    """A payment whose money is not what Stripe says; amounts are minor units."""

    order_id: str
    order_number: str | None
    state: PaymentState
    received: int
    refunded: int
    currency: str | None
    mismatch: str


class Mismatches(Record):
    items: tuple[Mismatch, ...]


class PaymentRecord(Record):
    """All that is known of an order's payment. `balance` is what the ledger holds at Stripe."""

    order_id: str
    order_number: str | None
    payment_id: str
    state: PaymentState
    amount: Money | None
    received: int
    refunded: int
    balance: int
    payment_intent: str | None
    declined: str | None
    mismatch: str | None
    refunds: tuple[RefundRecord, ...]
    ledger: tuple[LedgerRecord, ...]
    calls: tuple[CallRecord, ...]
    events: tuple[EventRecord, ...]
