"""Orders as mails tell of them: `shared.contracts.orders.Receipts`."""

from functions.checkout.model import Order
from functions.checkout.ports import Transactions
from functions.checkout.service.orders import GuestLinks, contact_of
from shared.contracts.orders import Receipt, ReceiptLine


class OrderReceipts:
    def __init__(self, transactions: Transactions, links: GuestLinks) -> None:
        self._transactions = transactions
        self._links = links

    def receipt(self, order_id: str) -> Receipt | None:
        with self._transactions.read() as transaction:
            order = transaction.orders.find(order_id)
        return None if order is None else _receipt(order)

    def link(self, order_id: str) -> str:
        return self._links.token(order_id)


def _receipt(order: Order) -> Receipt:
    return Receipt(
        order_id=order.id,
        order_number=order.number,
        contact=contact_of(order),
        delivery=order.delivery,
        lines=tuple(
            ReceiptLine(
                line=line.line,
                isbn=line.isbn,
                title=line.title,
                format=line.format,
                quantity=line.quantity,
                unit_price=line.unit_price,
            )
            for line in order.lines
        ),
        items=order.items_total,
        shipping=order.shipping_total,
        tax=order.tax_total,
        total=order.total,
        currency=order.currency,
        shipping_method=order.shipping_method,
        placed_at=order.placed_at,
        is_paid=order.payment_state == "captured",
    )
