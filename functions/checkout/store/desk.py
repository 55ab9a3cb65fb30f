"""What the staff asks of orders. It reads alone, and from `placed` orders where it counts money."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Date, and_, cast, func, or_, select

from functions.checkout.desk_model import UNDER_WAY, Day, Seller, Waiting
from functions.checkout.model import Order, OrderStatus
from functions.checkout.ports import Place
from functions.checkout.store.orders import SqlOrders, beyond
from functions.checkout.store.tables import order_lines, orders
from shared.kit.isbn import Isbn

_COPIES = func.sum(order_lines.c.quantity - order_lines.c.refunded_quantity)


class SqlDesk:
    def __init__(self, connection: Connection, orders: SqlOrders) -> None:
        self._connection = connection
        self._orders = orders

    def listed(
        self, statuses: Sequence[OrderStatus], asked: str | None, after: Place | None, limit: int
    ) -> Sequence[Order]:
        wanted: list[ColumnElement[bool]] = []
        if statuses:
            wanted.append(orders.c.status.in_(statuses))
        if asked is not None:
            wanted.append(
                orders.c.email_key == asked.casefold()
                if "@" in asked
                else orders.c.number == asked.upper()
            )
        if after is not None:
            wanted.append(beyond(after))
        return self._orders.with_lines(
            self._connection.execute(
                select(orders)
                .where(*wanted)
                .order_by(orders.c.created_at.desc(), orders.c.id.desc())
                .limit(limit)
            ).all()
        )

    def days(self, first: date, last: date) -> Sequence[Day]:
        """Days without an order are left out; a day is one of UTC."""
        day = _day_of(self._connection)
        rows = self._connection.execute(
            select(
                day.label("day"),
                func.count().label("placed"),
                func.sum(orders.c.total).label("revenue"),
                func.sum(orders.c.refunded).label("refunded"),
            )
            .where(*_placed(first, last))
            .group_by(day)
            .order_by(day)
        )
        return [
            Day(
                date=date.fromisoformat(str(row.day)),
                orders=row.placed,
                revenue=int(row.revenue),
                refunded=int(row.refunded),
            )
            for row in rows
        ]

    def bestsellers(self, first: date, last: date, limit: int) -> Sequence[Seller]:
        """By copies sold and not given back."""
        rows = self._connection.execute(
            select(
                order_lines.c.isbn,
                func.max(order_lines.c.title).label("title"),
                _COPIES.label("copies"),
                func.sum(order_lines.c.quantity * order_lines.c.unit_price).label("revenue"),
            )
            .join_from(order_lines, orders)
            .where(*_placed(first, last))
            .group_by(order_lines.c.isbn)
            .order_by(_COPIES.desc(), order_lines.c.isbn)
            .limit(limit)
        )
        return [
            Seller(
                isbn=Isbn(f"{row.isbn:013d}"),
                title=row.title,
                copies=int(row.copies),
                revenue=int(row.revenue),
            )
            for row in rows
        ]

    def waiting(self, before: datetime, limit: int) -> Sequence[Waiting]:
        rows = self._connection.execute(
            select(
                orders.c.id,
                orders.c.number,
                orders.c.status,
                orders.c.updated_at,
                orders.c.pay_until,
            )
            .where(
                or_(
                    and_(orders.c.status.in_(sorted(UNDER_WAY)), orders.c.updated_at < before),
                    and_(orders.c.status == "awaiting_payment", orders.c.pay_until < before),
                )
            )
            .order_by(orders.c.updated_at)
            .limit(limit)
        )
        return [
            Waiting(
                id=row.id,
                order_number=row.number,
                status=row.status,
                since=row.updated_at,
                pay_until=row.pay_until,
            )
            for row in rows
        ]


def _placed(first: date, last: date) -> tuple[ColumnElement[bool], ...]:
    """From the start of `first` to the end of `last`; the last day of the calendar has no next."""
    day_after = min(last, date.max - timedelta(days=1)) + timedelta(days=1)
    return orders.c.placed_at >= _start(first), orders.c.placed_at < _start(day_after)


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day_of(connection: Connection) -> ColumnElement[Any]:
    """SQLite keeps times as text that begins with the day."""
    if connection.dialect.name == "mssql":
        return cast(orders.c.placed_at, Date)
    return func.substr(orders.c.placed_at, 1, 10)
