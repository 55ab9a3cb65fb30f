"""Stripe's events: taken in at once, applied from the inbox."""

from datetime import datetime, timedelta

from functions.payments.model import (
    DISPUTES,
    INTENT_EVENTS,
    REFUND_EVENTS,
    STRIPE_EVENTS,
    Notice,
    StripeEventReceived,
)
from functions.payments.ports import Reports, StripeGateway, Transaction, Transactions
from functions.payments.service.transitions import apply_intent, apply_refund
from shared.kit.errors import BadInput
from shared.telemetry import Span, current_traceparent, get_logger, span

log = get_logger("payments")


class StripeEvents:
    def __init__(
        self, transactions: Transactions, gateway: StripeGateway, reports: Reports
    ) -> None:
        self._transactions = transactions
        self._gateway = gateway
        self._reports = reports

    def take_in(self, body: bytes, signature: str) -> None:
        """Keeps the event, once, and has it applied soon. Raises BadSignature, BadInput."""
        self._gateway.verify(body, signature)
        try:
            notice = self._gateway.read(body)
        except ValueError as error:
            log.error("stripe.event_unreadable", reason=str(error))
            raise BadInput(f"The body is not a Stripe event: {error}.") from None

        def work(transaction: Transaction) -> None:
            if not transaction.events.take_in(notice.id, notice.kind, notice.about, body):
                return
            if _is_wanted(notice):
                with _in_its_trace(transaction, notice):
                    transaction.outbox.add(
                        STRIPE_EVENTS,
                        notice.id,
                        StripeEventReceived(event_id=notice.id),
                        in_session=False,
                    )
            else:
                transaction.events.settle(notice.id)
                transaction.events.note(notice.id, "ignored")

        self._transactions.run(work)

    def apply(self, event_id: str) -> None:
        """Makes the event's effect, once, in one transaction with the note that it was made."""

        def work(transaction: Transaction) -> None:
            raw = transaction.events.raw(event_id)
            if raw is None:
                log.error("stripe.event_lost", event_id=event_id)
                return
            notice = self._gateway.read(raw)
            if transaction.events.settle(event_id):
                outcome = self._effect(transaction, notice)
                transaction.events.note(event_id, outcome)
                if outcome in ("unknown", "foreign"):
                    log.warning(f"stripe.event_{outcome}", event_id=event_id, kind=notice.kind)

        self._transactions.run(work)

    def apply_waiting(self, received_before: datetime) -> int:
        """Applies what no message of the queue brought, and says how much that was."""
        waiting = self._transactions.run(
            lambda transaction: transaction.events.waiting(received_before)
        )
        for event_id in waiting:
            try:
                self.apply(event_id)
            except Exception as error:  # one that fails must not keep the others waiting
                log.error("stripe.event_not_applied", event_id=event_id, exc_info=error)
        return len(waiting)

    def forget(self, older_than: timedelta) -> int:
        """Deletes applied events that are older, and says how many."""

        def work(transaction: Transaction) -> int:
            return transaction.events.forget(transaction.now - older_than)

        return self._transactions.run(work)

    def _effect(self, transaction: Transaction, notice: Notice) -> str:
        if not notice.is_ours:
            return "foreign"
        if notice.kind.startswith(DISPUTES):
            return self._disputed(transaction, notice)
        if notice.intent is not None and notice.kind in INTENT_EVENTS:
            tried = notice.kind == "payment_intent.payment_failed"
            return apply_intent(transaction, self._reports, notice.intent, tried=tried)
        if notice.refund is not None and notice.kind in REFUND_EVENTS:
            return apply_refund(transaction, notice.refund)
        return "nothing"

    def _disputed(self, transaction: Transaction, notice: Notice) -> str:
        """A bank takes money back: the ledger cannot know how it ends, so people are told."""
        payment = None if notice.about is None else transaction.payments.of_intent(notice.about)
        if payment is None:
            return "unknown"
        self._reports.mismatch(
            payment.order_id, "a dispute moves money", event=notice.kind, intent=notice.about
        )
        return "reported"


def _in_its_trace(transaction: Transaction, notice: Notice) -> Span:
    """Stripe knows nothing of traces: what it tells goes on with the trace of the payment, and the
    webhook's own trace is linked."""
    found = None if notice.about is None else transaction.payments.of_intent(notice.about)
    if found is None and notice.intent is not None and notice.intent.order_id is not None:
        found = transaction.payments.find(notice.intent.order_id)
    return span(
        f"receive {notice.kind}",
        kind="consumer",
        traceparent=None if found is None else found.traceparent,
        links=[current_traceparent()],
        attributes={"stripe.event.id": notice.id, "stripe.event.type": notice.kind},
    )


def _is_wanted(notice: Notice) -> bool:
    known = notice.kind in INTENT_EVENTS or notice.kind in REFUND_EVENTS
    return known or notice.kind.startswith(DISPUTES) or not notice.is_ours
