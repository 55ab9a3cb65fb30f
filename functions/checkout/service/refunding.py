"""Giving money back: an amount is set apart in the order row before anybody is asked to pay it."""

from uuid import uuid4

from functions.checkout.model import Order
from functions.checkout.ports import Transaction
from shared.contracts.payments import REQUESTS, RefundPayment


def request_refund(transaction: Transaction, order_id: str, amount: int, reason: str) -> str | None:
    """The refund's id; None where less than `amount` is left of what was captured."""
    if not transaction.orders.claim_refund(order_id, amount):
        return None
    refund_id = uuid4().hex
    transaction.orders.add_refund(refund_id, order_id, amount, reason)
    transaction.orders.tell(order_id, "refund_requested", {"refund": refund_id, "amount": amount})
    transaction.outbox.add(
        REQUESTS,
        order_id,
        RefundPayment(order_id=order_id, refund_id=refund_id, amount=amount, reason=reason),
    )
    return refund_id


def give_back(transaction: Transaction, order: Order, reason: str) -> bool:
    """Asks for all that was captured and nobody has asked back yet; False where that is nothing."""
    left = order.captured - order.refund_requested
    return left > 0 and request_refund(transaction, order.id, left, reason) is not None
