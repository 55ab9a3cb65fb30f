"""The double-entry ledger: postings are written once and never changed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from functions.payments.model import Account, LedgerRecord, Posting
from functions.payments.store.tables import ledger
from shared.sql.many import inserting


class SqlLedger:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def post(self, posting: Posting) -> bool:
        rows = [
            {
                "posting": posting.id,
                "account": account,
                "order_id": posting.order_id,
                "amount": amount,
                "currency": posting.currency,
                "at": self._now,
            }
            for account, amount in posting.entries
        ]
        try:
            for row in rows:
                self._connection.execute(inserting(ledger), row)
        except IntegrityError:
            return False
        return True

    def balance(self, order_id: str, account: Account, currency: str) -> int:
        total = self._connection.scalar(
            select(func.sum(ledger.c.amount)).where(
                ledger.c.order_id == order_id,
                ledger.c.account == account,
                ledger.c.currency == currency,
            )
        )
        return int(total or 0)

    def of_order(self, order_id: str) -> Sequence[LedgerRecord]:
        rows = self._connection.execute(
            select(ledger)
            .where(ledger.c.order_id == order_id)
            .order_by(ledger.c.at, ledger.c.posting, ledger.c.account)
        )
        return [
            LedgerRecord(
                posting=row.posting,
                account=row.account,
                amount=row.amount,
                currency=row.currency,
                at=row.at,
            )
            for row in rows
        ]


def unbalanced_orders(connection: Connection) -> Sequence[str]:
    """Orders whose entries do not sum to zero in each currency; there are none, ever."""
    return connection.scalars(
        select(ledger.c.order_id)
        .group_by(ledger.c.order_id, ledger.c.currency)
        .having(func.sum(ledger.c.amount) != 0)
    ).all()
