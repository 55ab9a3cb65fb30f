"""Giving money back: an amount is set apart in the order row before anybody is asked to pay it."""

from uuid import uuid4

from functions.checkout.model import Order
from functions.checkout.ports import Transaction
from shared.contracts.payments import REQUESTS, RefundPayment
from shared.telemetry import get_logger

log = get_logger("checkout")


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


def take_in_refund(transaction: Transaction, order_id: str, refund_id: str, amount: int) -> bool:
    """Counts a refund that somebody made at the provider itself; False where it is counted.

    It is done, so where too little is left it takes the place of what was only asked for: the
    provider has no money for that any more.
    """
    orders = transaction.orders
    known = orders.refunds(order_id)
    if any(one.id == refund_id for one in known):
        return False
    asked = [one.id for one in known if one.state == "requested"]
    while not orders.claim_refund(order_id, amount):
        if not asked:
            log.error("refund.too_large", order_id=order_id, refund=refund_id, amount=amount)
            return False
        orders.end_refund(asked.pop(), succeeded=False)
    orders.add_refund(refund_id, order_id, amount, "refunded at the payment provider")
    return orders.end_refund(refund_id, succeeded=True)
