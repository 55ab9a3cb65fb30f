"""Copies that come back because their order was cancelled."""

from functions.inventory.model import Line
from functions.inventory.ports import Transaction, Transactions
from functions.inventory.service import announcing
from shared.contracts.orders import OrderCancelled
from shared.telemetry import get_logger

log = get_logger("inventory")


class Returns:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def cancelled(self, event_id: str, order: OrderCancelled) -> None:
        """Puts each line back on the shelf, once, whatever the event's id.

        Before its order was placed nothing was sold, so that nothing comes back: the saga released
        its hold. A withdrawn edition's copies lie on the shelf again and are not for sale. A line
        of a book that nobody knows is left out and logged.
        """
        if order.stage == "before_placement":
            return

        def work(transaction: Transaction) -> None:
            if transaction.inbox.is_new(event_id):
                _take_back(transaction, order)

        self._transactions.run(work)


def _take_back(transaction: Transaction, order: OrderCancelled) -> None:
    levels = []
    # In the order in which reservations lock their rows, too.
    for said in sorted(order.lines, key=lambda line: (line.isbn, line.line)):
        if transaction.stock.level(said.isbn) is None:
            log.error("return.of_unknown_book", order_id=order.order_id, isbn=said.isbn)
            continue
        line = Line(isbn=said.isbn, quantity=said.quantity)
        level = transaction.stock.take_back(line, f"{order.order_id}/{said.line}")
        if level is not None:
            levels.append(level)
    announcing.stock_changed(transaction, order.order_id, levels)
