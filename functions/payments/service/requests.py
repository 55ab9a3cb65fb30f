"""What checkout asks: make a payment, give it up, send money back. Each may be asked twice."""

from functions.payments.model import (
    Intent,
    Payment,
    PaymentMismatch,
    ProviderRefund,
    Refund,
    Refused,
    StillProcessing,
    StripeCall,
)
from functions.payments.ports import Reports, StripeGateway, Transaction, Transactions
from functions.payments.service.calls import CarefulCalls
from functions.payments.service.transitions import (
    announce_cancelled,
    announce_refund_failed,
    apply_intent,
    apply_refund,
    cancel,
    fail,
    pend,
    refund_failed,
)
from shared.contracts.payments import CancelPayment, CreatePayment, RefundPayment
from shared.kit.clock import Clock
from shared.telemetry import get_logger

log = get_logger("payments")

_ENDED = ("succeeded", "canceled")


class Requests:
    """Every method may raise GatewayError: then it has to be called again."""

    def __init__(
        self,
        transactions: Transactions,
        gateway: StripeGateway,
        clock: Clock,
        reports: Reports,
    ) -> None:
        self._transactions = transactions
        self._gateway = gateway
        self._clock = clock
        self._reports = reports
        self._calls = CarefulCalls(transactions, clock)

    def create(self, request: CreatePayment) -> None:
        """Raises PaymentMismatch where the order's payment was asked for with another amount."""

        def begin(transaction: Transaction) -> tuple[Payment, StripeCall] | None:
            payment = transaction.payments.open(
                request.order_id, request.order_number, request.amount, request.currency
            )
            if payment.state != "requested":
                return None
            if (payment.amount, payment.currency) != (request.amount, request.currency):
                raise PaymentMismatch(
                    f"Order {request.order_id} has a payment of {payment.amount}"
                    f" {payment.currency}."
                )
            return payment, self._opened(transaction, payment)

        begun = self._transactions.run(begin)
        if begun is not None:
            self._make_intent(*begun)

    def cancel(self, request: CancelPayment) -> None:
        """Raises StillProcessing where the provider cannot tell yet what becomes of it."""

        def begin(transaction: Transaction) -> tuple[Payment, StripeCall] | None:
            payment = transaction.payments.find(request.order_id)
            if payment is None:
                announce_cancelled(transaction, transaction.payments.bury(request.order_id))
                return None
            if payment.state not in ("requested", "pending"):
                return None
            transaction.payments.ask_cancel(payment.order_id)
            if payment.state == "pending":
                return payment, self._opened(transaction, payment)
            if not transaction.calls.was_sent(f"create:{payment.order_id}"):
                cancel(transaction, payment)
                return None
            return payment, self._opened(transaction, payment)

        begun = self._transactions.run(begin)
        if begun is None:
            return
        payment, call = begun
        if payment.state == "requested":
            # Whether there is an intent is not known: it is found or made, and then cancelled.
            self._make_intent(payment, call)
        else:
            self._cancel_intent(payment, call)

    def refund(self, request: RefundPayment) -> None:
        def begin(transaction: Transaction) -> tuple[Refund, StripeCall] | None:
            known = transaction.refunds.find(request.refund_id)
            if known is None:
                known = self._promised(transaction, request)
            if known is None or known.state != "requested":
                return None
            call = transaction.calls.open(
                f"refund:{known.id}", known.order_id, self._clock.machine_now()
            )
            return known, call

        begun = self._transactions.run(begin)
        if begun is not None:
            self._send_refund(*begun)

    def resume(self, order_id: str) -> None:
        """Goes on with a payment that was asked for and got stuck; harmless where it did not."""

        def begin(transaction: Transaction) -> tuple[Payment, StripeCall] | None:
            payment = transaction.payments.find(order_id)
            if payment is None or payment.state != "requested":
                return None
            return payment, self._opened(transaction, payment)

        payment = self._transactions.run(lambda transaction: transaction.payments.find(order_id))
        if payment is not None and payment.cancel_asked:
            self.cancel(CancelPayment(order_id=order_id))
        elif (begun := self._transactions.run(begin)) is not None:
            self._make_intent(*begun)

    def resume_refund(self, refund: Refund) -> None:
        self.refund(
            RefundPayment(
                order_id=refund.order_id,
                refund_id=refund.id,
                amount=refund.amount,
                reason=refund.reason,
            )
        )

    def _opened(self, transaction: Transaction, payment: Payment) -> StripeCall:
        what = "create" if payment.state == "requested" else "cancel"
        return transaction.calls.open(
            f"{what}:{payment.order_id}", payment.order_id, self._clock.machine_now()
        )

    def _make_intent(self, payment: Payment, call: StripeCall) -> None:
        order_id, amount, currency = payment.order_id, payment.amount, payment.currency
        assert amount is not None
        assert currency is not None
        number = payment.order_number or order_id
        try:
            call, intent = self._calls.settle(
                call,
                lambda key: self._gateway.create_intent(key, order_id, number, amount, currency),
                lambda known: self._gateway.intent_of(order_id, known.since),
            )
        except Refused as error:
            code = error.code
            log.error("payment.refused", order_id=order_id, code=code, reason=str(error))
            self._transactions.run(lambda transaction: fail(transaction, payment, code))
            return

        def finish(transaction: Transaction) -> tuple[Payment, StripeCall | None]:
            transaction.calls.close(call.key, "done", intent.id)
            pend(transaction, payment, intent)
            apply_intent(transaction, self._reports, intent)
            current = transaction.payments.find(order_id)
            assert current is not None
            if current.state == "pending" and current.cancel_asked:
                return current, self._opened(transaction, current)
            return current, None

        current, to_cancel = self._transactions.run(finish)
        if to_cancel is not None:
            self._cancel_intent(current, to_cancel)
        elif current.intent != intent.id and intent.status not in _ENDED:
            # The order was closed meanwhile, or has an intent: nobody may pay this one.
            self._gateway.cancel_intent(f"stray:{intent.id}", intent.id)

    def _cancel_intent(self, payment: Payment, call: StripeCall) -> None:
        assert payment.intent is not None
        name = payment.intent

        def find(_: StripeCall) -> Intent | None:
            shown = self._gateway.intent(name)
            return shown if shown.status in _ENDED else None

        try:
            call, intent = self._calls.settle(
                call, lambda key: self._gateway.cancel_intent(key, name), find
            )
        except Refused as error:
            # Too late, or done before: what the intent has become decides.
            intent = self._gateway.intent(name)
            if intent.status not in _ENDED:
                raise StillProcessing(f"{name} is {intent.status}: {error}") from error
            ended = intent
            self._transactions.run(
                lambda transaction: apply_intent(transaction, self._reports, ended)
            )
            return

        def finish(transaction: Transaction) -> None:
            transaction.calls.close(call.key, "done", intent.id)
            apply_intent(transaction, self._reports, intent)

        self._transactions.run(finish)

    def _promised(self, transaction: Transaction, request: RefundPayment) -> Refund | None:
        """The refund with its money set aside; None where there is not so much left."""
        payment = transaction.payments.find(request.order_id)
        if payment is None:
            log.error("refund.of_nothing", order_id=request.order_id, refund_id=request.refund_id)
            return None
        if payment.intent is None or payment.currency is None or payment.state != "succeeded":
            self._deny(transaction, payment, request, "payment_not_captured")
            return None
        # Its row first: of two that come at once, one promises the money.
        refund, is_new = transaction.refunds.open(
            self._refund(request, payment, payment.intent, payment.currency)
        )
        if is_new and not transaction.payments.promise_refund(request.order_id, request.amount):
            self._refuse(transaction, refund, "amount_too_large")
            return None
        return refund

    def _deny(
        self, transaction: Transaction, payment: Payment, request: RefundPayment, code: str
    ) -> None:
        """Remembered as failed, so that it is told once."""
        refund = self._refund(request, payment, payment.intent or "none", payment.currency or "XXX")
        _, is_new = transaction.refunds.open(refund)
        if is_new:
            self._refuse(transaction, refund, code)

    @staticmethod
    def _refuse(transaction: Transaction, refund: Refund, code: str) -> None:
        transaction.refunds.move(refund.id, ("requested",), "failed", None, code)
        announce_refund_failed(transaction, refund, code)

    @staticmethod
    def _refund(request: RefundPayment, payment: Payment, intent: str, currency: str) -> Refund:
        return Refund(
            id=request.refund_id,
            order_id=request.order_id,
            payment_id=payment.payment_id,
            intent=intent,
            amount=request.amount,
            currency=currency,
            reason=request.reason,
            state="requested",
            provider_id=None,
            counts=True,
        )

    def _send_refund(self, refund: Refund, call: StripeCall) -> None:
        def find(_: StripeCall) -> ProviderRefund | None:
            made = self._gateway.refunds_of(refund.intent)
            return next((one for one in made if one.refund_id == refund.id), None)

        def send(key: str) -> ProviderRefund:
            return self._gateway.refund(
                key, refund.intent, refund.id, refund.order_id, refund.amount, refund.reason
            )

        try:
            call, made = self._calls.settle(call, send, find)
        except Refused as error:
            code = error.code
            log.error("refund.refused", order_id=refund.order_id, refund_id=refund.id, code=code)
            self._transactions.run(lambda transaction: refund_failed(transaction, refund, code))
            return

        def finish(transaction: Transaction) -> None:
            transaction.calls.close(call.key, "done", made.id)
            apply_refund(transaction, made)

        self._transactions.run(finish)
