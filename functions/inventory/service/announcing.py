"""What a transaction tells others, in the outbox (`shared.contracts.inventory`).

A reservation, its closing, and a cancelled order write one row each, besides `stock.low`.
"""

from collections.abc import Sequence
from typing import Literal

from functions.inventory.model import Line, Reservation, StockLevel
from functions.inventory.ports import Transaction
from shared.contracts.catalogue import HoldLine
from shared.contracts.inventory import (
    TOPIC,
    BookReleased,
    BookReserved,
    BookUpdated,
    StockChanged,
    StockCount,
    StockLow,
)
from shared.kit.isbn import Isbn


def reserved(transaction: Transaction, reservation: Reservation) -> None:
    event = BookReserved(
        hold_id=reservation.id,
        lines=_lines(reservation.lines),
        expires_at=reservation.expires_at,
    )
    transaction.outbox.add(TOPIC, reservation.id, event)


def released(
    transaction: Transaction, reservation: Reservation, reason: Literal["released", "expired"]
) -> None:
    event = BookReleased(hold_id=reservation.id, lines=_lines(reservation.lines), reason=reason)
    transaction.outbox.add(TOPIC, reservation.id, event)


def stock_changed(transaction: Transaction, subject: str, levels: Sequence[StockLevel]) -> None:
    """Nothing where no level changed."""
    if levels:
        counts = tuple(StockCount.model_validate(level.model_dump()) for level in levels)
        transaction.outbox.add(TOPIC, subject, StockChanged(counts=counts))


def fallen(transaction: Transaction, level: StockLevel, by: int, threshold: int) -> None:
    """Tells of low stock where taking `by` copies has just made it low.

    The level is what the conditional UPDATE left, so that of many at once exactly one crosses.
    """
    if level.available <= threshold < level.available + by:
        event = StockLow(isbn=level.isbn, available=level.available, threshold=threshold)
        transaction.outbox.add(TOPIC, level.isbn, event)


def book_updated(transaction: Transaction, isbn: Isbn, version: int, *, withdrawn: bool) -> None:
    event = BookUpdated(isbn=isbn, version=version, withdrawn=withdrawn)
    transaction.outbox.add(TOPIC, isbn, event)


def _lines(lines: Sequence[Line]) -> tuple[HoldLine, ...]:
    return tuple(HoldLine(isbn=line.isbn, quantity=line.quantity) for line in lines)
