"""Copies on the shelf, and copies held for orders.

Every method is one transaction, or one for each reservation that `expire_due` closes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from functions.inventory.model import (
    LedgerKind,
    Line,
    NotEnoughStock,
    Outcome,
    Reservation,
    ReservationClosed,
    ReservationMismatch,
    StockChange,
    StockHeld,
    StockLevel,
    UnknownBook,
    UnknownReservation,
)
from functions.inventory.ports import Transaction, Transactions
from functions.inventory.service import announcing
from shared.kit.errors import AppError, BadInput
from shared.kit.idempotency import Delivery, once
from shared.kit.isbn import Isbn

_RETRACTED = frozenset({"released", "expired"})


class Stock:
    """`low_stock` is how many available copies are so few that others are told."""

    def __init__(self, transactions: Transactions, low_stock: int = 3) -> None:
        self._transactions = transactions
        self._low_stock = low_stock

    def change(
        self, isbn: Isbn, change: StockChange, actor: str, delivery: Delivery
    ) -> Outcome[StockLevel]:
        """Receives or removes copies, once for each delivery.

        Raises UnknownBook, StockHeld, IdempotencyMismatch.
        """
        kind: LedgerKind = "received" if change.delta > 0 else "adjusted"

        def work(transaction: Transaction) -> Outcome[StockLevel]:
            def effect() -> StockLevel:
                moved = transaction.stock.move(isbn, kind, change.delta, change.reason, actor)
                if moved is None:
                    raise _refused(transaction.stock.level(isbn), isbn, change.delta)
                announcing.stock_changed(transaction, isbn, [moved])
                announcing.fallen(transaction, moved, -change.delta, self._low_stock)
                return moved

            level, replayed = once(transaction.deliveries, delivery, StockLevel, effect)
            return Outcome(level, () if replayed else (level,), replayed)

        return self._transactions.run(work)

    def reserve(
        self, reservation_id: str, lines: Sequence[Line], expires_at: datetime
    ) -> Outcome[Reservation]:
        """Holds all lines or none until `expires_at` (business time).

        The same id with the same lines gives the same answer and holds nothing twice. Raises
        NotEnoughStock naming every line that cannot be had, ReservationClosed where the id was
        released or has expired, ReservationMismatch where it holds other lines.
        """
        wanted = _in_order(lines)

        def work(transaction: Transaction) -> Outcome[Reservation]:
            existing = transaction.reservations.open(reservation_id, expires_at)
            if existing is not None:
                return Outcome(_same(existing, wanted), replayed=True)
            levels = [transaction.stock.hold(line) for line in wanted]
            missing = [line for line, level in zip(wanted, levels, strict=True) if level is None]
            if missing:
                raise NotEnoughStock([transaction.stock.shortage(line) for line in missing])
            transaction.reservations.add_lines(reservation_id, wanted)
            held = Reservation(id=reservation_id, state="held", lines=wanted, expires_at=expires_at)
            announcing.reserved(transaction, held)
            left = tuple(level for level in levels if level is not None)
            for line, level in zip(wanted, left, strict=True):
                announcing.fallen(transaction, level, line.quantity, self._low_stock)
            return Outcome(held, left)

        return self._transactions.run(work)

    def confirm(self, reservation_id: str) -> Outcome[Reservation]:
        """The held copies are sold. Once confirmed, again gives the same answer.

        A reservation past its time can be confirmed as long as it was not expired. Raises
        UnknownReservation, ReservationClosed.
        """

        def work(transaction: Transaction) -> Outcome[Reservation]:
            won = transaction.reservations.confirm(reservation_id)
            reservation = _found(transaction, reservation_id)
            if won:
                sell = transaction.stock.sell
                sold = tuple(sell(line, reservation_id) for line in reservation.lines)
                announcing.stock_changed(transaction, reservation_id, sold)
                return Outcome(reservation, sold)
            if reservation.state != "confirmed":
                raise ReservationClosed(reservation_id, reservation.state)
            return Outcome(reservation, replayed=True)

        return self._transactions.run(work)

    def release(self, reservation_id: str) -> Outcome[Reservation]:
        """The held copies are available again; harmless where they already are.

        An id that is unknown is remembered as released, so that a `reserve` that was sent before
        and comes late holds nothing. Raises ReservationClosed where the copies were sold.
        """

        def work(transaction: Transaction) -> Outcome[Reservation]:
            won = transaction.reservations.release(reservation_id)
            if not won and transaction.reservations.find(reservation_id) is None:
                transaction.reservations.refuse(reservation_id)
            reservation = _found(transaction, reservation_id)
            if won:
                return Outcome(reservation, _let_go(transaction, reservation, "released"))
            if reservation.state not in _RETRACTED:
                raise ReservationClosed(reservation_id, reservation.state)
            return Outcome(reservation, replayed=True)

        return self._transactions.run(work)

    def extend(self, reservation_id: str, expires_at: datetime) -> Reservation:
        """Holds on until `expires_at`, or for longer where that was promised already.

        Raises UnknownReservation, ReservationClosed.
        """

        def work(transaction: Transaction) -> Reservation:
            extended = transaction.reservations.extend(reservation_id, expires_at)
            reservation = _found(transaction, reservation_id)
            if not extended:
                raise ReservationClosed(reservation_id, reservation.state)
            return reservation

        return self._transactions.run(work)

    def expire_due(self, limit: int = 100) -> list[Outcome[Reservation]]:
        """Gives back what at most `limit` reservations held past their time."""
        due = self._transactions.run(lambda transaction: transaction.reservations.due(limit))
        expired = [self._expire(reservation_id) for reservation_id in due]
        return [outcome for outcome in expired if outcome is not None]

    def forget_deliveries(self, older_than: timedelta) -> int:
        """Forgets the Idempotency-Keys of inventory's requests; how many."""

        def work(transaction: Transaction) -> int:
            return transaction.deliveries.forget(transaction.now - older_than)

        return self._transactions.run(work)

    def forget_received(self, older_than: timedelta) -> int:
        """Forgets which events were taken in; how many."""

        def work(transaction: Transaction) -> int:
            return transaction.inbox.forget(transaction.now - older_than)

        return self._transactions.run(work)

    def _expire(self, reservation_id: str) -> Outcome[Reservation] | None:
        def work(transaction: Transaction) -> Outcome[Reservation] | None:
            if not transaction.reservations.expire(reservation_id):
                return None
            reservation = _found(transaction, reservation_id)
            return Outcome(reservation, _let_go(transaction, reservation, "expired"))

        return self._transactions.run(work)


def _refused(level: StockLevel | None, isbn: Isbn, delta: int) -> AppError:
    if level is None:
        return UnknownBook(isbn)
    if delta > 0:
        return BadInput.at("delta", "would make more copies than a shelf can count", "body")
    return StockHeld(
        f"{level.on_hand} copies are on hand and {level.reserved} of them are reserved: "
        f"{-delta} cannot be taken out.",
        extensions={"on_hand": level.on_hand, "reserved": level.reserved},
    )


def _in_order(lines: Sequence[Line]) -> tuple[Line, ...]:
    """In the order in which all reservations lock their rows."""
    if not lines or len({line.isbn for line in lines}) < len(lines):
        raise BadInput.at("lines", "must name at least one book, and none twice", "body")
    return tuple(sorted(lines, key=lambda line: line.isbn))


def _same(existing: Reservation, wanted: tuple[Line, ...]) -> Reservation:
    if existing.state in _RETRACTED:
        raise ReservationClosed(existing.id, existing.state)
    if existing.lines != wanted:
        raise ReservationMismatch(existing.id)
    return existing


def _found(transaction: Transaction, reservation_id: str) -> Reservation:
    reservation = transaction.reservations.find(reservation_id)
    if reservation is None:
        raise UnknownReservation(reservation_id)
    return reservation


def _let_go(
    transaction: Transaction, reservation: Reservation, reason: Literal["released", "expired"]
) -> tuple[StockLevel, ...]:
    announcing.released(transaction, reservation, reason)
    return tuple(transaction.stock.let_go(line) for line in reservation.lines)
