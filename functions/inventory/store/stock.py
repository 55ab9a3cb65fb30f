"""Stock on the primary: each change is one conditional UPDATE, its row says whether it happened."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Date,
    Row,
    bindparam,
    case,
    exists,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningUpdate

from functions.inventory.model import LedgerKind, Line, Shortage, StockLevel
from functions.inventory.store.indexing import index_stock
from functions.inventory.store.tables import editions, stock, stock_ledger
from shared.kit.isbn import Isbn
from shared.sql.lists import is_listed
from shared.sql.many import inserting

_MOST_ON_HAND = 1_000_000_000

_TOUCH = update(stock).where(is_listed(stock.c.isbn, "isbns")).values(version=stock.c.version + 1)
_LEVEL = (stock.c.isbn, stock.c.on_hand, stock.c.reserved, stock.c.version)


class SqlStock:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def level(self, isbn: Isbn) -> StockLevel | None:
        row = self._connection.execute(select(*_LEVEL).where(stock.c.isbn == int(isbn))).first()
        return None if row is None else _level(row)

    def move(
        self, isbn: Isbn, kind: LedgerKind, delta: int, reason: str, actor: str | None
    ) -> StockLevel | None:
        left = stock.c.on_hand + delta
        level = self._change(
            isbn, {"on_hand": left}, left >= stock.c.reserved, left <= _MOST_ON_HAND
        )
        if level is not None:
            self._enter(isbn, kind, delta, reason, actor=actor)
            self._show(level)
        return level

    def hold(self, line: Line) -> StockLevel | None:
        level = self._counted(_HOLD, line, today=self._now.date())
        if level is not None:
            self._show(level)
        return level

    def shortage(self, line: Line) -> Shortage:
        row = self._connection.execute(
            select(*_LEVEL, editions.c.withdrawn, editions.c.on_sale_on)
            .join_from(stock, editions)
            .where(stock.c.isbn == int(line.isbn))
        ).first()
        if row is None:
            reason, available = "unknown", 0
        elif row.withdrawn:
            reason, available = "withdrawn", 0
        elif row.on_sale_on is not None and row.on_sale_on > self._now.date():
            reason, available = "not_yet_on_sale", 0
        else:
            reason, available = "not_enough", row.on_hand - row.reserved
        return Shortage.model_validate(
            {
                "isbn": line.isbn,
                "requested": line.quantity,
                "available": available,
                "reason": reason,
            }
        )

    def let_go(self, line: Line) -> StockLevel:
        level = self._change(
            line.isbn,
            {"reserved": stock.c.reserved - line.quantity},
            stock.c.reserved >= line.quantity,
        )
        assert level is not None, "held copies are reserved"
        self._show(level)
        return level

    def sell(self, line: Line, reference: str) -> StockLevel:
        level = self._counted(_SELL, line)
        assert level is not None, "held copies are reserved"
        self._enter(line.isbn, "sold", -line.quantity, "sold", reference=reference)
        self._show(level)
        return level

    def take_back(self, line: Line, reference: str) -> StockLevel | None:
        try:
            self._enter(line.isbn, "returned", line.quantity, "cancelled", reference=reference)
        except IntegrityError:
            return None
        counted = stock.c.sold - line.quantity
        level = self._change(
            line.isbn,
            {
                "on_hand": stock.c.on_hand + line.quantity,
                "sold": case((counted > 0, counted), else_=0),
            },
        )
        assert level is not None, "the edition is known"
        self._show(level)
        return level

    def _counted(
        self, statement: ReturningUpdate[Any], line: Line, **said: Any
    ) -> StockLevel | None:
        row = self._connection.execute(
            statement, {"the_isbn": int(line.isbn), "copies": line.quantity, **said}
        ).first()
        return None if row is None else _level(row)

    def _change(
        self, isbn: Isbn, values: dict[str, ColumnElement[int]], *guards: ColumnElement[bool]
    ) -> StockLevel | None:
        row = self._connection.execute(
            update(stock)
            .where(stock.c.isbn == int(isbn), *guards)
            .values(version=stock.c.version + 1, **values)
            .returning(*_LEVEL)
        ).first()
        return None if row is None else _level(row)

    def _enter(
        self,
        isbn: Isbn,
        kind: LedgerKind,
        delta: int,
        reason: str,
        *,
        reference: str | None = None,
        actor: str | None = None,
    ) -> None:
        self._connection.execute(
            inserting(stock_ledger),
            {
                "isbn": int(isbn),
                "kind": kind,
                "delta": delta,
                "reason": reason,
                "reference": reference,
                "actor": actor,
                "at": self._now,
            },
        )

    def _show(self, level: StockLevel) -> None:
        """Brings what readers see up to date."""
        index_stock(self._connection, int(level.isbn), self._now.date())


def on_sale(today: date | BindParameter[date]) -> tuple[ColumnElement[bool], ...]:
    """That an edition can be sold."""
    embargo = editions.c.on_sale_on
    return editions.c.withdrawn == 0, or_(embargo.is_(None), embargo <= today)


# Built once: to build one takes longer than SQLite needs to run it.
_COPIES: BindParameter[int] = bindparam("copies")
_COUNT = update(stock).where(stock.c.isbn == bindparam("the_isbn"))
_HOLD = (
    _COUNT.where(
        stock.c.on_hand - stock.c.reserved >= _COPIES,
        exists(
            select(literal(1)).where(
                editions.c.isbn == stock.c.isbn, *on_sale(bindparam("today", type_=Date()))
            )
        ),
    )
    .values(version=stock.c.version + 1, reserved=stock.c.reserved + _COPIES)
    .returning(*_LEVEL)
)
_SELL = (
    _COUNT.where(stock.c.reserved >= _COPIES)
    .values(
        version=stock.c.version + 1,
        on_hand=stock.c.on_hand - _COPIES,
        reserved=stock.c.reserved - _COPIES,
        sold=stock.c.sold + _COPIES,
    )
    .returning(*_LEVEL)
)


def touch(connection: Connection, isbns: Sequence[int]) -> None:
    """Moves the stock version, and with it the ETag, of editions that look different now.

    `If-Match` does not look at that part, so that their editors are not disturbed.
    """
    connection.execute(_TOUCH, {"isbns": isbns})


def _level(row: Row[Any, Any, Any, Any]) -> StockLevel:
    isbn, on_hand, reserved, version = row
    return StockLevel(
        isbn=Isbn(f"{isbn:013d}"),
        on_hand=on_hand,
        reserved=reserved,
        available=on_hand - reserved,
        version=version,
    )
