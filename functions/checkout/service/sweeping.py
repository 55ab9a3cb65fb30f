"""Looking after orders that nobody has touched for a while: a start or a ring that got lost."""

import asyncio
from datetime import datetime, timedelta

from functions.checkout.model import OrderStatus
from functions.checkout.ports import Sagas, Transaction, Transactions

_UNTOUCHED = timedelta(seconds=30)
_AT_ONCE = 200
_STATUSES: tuple[OrderStatus, ...] = (
    "validating",
    "reserving",
    "awaiting_payment",
    "confirming",
    "closing",
    "cancelling",
)


class Sweeping:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def due(self) -> list[tuple[str, OrderStatus]]:
        """Each open order is due twice a minute at most, whichever instance looks."""
        return list(
            self._transactions.run(
                lambda transaction: transaction.orders.due(
                    _STATUSES, transaction.now - _UNTOUCHED, _AT_ONCE
                )
            )
        )

    async def look_after(self, order_id: str, status: OrderStatus, sagas: Sagas) -> None:
        """Starting again what runs, and ringing where nothing is new, change nothing."""
        if status == "cancelling":
            await sagas.start_cancel(order_id)
        else:
            await sagas.start_checkout(order_id)
        await sagas.wake(order_id)

    def forget(self, older_than: timedelta) -> int:
        """Of the inbox; how many."""
        return self._transactions.run(
            lambda transaction: transaction.inbox.forget(transaction.now - older_than)
        )

    def forget_buyers(self, older_than: timedelta) -> int:
        """Of erased customers' orders that were not settled for so long."""
        return self._transactions.run(
            lambda transaction: transaction.orders.forget_buyers(transaction.now - older_than)
        )

    async def forget_sagas(self, older_than: timedelta, sagas: Sagas) -> int:
        """How they went stands in the orders' timelines."""
        return await sagas.forget(await asyncio.to_thread(self._now) - older_than)

    def forget_keys(self, older_than: timedelta) -> int:
        """And who has started nothing for so long."""

        def work(transaction: Transaction) -> int:
            before = transaction.now - older_than
            transaction.shoppers.forget(before)
            return transaction.deliveries.forget(before)

        return self._transactions.run(work)

    def _now(self) -> datetime:
        with self._transactions.read() as transaction:
            return transaction.now
