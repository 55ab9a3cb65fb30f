"""Reservations as other services know them: `shared.contracts.catalogue.Holds`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from functions.inventory.model import Line, NotEnoughStock, ReservationClosed, UnknownReservation
from functions.inventory.service.stock import Stock
from shared.contracts.catalogue import HoldClosed, HoldLine, MissingLine


class StockHolds:
    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    def hold(
        self, hold_id: str, lines: Sequence[HoldLine], expires_at: datetime
    ) -> Sequence[MissingLine]:
        """Also raises ReservationMismatch, where the id holds other lines."""
        wanted = [Line(isbn=line.isbn, quantity=line.quantity) for line in lines]
        with _closed(hold_id):
            try:
                self._stock.reserve(hold_id, wanted, expires_at)
            except NotEnoughStock as refused:
                return [
                    MissingLine(
                        isbn=shortage.isbn,
                        requested=shortage.requested,
                        available=shortage.available,
                        reason=shortage.reason,
                    )
                    for shortage in refused.shortages
                ]
        return []

    def renew(self, hold_id: str, expires_at: datetime) -> None:
        with _closed(hold_id):
            self._stock.extend(hold_id, expires_at)

    def confirm(self, hold_id: str) -> None:
        with _closed(hold_id):
            self._stock.confirm(hold_id)

    def release(self, hold_id: str) -> None:
        with _closed(hold_id):
            self._stock.release(hold_id)


@contextmanager
def _closed(hold_id: str) -> Iterator[None]:
    try:
        yield
    except ReservationClosed as error:
        raise HoldClosed(hold_id, error.state) from error
    except UnknownReservation as error:
        raise HoldClosed(hold_id, "unknown") from error
