"""What a look at Stripe's objects changes here. The same for an answer, an event and a check.

Each function runs inside a transaction. Objects may come twice, late and out of order: a state is
left once only, and a posting is written once only.
"""

from typing import Literal

from functions.payments.model import (
    Intent,
    Payment,
    ProviderRefund,
    Refund,
    capture,
    refund,
    refund_reversal,
)
from functions.payments.ports import Reports, Transaction
from shared.contracts.payments import (
    REQUESTS,
    TOPIC,
    PaymentCancelled,
    PaymentDeclined,
    PaymentFailed,
    PaymentPending,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentSucceeded,
    RefundPayment,
)

Outcome = Literal["applied", "nothing", "unknown", "mismatched"]


def apply_intent(
    transaction: Transaction, reports: Reports, intent: Intent, *, tried: bool = False
) -> Outcome:
    """`tried` says that a card was tried just now, so that its decline is news."""
    payment = transaction.payments.of_intent(intent.id)
    if payment is None and intent.order_id is not None:
        payment = transaction.payments.find(intent.order_id)
    if payment is None:
        return "unknown"
    if payment.intent is None and payment.state == "requested":
        payment = pend(transaction, payment, intent)
    match intent.status:
        case "succeeded":
            return _captured(transaction, reports, payment, intent)
        case "canceled" if payment.intent == intent.id:
            return cancel(transaction, payment)
        case "requires_payment_method" if tried and payment.intent == intent.id:
            return _declined(transaction, payment, intent)
    return "nothing"


def pend(transaction: Transaction, payment: Payment, intent: Intent) -> Payment:
    """The payment as it is then: pending, unless another came first."""
    if transaction.payments.pend(payment.order_id, intent):
        transaction.outbox.add(
            TOPIC,
            payment.order_id,
            PaymentPending(order_id=payment.order_id, payment_id=payment.payment_id),
        )
    return _now(transaction, payment)


def cancel(transaction: Transaction, payment: Payment) -> Outcome:
    if not transaction.payments.cancel(payment.order_id):
        return "nothing"
    announce_cancelled(transaction, payment)
    return "applied"


def announce_cancelled(transaction: Transaction, payment: Payment) -> None:
    transaction.outbox.add(
        TOPIC,
        payment.order_id,
        PaymentCancelled(order_id=payment.order_id, payment_id=payment.payment_id),
    )


def fail(transaction: Transaction, payment: Payment, code: str) -> Outcome:
    if not transaction.payments.fail(payment.order_id):
        return "nothing"
    transaction.outbox.add(
        TOPIC,
        payment.order_id,
        PaymentFailed(order_id=payment.order_id, payment_id=payment.payment_id, code=code),
    )
    return "applied"


def apply_refund(transaction: Transaction, found: ProviderRefund) -> Outcome:
    known = transaction.refunds.of_provider(found.id)
    if known is None and found.refund_id is not None:
        known = transaction.refunds.find(found.refund_id)
    if known is None:
        known = _made_elsewhere(transaction, found)
    if known is None:
        return "unknown"
    if not found.is_accepted:
        return refund_failed(transaction, known, found.failure or "refund_failed", found.id)
    after: Literal["pending", "succeeded"] = (
        "succeeded" if found.status == "succeeded" else "pending"
    )
    if transaction.refunds.move(known.id, ("requested",), after, found.id):
        _accepted(transaction, known)
        return "applied"
    if after == "succeeded" and transaction.refunds.move(
        known.id, ("pending",), "succeeded", found.id
    ):
        return "applied"
    return "nothing"


def refund_failed(
    transaction: Transaction, known: Refund, code: str, provider_id: str | None = None
) -> Outcome:
    """For good; what was booked is taken back."""
    booked = transaction.refunds.move(
        known.id, ("pending", "succeeded"), "failed", provider_id, code
    )
    if not booked and not transaction.refunds.move(
        known.id, ("requested",), "failed", provider_id, code
    ):
        return "nothing"
    if booked:
        transaction.ledger.post(
            refund_reversal(known.order_id, known.id, known.amount, known.currency)
        )
    if known.counts:
        transaction.payments.count_refund(
            known.order_id,
            refunding=-known.amount,
            refunded=-known.amount if booked else 0,
        )
    announce_refund_failed(transaction, known, code)
    return "applied"


def announce_refund_failed(transaction: Transaction, refused: Refund, code: str) -> None:
    transaction.outbox.add(
        TOPIC,
        refused.order_id,
        PaymentRefundFailed(
            order_id=refused.order_id,
            payment_id=refused.payment_id,
            refund_id=refused.id,
            code=code,
            amount=refused.amount,
            currency=refused.currency,
        ),
    )


def _accepted(transaction: Transaction, known: Refund) -> None:
    amount = known.amount
    transaction.ledger.post(refund(known.order_id, known.id, amount, known.currency))
    if not known.counts:
        return
    payment = transaction.payments.count_refund(known.order_id, refunding=0, refunded=amount)
    transaction.outbox.add(
        TOPIC,
        known.order_id,
        PaymentRefunded(
            order_id=known.order_id,
            payment_id=known.payment_id,
            refund_id=known.id,
            amount=amount,
            refunded=payment.refunded,
            currency=known.currency,
        ),
    )


def _made_elsewhere(transaction: Transaction, found: ProviderRefund) -> Refund | None:
    """A refund that a person made at Stripe itself; None where it is of no payment of ours."""
    payment = None if found.intent is None else transaction.payments.of_intent(found.intent)
    if payment is None or found.intent is None or not found.is_accepted:
        return None
    known, is_new = transaction.refunds.open(
        Refund(
            id=found.id,
            order_id=payment.order_id,
            payment_id=payment.payment_id,
            intent=found.intent,
            amount=found.amount,
            currency=found.currency,
            reason="refunded at Stripe",
            state="requested",
            provider_id=found.id,
            counts=True,
        )
    )
    if is_new:
        transaction.payments.count_refund(payment.order_id, refunding=found.amount, refunded=0)
    return known


def _captured(
    transaction: Transaction, reports: Reports, payment: Payment, intent: Intent
) -> Outcome:
    is_expected = (
        payment.intent in (None, intent.id)
        and payment.amount == intent.received
        and payment.currency == intent.currency
    )
    if not is_expected:
        return _strayed(transaction, reports, payment, intent)
    if not transaction.payments.succeed(payment.order_id, intent.id, intent.received):
        return "nothing"
    transaction.ledger.post(capture(payment.order_id, intent.id, intent.received, intent.currency))
    transaction.outbox.add(
        TOPIC,
        payment.order_id,
        PaymentSucceeded(
            order_id=payment.order_id,
            payment_id=payment.payment_id,
            amount=intent.received,
            currency=intent.currency,
        ),
    )
    return "applied"


def _strayed(
    transaction: Transaction, reports: Reports, payment: Payment, intent: Intent
) -> Outcome:
    """Money came that no order asked for like this: it is booked, sent back, and reported."""
    order_id, refund_id = payment.order_id, f"stray-{intent.id}"[:64]
    posted = transaction.ledger.post(capture(order_id, intent.id, intent.received, intent.currency))
    if not posted:
        return "nothing"
    if payment.intent in (None, intent.id):
        fail(transaction, payment, "amount_mismatch")
    transaction.refunds.open(
        Refund(
            id=refund_id,
            order_id=order_id,
            payment_id=payment.payment_id,
            intent=intent.id,
            amount=intent.received,
            currency=intent.currency,
            reason="not the payment that was asked for",
            state="requested",
            provider_id=None,
            counts=False,
        )
    )
    transaction.outbox.add(
        REQUESTS,
        order_id,
        RefundPayment(
            order_id=order_id,
            refund_id=refund_id,
            amount=intent.received,
            reason="not the payment that was asked for",
        ),
    )
    reports.mismatch(
        order_id,
        "money came that was not asked for",
        intent=intent.id,
        received=intent.received,
        currency=intent.currency,
        asked=payment.amount,
        asked_currency=payment.currency,
    )
    return "mismatched"


def _declined(transaction: Transaction, payment: Payment, intent: Intent) -> Outcome:
    code = intent.code or "card_declined"
    if not transaction.payments.decline(payment.order_id, intent.decline_code or code):
        return "nothing"
    transaction.outbox.add(
        TOPIC,
        payment.order_id,
        PaymentDeclined(
            order_id=payment.order_id,
            payment_id=payment.payment_id,
            code=code,
            decline_code=intent.decline_code,
        ),
    )
    return "applied"


def _now(transaction: Transaction, payment: Payment) -> Payment:
    current = transaction.payments.find(payment.order_id)
    assert current is not None
    return current
