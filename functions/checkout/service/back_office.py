"""Orders as the shop's staff sees them: all of them, in figures, and those that hang."""

from collections.abc import Sequence
from datetime import date

from functions.checkout.desk_model import (
    LONGEST_REPORT,
    WAITS_LONG,
    Sales,
    WaitingOrders,
)
from functions.checkout.model import Order, OrderStatus
from functions.checkout.ports import Place, Transactions
from shared.kit.errors import BadInput
from shared.kit.money import Currency

_BESTSELLERS = 10
_MOST_WAITING = 100


class BackOffice:
    def __init__(self, transactions: Transactions, currency: Currency) -> None:
        self._transactions = transactions
        self._currency = currency

    def listed(
        self, statuses: Sequence[OrderStatus], asked: str | None, after: Place | None, limit: int
    ) -> Sequence[Order]:
        """Checkouts that came to nothing included; `asked` is an order number or a mail address."""
        with self._transactions.read() as transaction:
            return transaction.desk.listed(statuses, asked, after, limit)

    def sales(self, first: date, last: date) -> Sales:
        """Both days included. Raises BadInput."""
        if last < first:
            raise BadInput.at("to", "lies before `from`", "query")
        if last - first > LONGEST_REPORT:
            raise BadInput.at("to", f"lies more than {LONGEST_REPORT.days} days on", "query")
        with self._transactions.read() as transaction:
            return Sales(
                first=first,
                last=last,
                currency=self._currency,
                days=tuple(transaction.desk.days(first, last)),
                bestsellers=tuple(transaction.desk.bestsellers(first, last, _BESTSELLERS)),
            )

    def waiting(self) -> WaitingOrders:
        with self._transactions.read() as transaction:
            long_ago = transaction.now - WAITS_LONG
            return WaitingOrders(items=tuple(transaction.desk.waiting(long_ago, _MOST_WAITING)))
