"""What the staff asks of the stock. It reads alone."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from functions.inventory.stock_model import LedgerEntry, LowStock
from functions.inventory.store.tables import editions, stock, stock_ledger, works
from shared.kit.isbn import Isbn


class SqlStocktaking:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ledger(self, isbn: Isbn, before: int | None, limit: int) -> Sequence[LedgerEntry]:
        statement = (
            select(
                stock_ledger.c.id,
                stock_ledger.c.at,
                stock_ledger.c.kind,
                stock_ledger.c.delta,
                stock_ledger.c.reason,
                stock_ledger.c.reference,
                stock_ledger.c.actor,
            )
            .where(stock_ledger.c.isbn == int(isbn))
            .order_by(stock_ledger.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(stock_ledger.c.id < before)
        return [
            LedgerEntry.model_validate(dict(row))
            for row in self._connection.execute(statement).mappings()
        ]

    def low(self, most: int, limit: int) -> Sequence[LowStock]:
        available = stock.c.on_hand - stock.c.reserved
        rows = self._connection.execute(
            select(
                stock.c.isbn,
                works.c.title,
                available.label("available"),
                stock.c.reserved,
                stock.c.sold,
            )
            .join_from(stock, editions, editions.c.isbn == stock.c.isbn)
            .join(works, works.c.id == editions.c.work_id)
            .where(stock.c.sold > 0, available <= most, editions.c.withdrawn == 0)
            .order_by(stock.c.sold.desc(), stock.c.isbn)
            .limit(limit)
        )
        return [
            LowStock(
                isbn=Isbn(f"{row.isbn:013d}"),
                title=row.title,
                available=row.available,
                reserved=row.reserved,
                sold=row.sold,
            )
            for row in rows
        ]
