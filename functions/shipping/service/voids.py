"""Orders that are not to be sent: `shared.contracts.shipping.Voids`."""

from functions.shipping.ports import Transaction, Transactions


class OrderVoids:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def void(self, order_id: str) -> bool:
        """Whether the order's tombstone stands, which decides for whoever makes shipments."""

        def work(transaction: Transaction) -> bool:
            transaction.voids.leave(order_id)
            return transaction.voids.stands(order_id)

        return self._transactions.run(work)
