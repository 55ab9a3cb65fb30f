"""The beginning of an order's end, and where it is taken back."""

from functions.checkout.model import Order
from functions.checkout.ports import Transaction

_UNPAID = frozenset({"validating", "reserving", "awaiting_payment"})


def give_up(transaction: Transaction, order: Order) -> None:
    """Asks for the end of a checkout that is not paid; its saga decides. Harmless for any other,
    and repeated."""
    if order.status in _UNPAID and not order.cancel_requested:
        transaction.orders.change(order.id, cancel_requested=True, end_reason="cancelled")
        transaction.orders.tell(order.id, "cancel_requested")


def refuse_cancel(transaction: Transaction, order_id: str) -> str:
    """When shipping does not let an order go it is placed as before; done once, whoever finds out
    first."""
    if transaction.orders.move(order_id, "cancelling", "placed", end_reason=None):
        transaction.orders.tell(order_id, "cancel_refused")
    return "placed"
