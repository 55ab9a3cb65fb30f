"""Reservations: a state that only one closing can leave, and the lines that it holds."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from functions.inventory.model import Line, Reservation, ReservationState
from functions.inventory.store.tables import reservation_lines, reservations
from shared.kit.isbn import Isbn
from shared.sql.many import inserting

# Built once: to build one takes longer than SQLite needs to run it.
_THE_ID: BindParameter[str] = bindparam("the_id")
_FIND = select(reservations.c.state, reservations.c.expires_at).where(reservations.c.id == _THE_ID)
_LINES = (
    select(reservation_lines.c.isbn, reservation_lines.c.quantity)
    .where(reservation_lines.c.reservation_id == _THE_ID)
    .order_by(reservation_lines.c.isbn)
)
_CLOSE = update(reservations).where(reservations.c.id == _THE_ID, reservations.c.state == "held")


class SqlReservations:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def open(self, reservation_id: str, expires_at: datetime) -> Reservation | None:
        try:
            self._insert(reservation_id, "held", expires_at)
        except IntegrityError:
            return self.find(reservation_id)
        return None

    def add_lines(self, reservation_id: str, lines: Sequence[Line]) -> None:
        self._connection.execute(
            inserting(reservation_lines),
            [
                {
                    "reservation_id": reservation_id,
                    "isbn": int(line.isbn),
                    "quantity": line.quantity,
                }
                for line in lines
            ],
        )

    def refuse(self, reservation_id: str) -> None:
        self._insert(reservation_id, "released", self._now)

    def find(self, reservation_id: str) -> Reservation | None:
        row = self._connection.execute(_FIND, {"the_id": reservation_id}).first()
        if row is None:
            return None
        lines = self._connection.execute(_LINES, {"the_id": reservation_id})
        return Reservation(
            id=reservation_id,
            state=row.state,
            lines=tuple(
                Line(isbn=Isbn(f"{isbn:013d}"), quantity=quantity) for isbn, quantity in lines
            ),
            expires_at=row.expires_at,
        )

    def confirm(self, reservation_id: str) -> bool:
        return self._close(reservation_id, "confirmed")

    def release(self, reservation_id: str) -> bool:
        return self._close(reservation_id, "released")

    def expire(self, reservation_id: str) -> bool:
        return self._close(reservation_id, "expired", reservations.c.expires_at <= self._now)

    def extend(self, reservation_id: str, expires_at: datetime) -> bool:
        held = reservations.c.id == reservation_id, reservations.c.state == "held"
        later = self._connection.execute(
            update(reservations)
            .where(*held, reservations.c.expires_at < expires_at)
            .values(expires_at=expires_at)
        )
        if later.rowcount == 1:
            return True
        return self._connection.execute(select(reservations.c.id).where(*held)).first() is not None

    def due(self, limit: int) -> Sequence[str]:
        return (
            self._connection.execute(
                select(reservations.c.id)
                .where(reservations.c.state == "held", reservations.c.expires_at <= self._now)
                .order_by(reservations.c.expires_at)
                .limit(limit)
            )
            .scalars()
            .all()
        )

    def _insert(self, reservation_id: str, state: ReservationState, expires_at: datetime) -> None:
        self._connection.execute(
            inserting(reservations),
            {
                "id": reservation_id,
                "state": state,
                "expires_at": expires_at,
                "created_at": self._now,
            },
        )

    def _close(
        self, reservation_id: str, state: ReservationState, *guards: ColumnElement[bool]
    ) -> bool:
        closed = self._connection.execute(
            _CLOSE.where(*guards) if guards else _CLOSE,
            {"the_id": reservation_id, "state": state, "closed_at": self._now},
        )
        return closed.rowcount == 1
