"""Asks Stripe about what hangs, and compares every cent.

A webhook may be lost, a message may end among the dead letters, a process may die between two
steps: each of these leaves a row that is older than it should be, and is found here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from functions.payments.model import GatewayError, Intent, OutcomeUnknown, Payment, Refund
from functions.payments.ports import Reports, StripeGateway, Transaction, Transactions
from functions.payments.service.requests import Requests
from functions.payments.service.transitions import apply_intent, apply_refund
from functions.payments.service.webhooks import StripeEvents
from shared.contracts.payments import CancelPayment
from shared.telemetry import get_logger

log = get_logger("payments")

REQUESTED_FOR = timedelta(seconds=60)
"""How long a request, or an event in the inbox, may wait before it is taken up here."""
UNCHECKED_FOR = timedelta(minutes=2)
"""How long a payment may wait for its payer before Stripe is asked again."""
REFUND_PENDING_FOR = timedelta(hours=1)
SETTLED_FOR = timedelta(minutes=2)
"""How long money has to lie still before it is compared."""


@dataclass(frozen=True, slots=True)
class _Due:
    now: datetime
    hanging: Sequence[str]
    refunds: Sequence[Refund]
    unreconciled: Sequence[str]


def _due(transaction: Transaction) -> _Due:
    now = transaction.now
    return _Due(
        now,
        transaction.payments.hanging(now - REQUESTED_FOR, now - UNCHECKED_FOR),
        transaction.refunds.hanging(now - REQUESTED_FOR, now - REFUND_PENDING_FOR),
        transaction.payments.unreconciled(now - SETTLED_FOR),
    )


class Reconciliation:
    def __init__(
        self,
        transactions: Transactions,
        gateway: StripeGateway,
        requests: Requests,
        events: StripeEvents,
        reports: Reports,
    ) -> None:
        self._transactions = transactions
        self._gateway = gateway
        self._requests = requests
        self._events = events
        self._reports = reports

    def run(self) -> None:
        """One round. What fails is logged and left to the next one; where Stripe gives no answer,
        so is the rest: each would be waited for as long."""
        work = self._transactions.look(_due)
        self._events.apply_waiting(work.now - REQUESTED_FOR)
        steps: list[tuple[str, Callable[[], None]]] = [
            *((order_id, partial(self._check, order_id)) for order_id in work.hanging),
            *((one.order_id, partial(self._check_refund, one)) for one in work.refunds),
            *((order_id, partial(self._compare, order_id)) for order_id in work.unreconciled),
        ]
        for order_id, step in steps:
            if not self._answered(order_id, step):
                return

    def _answered(self, order_id: str, step: Callable[[], None]) -> bool:
        """Whether Stripe was there; what it said is another matter."""
        try:
            step()
        except GatewayError as error:
            log.warning("payment.not_reconciled", order_id=order_id, reason=str(error))
            return not isinstance(error, OutcomeUnknown) or error.answered
        except Exception as error:  # one that fails must not keep the others waiting
            log.error("payment.not_reconciled", order_id=order_id, exc_info=error)
        return True

    def _check(self, order_id: str) -> None:
        payment = self._asked_now(order_id)
        if payment is None:
            return
        if payment.intent is None:
            self._requests.resume(order_id)
        else:
            self._apply(self._gateway.intent(payment.intent))
            if payment.cancel_asked:
                self._requests.cancel(CancelPayment(order_id=order_id))

    def _check_refund(self, refund: Refund) -> None:
        self._transactions.run(lambda transaction: transaction.refunds.checked(refund.id))
        if refund.state == "requested":
            self._requests.resume_refund(refund)
        else:
            self._look_at(refund.intent)

    def _compare(self, order_id: str) -> None:
        payment = self._asked_now(order_id)
        if payment is None or payment.intent is None:
            return
        self._look_at(payment.intent)
        intent = self._gateway.intent(payment.intent)
        self._apply(intent)

        def work(transaction: Transaction) -> int | None:
            ours = transaction.ledger.balance(order_id, "stripe_clearing", intent.currency)
            theirs = intent.received - (intent.refunded or 0)
            what = None if ours == theirs else f"ledger {ours}, Stripe {theirs} {intent.currency}"
            transaction.payments.reconciled(order_id, what)
            return None if what is None else ours

        ours = self._transactions.run(work)
        if ours is not None:
            self._reports.mismatch(
                order_id,
                "the ledger and Stripe do not agree",
                intent=intent.id,
                ledger=ours,
                received=intent.received,
                refunded=intent.refunded,
                currency=intent.currency,
            )

    def _look_at(self, intent: str) -> None:
        """Takes in refunds whose webhooks were lost, those made by hand included."""
        found = self._gateway.refunds_of(intent)

        def work(transaction: Transaction) -> None:
            for refund in found:
                apply_refund(transaction, refund)

        self._transactions.run(work)

    def _apply(self, intent: Intent) -> None:
        self._transactions.run(lambda transaction: apply_intent(transaction, self._reports, intent))

    def _asked_now(self, order_id: str) -> Payment | None:
        """Noted before Stripe is asked: what fails goes behind all others that wait."""

        def work(transaction: Transaction) -> Payment | None:
            transaction.payments.checked(order_id)
            return transaction.payments.find(order_id)

        return self._transactions.run(work)
