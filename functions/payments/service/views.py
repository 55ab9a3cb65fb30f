"""What others may see of a payment."""

from functions.payments.model import (
    Mismatch,
    Mismatches,
    PaymentRecord,
    RefundRecord,
    UnknownPayment,
)
from functions.payments.ports import Transaction, Transactions
from shared.contracts.payments import PaymentView
from shared.kit.money import Money

STRIPE = "https://api.stripe.com"
_MOST_MISMATCHED = 100


class PaymentViews:
    """Implements `shared.contracts.payments.Payments`, and the back office's view."""

    def __init__(
        self, transactions: Transactions, publishable_key: str, api_base: str | None
    ) -> None:
        self._transactions = transactions
        self._publishable_key = publishable_key
        self._api_base = api_base or STRIPE

    def view(self, order_id: str) -> PaymentView | None:
        payment = self._transactions.look(lambda transaction: transaction.payments.find(order_id))
        if payment is None or payment.intent is None or payment.client_secret is None:
            return None
        return PaymentView(
            payment_intent=payment.intent,
            client_secret=payment.client_secret,
            publishable_key=self._publishable_key,
            api_base=self._api_base,
            declined=payment.declined,
        )

    def mismatched(self) -> Mismatches:
        """Those that the reconciliation reported and that still do not match."""
        found = self._transactions.look(
            lambda transaction: transaction.payments.mismatched(_MOST_MISMATCHED)
        )
        return Mismatches(
            items=tuple(
                Mismatch(
                    order_id=payment.order_id,
                    order_number=payment.order_number,
                    state=payment.state,
                    received=payment.received,
                    refunded=payment.refunded,
                    currency=payment.currency,
                    mismatch=payment.mismatch or "",
                )
                for payment in found
            )
        )

    def record(self, order_id: str) -> PaymentRecord:
        """Raises UnknownPayment."""

        def work(transaction: Transaction) -> PaymentRecord:
            payment = transaction.payments.find(order_id)
            if payment is None:
                raise UnknownPayment(order_id)
            refunds = transaction.refunds.of_order(order_id)
            intents = {payment.intent, *(refund.intent for refund in refunds)}
            currency = payment.currency
            return PaymentRecord(
                order_id=order_id,
                order_number=payment.order_number,
                payment_id=payment.payment_id,
                state=payment.state,
                amount=None
                if payment.amount is None or currency is None
                else Money(amount=payment.amount, currency=currency),
                received=payment.received,
                refunded=payment.refunded,
                balance=0
                if currency is None
                else transaction.ledger.balance(order_id, "stripe_clearing", currency),
                payment_intent=payment.intent,
                declined=payment.declined,
                mismatch=payment.mismatch,
                refunds=tuple(
                    RefundRecord(
                        refund_id=refund.id,
                        amount=Money(amount=refund.amount, currency=refund.currency),
                        state=refund.state,
                        reason=refund.reason,
                        stripe_refund=refund.provider_id,
                    )
                    for refund in refunds
                ),
                ledger=tuple(transaction.ledger.of_order(order_id)),
                calls=tuple(transaction.calls.of_order(order_id)),
                events=tuple(transaction.events.about([one for one in intents if one is not None])),
            )

        return self._transactions.look(work)
