"""The equations that hold for every edition at every commit (see `tables`)."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, func, or_, select

from functions.inventory.store.tables import (
    editions,
    reservation_lines,
    reservations,
    stock,
    stock_ledger,
)


@dataclass(frozen=True, slots=True)
class Violation:
    isbn: str
    rule: str
    says: int | None
    should: int | None


def check_stock(connection: Connection) -> list[Violation]:
    """Every edition whose stock breaks a rule; an empty list is good news. Reads everything."""
    ledger = _sum(stock_ledger.c.delta, stock_ledger.c.isbn == stock.c.isbn)
    sales = _sum(
        -stock_ledger.c.delta, stock_ledger.c.isbn == stock.c.isbn, stock_ledger.c.kind == "sold"
    )
    return [
        *_differences(connection, "on hand is the sum of the ledger", stock.c.on_hand, ledger),
        *_differences(
            connection, "reserved is what open reservations hold", stock.c.reserved, _lines("held")
        ),
        *_differences(
            connection, "the ledger's sales are the confirmed lines", sales, _lines("confirmed")
        ),
        *_violations(
            connection,
            "0 <= reserved <= on hand",
            select(stock.c.isbn, stock.c.reserved, stock.c.on_hand).where(
                or_(stock.c.reserved < 0, stock.c.reserved > stock.c.on_hand)
            ),
        ),
        *_violations(
            connection,
            "an edition has a stock row",
            select(editions.c.isbn, stock.c.on_hand, stock.c.reserved)
            .outerjoin_from(editions, stock)
            .where(stock.c.isbn.is_(None)),
        ),
    ]


def _lines(state: str) -> ScalarSelect[int]:
    return (
        select(func.coalesce(func.sum(reservation_lines.c.quantity), 0))
        .join_from(reservation_lines, reservations)
        .where(reservation_lines.c.isbn == stock.c.isbn, reservations.c.state == state)
        .correlate(stock)
        .scalar_subquery()
    )


def _sum(column: ColumnElement[int], *where: ColumnElement[bool]) -> ScalarSelect[int]:
    total = select(func.coalesce(func.sum(column), 0)).select_from(stock_ledger).where(*where)
    return total.correlate(stock).scalar_subquery()


def _differences(
    connection: Connection, rule: str, says: ColumnElement[int], should: ColumnElement[int]
) -> list[Violation]:
    rows = select(stock.c.isbn, says.label("says"), should.label("should")).subquery()
    return _violations(connection, rule, select(rows).where(rows.c.says != rows.c.should))


def _violations(connection: Connection, rule: str, query: Select[Any, Any, Any]) -> list[Violation]:
    found = connection.execute(query)
    return [Violation(f"{isbn:013d}", rule, says, should) for isbn, says, should in found]
