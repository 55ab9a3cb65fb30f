"""What payments and shipping tell: facts for the order row. What follows from them, the saga
decides, or this module where the saga has ended."""

from collections.abc import Callable, Mapping

from functions.checkout.model import CLOSED_UNPAID, Order, OrderStatus
from functions.checkout.ports import Transaction, Transactions
from functions.checkout.service.cancelling import refuse_cancel
from functions.checkout.service.refunding import give_back, take_in_refund
from shared.contracts.envelope import Envelope
from shared.contracts.orders import OrderRefunded
from shared.contracts.payments import (
    PaymentCancelled,
    PaymentDeclined,
    PaymentFailed,
    PaymentPending,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentSucceeded,
)
from shared.contracts.shipping import (
    ShipmentCreated,
    ShipmentDelayed,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentFailed,
    ShipmentInTransit,
    ShipmentLabelBought,
    ShipmentOutForDelivery,
)
from shared.telemetry import get_logger

log = get_logger("checkout")


ShipmentNews = (
    ShipmentCreated
    | ShipmentLabelBought
    | ShipmentDispatched
    | ShipmentInTransit
    | ShipmentOutForDelivery
    | ShipmentDelayed
    | ShipmentDelivered
    | ShipmentFailed
)


class News:
    """Each method takes an event once; repeated, it changes nothing."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def pending(self, envelope: Envelope, event: PaymentPending) -> None:
        self._once(envelope, event.order_id, lambda t, order: t.orders.change(order.id))

    def declined(self, envelope: Envelope, event: PaymentDeclined) -> None:
        def effect(transaction: Transaction, order: Order) -> None:
            detail = {"code": event.code, "decline_code": event.decline_code}
            transaction.orders.tell(order.id, "payment_declined", detail)
            transaction.orders.change(order.id)

        self._once(envelope, event.order_id, effect)

    def succeeded(self, envelope: Envelope, event: PaymentSucceeded) -> None:
        def effect(transaction: Transaction, order: Order) -> None:
            if event.currency != order.currency:
                log.error("payment.wrong_currency", order_id=order.id, currency=event.currency)
                return
            transaction.orders.record_capture(order.id, event.amount)
            transaction.orders.tell(order.id, "paid", {"amount": event.amount})
            if order.status in CLOSED_UNPAID:
                paid = transaction.orders.find(order.id)
                assert paid is not None
                give_back(transaction, paid, "paid after the checkout had ended")

        self._once(envelope, event.order_id, effect)

    def cancelled(self, envelope: Envelope, event: PaymentCancelled) -> None:
        self._end(envelope, event.order_id, "cancelled")

    def failed(self, envelope: Envelope, event: PaymentFailed) -> None:
        self._end(envelope, event.order_id, "failed")

    def refunded(self, envelope: Envelope, event: PaymentRefunded) -> None:
        def effect(transaction: Transaction, order: Order) -> None:
            orders = transaction.orders
            is_ours = orders.end_refund(event.refund_id, succeeded=True)
            if not is_ours and not take_in_refund(
                transaction, order.id, event.refund_id, event.amount
            ):
                return
            orders.tell(order.id, "refunded", {"amount": event.amount, "refund": event.refund_id})
            now = orders.find(order.id)
            assert now is not None
            if now.refunded == now.captured and now.status in _REFUNDABLE:
                orders.move(order.id, now.status, "refunded")
            transaction.outbox.add(
                "orders",
                order.id,
                OrderRefunded(
                    order_id=order.id,
                    order_number=order.number,
                    customer_id=order.customer_id,
                    refund_id=event.refund_id,
                    amount=event.amount,
                    refunded=now.refunded,
                    currency=order.currency,
                ),
            )

        self._once(envelope, event.order_id, effect)

    def refund_failed(self, envelope: Envelope, event: PaymentRefundFailed) -> None:
        def effect(transaction: Transaction, order: Order) -> None:
            if transaction.orders.end_refund(event.refund_id, succeeded=False):
                detail = {"refund": event.refund_id, "code": event.code}
                transaction.orders.tell(order.id, "refund_failed", detail)
                log.error("refund.failed", order_id=order.id, detail=detail)

        self._once(envelope, event.order_id, effect)

    def shipment_created(self, envelope: Envelope, event: ShipmentCreated) -> None:
        self._shipped(envelope, event, "shipment_created", {"promised_by": event.promised_by})

    def label_bought(self, envelope: Envelope, event: ShipmentLabelBought) -> None:
        self._shipped(envelope, event, "label_bought", _tracking(event))

    def dispatched(self, envelope: Envelope, event: ShipmentDispatched) -> None:
        after: OrderStatus = "partly_dispatched" if event.remaining else "dispatched"
        self._shipped(envelope, event, "dispatched", _tracking(event), after)

    def in_transit(self, envelope: Envelope, event: ShipmentInTransit) -> None:
        self._shipped(envelope, event, "in_transit", {})

    def out_for_delivery(self, envelope: Envelope, event: ShipmentOutForDelivery) -> None:
        self._shipped(envelope, event, "out_for_delivery", {})

    def delayed(self, envelope: Envelope, event: ShipmentDelayed) -> None:
        self._shipped(envelope, event, "delayed", {"expected": event.expected})

    def delivered(self, envelope: Envelope, event: ShipmentDelivered) -> None:
        after: OrderStatus | None = None if event.remaining else "delivered"
        self._shipped(envelope, event, "delivered", {}, after)

    def shipment_failed(self, envelope: Envelope, event: ShipmentFailed) -> None:
        self._shipped(envelope, event, "shipment_failed", {"reason": event.reason})

    def _end(self, envelope: Envelope, order_id: str, state: str) -> None:
        def effect(transaction: Transaction, order: Order) -> None:
            if order.payment_state != "captured":
                transaction.orders.change(order.id, payment_state=state)
                transaction.orders.tell(order.id, f"payment_{state}")

        self._once(envelope, order_id, effect)

    def _shipped(
        self,
        envelope: Envelope,
        event: ShipmentNews,
        kind: str,
        detail: Mapping[str, object],
        after: OrderStatus | None = None,
    ) -> None:
        said = {name: str(value) for name, value in detail.items() if value is not None}
        said["happened_at"] = event.at.isoformat()
        if event.consignments > 1:
            said["consignment"] = f"{event.number} of {event.consignments}"

        def effect(transaction: Transaction, order: Order) -> None:
            orders = transaction.orders
            if order.status == "cancelling" and kind == "dispatched":
                # Shipping dispatches nothing that it has let go of, so the cancel came too late.
                refuse_cancel(transaction, order.id)
                order = orders.find(order.id) or order
            orders.tell(order.id, kind, said)
            orders.change(order.id)
            if after is not None and order.status in _SHIPPED_FROM[after]:
                orders.move(order.id, order.status, after)

        self._once(envelope, event.order_id, effect)

    def _once(
        self, envelope: Envelope, order_id: str, effect: Callable[[Transaction, Order], None]
    ) -> None:
        def work(transaction: Transaction) -> None:
            if not transaction.inbox.is_new(envelope.id):
                return
            order = transaction.orders.claim(order_id)
            if order is None:
                log.error("event.unknown_order", kind=envelope.type, order_id=order_id)
                return
            effect(transaction, order)

        self._transactions.run(work)


def _tracking(event: ShipmentLabelBought | ShipmentDispatched) -> dict[str, object]:
    return {
        "carrier": event.carrier,
        "tracking_number": event.tracking_number,
        "tracking_url": event.tracking_url,
    }


_REFUNDABLE: frozenset[OrderStatus] = frozenset(
    {"placed", "partly_dispatched", "dispatched", "delivered"}
)
_SHIPPED_FROM: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    "partly_dispatched": ("placed",),
    "dispatched": ("placed", "partly_dispatched"),
    "delivered": ("dispatched",),
}
"""Older news finds the order further on, and moves nothing."""
