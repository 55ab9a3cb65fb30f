"""The stock as the shop's staff looks at it: why it is what it is, and what runs low."""

from functions.inventory.model import UnknownBook
from functions.inventory.ports import Transaction, Transactions
from functions.inventory.stock_model import LowStocks, StockHistory
from shared.kit import cursors
from shared.kit.isbn import Isbn

_MOST_LOW = 50


class Stocktaking:
    """`low_stock` is how many available copies are so few that somebody should order more."""

    def __init__(self, transactions: Transactions, low_stock: int) -> None:
        self._transactions = transactions
        self._low_stock = low_stock

    def history(self, isbn: Isbn, cursor: str | None, limit: int) -> StockHistory:
        """Raises UnknownBook, BadInput naming the cursor."""
        made_for = cursors.fingerprint("stock ledger", isbn)
        before = None
        if cursor is not None:
            [place] = cursors.decode(cursor, made_for, ((int,),))
            assert isinstance(place, int)
            before = place

        def work(transaction: Transaction) -> StockHistory:
            level = transaction.stock.level(isbn)
            if level is None:
                raise UnknownBook(f"There is no book with the ISBN {isbn}.")
            found = transaction.stocktaking.ledger(isbn, before, limit + 1)
            more = len(found) > limit
            return StockHistory(
                level=level,
                entries=tuple(found[:limit]),
                next_cursor=cursors.encode(made_for, (found[limit - 1].id,)) if more else None,
            )

        return self._transactions.run(work)

    def low(self) -> LowStocks:
        """Of what has sold, the best-selling first."""
        return self._transactions.run(
            lambda transaction: LowStocks(
                items=tuple(transaction.stocktaking.low(self._low_stock, _MOST_LOW))
            )
        )
