"""Orders as rows: each change is one conditional UPDATE, and its row count says who won."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from functions.checkout.model import (
    COUNTED,
    OPEN,
    SETTLED,
    Happened,
    Item,
    Line,
    Order,
    OrderStatus,
    Refund,
    check_step,
)
from functions.checkout.ports import NewOrder, OpenCartTaken, Place
from functions.checkout.store.rows import line_of, order_of, stored
from functions.checkout.store.tables import order_lines, order_timeline, orders, refunds
from shared.kit.isbn import Isbn
from shared.kit.money import Money


def _claimed(statement: Select[Any]) -> Select[Any]:
    """Rows that nobody else changes, from this look until the transaction's end."""
    return statement.with_hint(orders, "WITH (UPDLOCK)", "mssql")


# Statements of every order are built once: to build one takes longer than SQLite needs to run it.
_THE: BindParameter[Any] = bindparam("the_value")
_ADD, _ADD_LINES, _TELL = insert(orders), insert(order_lines), insert(order_timeline)
_THEM: BindParameter[Any] = bindparam("the_values", expanding=True)
_WHOLE = select(orders, order_lines).join_from(orders, order_lines).order_by(order_lines.c.line)
"""An order, in a row for each of its lines; it has one at least."""
_FIND = {
    column.name: _WHOLE.where(column == _THE) for column in (orders.c.id, orders.c.checkout_hash)
}
_CLAIM = _claimed(_FIND[orders.c.id.name])
_LINES = (
    select(order_lines)
    .where(order_lines.c.order_id.in_(_THEM))
    .order_by(order_lines.c.order_id, order_lines.c.line)
)
_VERSIONS = select(orders.c.id, orders.c.version).where(orders.c.id.in_(_THEM))
_STATUS = select(orders.c.status).where(orders.c.id == _THE)
_REPLACED = select(orders.c.replaces).where(orders.c.id == _THE)
_ASKED = (
    select(
        order_lines.c.isbn,
        order_lines.c.quantity,
        order_lines.c.asked_price,
        orders.c.currency,
    )
    .join_from(order_lines, orders)
    .where(order_lines.c.order_id == _THE)
    .order_by(order_lines.c.line)
)
_CHANGE = update(orders).where(orders.c.id == _THE).values(version=orders.c.version + 1)
_MOVE = _CHANGE.where(orders.c.status == bindparam("before"))
_CAPTURE = _CHANGE.where(orders.c.captured < bindparam("amount"))
_PRICE = update(order_lines).where(
    order_lines.c.order_id == _THE, order_lines.c.line == bindparam("the_line")
)

_FORGOTTEN: Mapping[str, Any] = {
    "email": null(),
    "email_key": null(),
    "delivery": null(),
    "postcode": "",
    "fingerprint": "",
    "erase_asked_at": null(),
}
"""What an order says of its buyer besides `customer_id` and `cart_id`, and what is left of it."""
_AT_ONCE = 1000


def _forgetting(condition: ColumnElement[bool]) -> dict[str, Any]:
    return {
        name: case((condition, left), else_=orders.c[name]) for name, left in _FORGOTTEN.items()
    }


_SETTLE = _MOVE.values(**_forgetting(orders.c.erase_asked_at.is_not(None)))


class SqlOrders:
    """`changed` holds the ids of the orders that got another version here."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self.changed: set[str] = set()

    def add(self, new: NewOrder) -> None:
        row = {
            "id": new.id,
            "number": new.number,
            "checkout_hash": new.checkout_hash,
            "status": "validating",
            "version": 1,
            "customer_id": new.customer_id,
            "cart_id": new.cart_id,
            "open_cart": new.cart_id,
            "replaces": new.replaces,
            "email": new.email,
            "email_key": new.email.casefold(),
            "locale": new.locale,
            "delivery": new.delivery.model_dump_json(),
            "country": new.delivery.country,
            "postcode": new.delivery.postcode,
            "shipping_method": new.shipping_method,
            "fingerprint": new.fingerprint,
            "currency": new.currency,
            **dict.fromkeys(("items_total", "shipping_total", "tax_total", "total"), 0),
            **dict.fromkeys(("captured", "refund_requested", "refunded"), 0),
            "payment_state": "none",
            "cancel_requested": 0,
            "differences": "[]",
            "created_at": self._now,
            "updated_at": self._now,
            "pay_until": new.pay_until,
            "looked_after_at": self._now,
        }
        try:
            self._connection.execute(_ADD, row)
        except IntegrityError as error:
            if new.cart_id is not None and self.open_of_cart(new.cart_id) is not None:
                raise OpenCartTaken from error
            raise
        self._connection.execute(
            _ADD_LINES,
            [
                {
                    "order_id": new.id,
                    "line": place,
                    "isbn": int(item.isbn),
                    "title": "",
                    "format": "",
                    "quantity": item.quantity,
                    "asked_price": None if item.price is None else item.price.amount,
                    **dict.fromkeys(("unit_price", "tax_rate", "tax", "weight_grams"), 0),
                    "refunded_quantity": 0,
                }
                for place, item in enumerate(new.items, 1)
            ],
        )

    def find(self, order_id: str) -> Order | None:
        return self._whole(_FIND["id"], order_id)

    def claim(self, order_id: str) -> Order | None:
        # SQLite's writers follow each other anyway; SQL Server has to be told.
        return self._whole(_CLAIM, order_id)

    def by_checkout(self, checkout_hash: str) -> Order | None:
        return self._whole(_FIND["checkout_hash"], checkout_hash)

    def by_number(self, number: str, email: str) -> Order | None:
        found = select(orders).where(
            orders.c.number == number, orders.c.email_key == email.casefold()
        )
        return next(iter(self.with_lines(self._connection.execute(found).all())), None)

    def open_of_cart(self, cart_id: str) -> tuple[Order, str] | None:
        statement = _claimed(select(orders).where(orders.c.open_cart == cart_id))
        row = self._connection.execute(statement).first()
        return None if row is None else (self.with_lines([row])[0], row.fingerprint)

    def status(self, order_id: str) -> OrderStatus | None:
        return self._connection.scalar(_STATUS, {"the_value": order_id})

    def replaced_by(self, order_id: str) -> str | None:
        return self._connection.scalar(_REPLACED, {"the_value": order_id})

    def asked(self, order_id: str) -> Sequence[Item]:
        rows = self._connection.execute(_ASKED, {"the_value": order_id})
        return [
            Item(
                isbn=Isbn(f"{row.isbn:013d}"),
                quantity=row.quantity,
                price=None
                if row.asked_price is None
                else Money(amount=row.asked_price, currency=row.currency),
            )
            for row in rows
        ]

    def open_count(self, customer_id: str | None, cart_id: str | None) -> int:
        return self._most(customer_id, cart_id, orders.c.status.in_(sorted(COUNTED)))

    def starts(self, customer_id: str | None, cart_id: str | None, since: datetime) -> int:
        return self._most(customer_id, cart_id, orders.c.created_at > since)

    def move(self, order_id: str, before: OrderStatus, after: OrderStatus, **values: Any) -> bool:
        check_step(before, after)
        if after not in OPEN:
            values["open_cart"] = None
        moved = self._connection.execute(
            _SETTLE if after in SETTLED else _MOVE,
            {"before": before, "status": after, **self._changed(order_id, values)},
        )
        return moved.rowcount == 1

    def change(self, order_id: str, **values: Any) -> None:
        self._connection.execute(_CHANGE, self._changed(order_id, values))

    def record_capture(self, order_id: str, amount: int) -> None:
        values = {"captured": amount, "payment_state": "captured"}
        self._connection.execute(_CAPTURE, {"amount": amount, **self._changed(order_id, values)})

    def price(self, order_id: str, lines: Sequence[Line]) -> None:
        for line in lines:
            self._connection.execute(
                _PRICE,
                {
                    "the_value": order_id,
                    "the_line": line.line,
                    "title": line.title,
                    "format": line.format,
                    "unit_price": line.unit_price,
                    "tax_rate": line.tax_rate,
                    "tax": line.tax,
                    "weight_grams": line.weight_grams,
                },
            )

    def tell(self, order_id: str, kind: str, detail: Mapping[str, Any] | None = None) -> None:
        self._connection.execute(
            _TELL,
            {
                "order_id": order_id,
                "at": self._now,
                "kind": kind,
                "detail": json.dumps(detail or {}),
            },
        )

    def timeline(self, order_id: str) -> Sequence[Happened]:
        rows = self._connection.execute(
            select(order_timeline.c.at, order_timeline.c.kind, order_timeline.c.detail)
            .where(order_timeline.c.order_id == order_id)
            .order_by(order_timeline.c.sequence)
        )
        return [Happened(row.at, row.kind, json.loads(row.detail)) for row in rows]

    def claim_refund(self, order_id: str, amount: int) -> bool:
        claimed = self._connection.execute(
            update(orders)
            .where(
                orders.c.id == order_id,
                orders.c.captured - orders.c.refund_requested >= amount,
            )
            .values(refund_requested=orders.c.refund_requested + amount, **self._moving(order_id))
        )
        return claimed.rowcount == 1

    def claim_lines(self, order_id: str, quantities: Mapping[int, int]) -> bool:
        return all(
            self._connection.execute(
                update(order_lines)
                .where(
                    order_lines.c.order_id == order_id,
                    order_lines.c.line == line,
                    order_lines.c.quantity - order_lines.c.refunded_quantity >= quantity,
                )
                .values(refunded_quantity=order_lines.c.refunded_quantity + quantity)
            ).rowcount
            == 1
            for line, quantity in sorted(quantities.items())
        )

    def add_refund(self, refund_id: str, order_id: str, amount: int, reason: str) -> None:
        self._connection.execute(
            insert(refunds).values(
                id=refund_id,
                order_id=order_id,
                amount=amount,
                reason=reason,
                state="requested",
                created_at=self._now,
            )
        )

    def end_refund(self, refund_id: str, *, succeeded: bool) -> bool:
        row = self._connection.execute(
            select(refunds.c.order_id, refunds.c.amount, refunds.c.state).where(
                refunds.c.id == refund_id
            )
        ).first()
        after = "succeeded" if succeeded else "failed"
        if row is None or row.state == "failed" or row.state == after:
            return False
        ended = self._connection.execute(
            update(refunds)
            .where(refunds.c.id == refund_id, refunds.c.state == row.state)
            .values(state=after)
        )
        if ended.rowcount != 1:
            return False
        sums = {}
        if succeeded:
            sums["refunded"] = orders.c.refunded + row.amount
        else:
            sums["refund_requested"] = orders.c.refund_requested - row.amount
            if row.state == "succeeded":
                sums["refunded"] = orders.c.refunded - row.amount
        self._connection.execute(
            update(orders)
            .where(orders.c.id == row.order_id)
            .values(**sums, **self._moving(row.order_id))
        )
        return True

    def refunds(self, order_id: str) -> Sequence[Refund]:
        rows = self._connection.execute(
            select(refunds).where(refunds.c.order_id == order_id).order_by(refunds.c.created_at)
        )
        return [
            Refund(
                id=row.id,
                amount=row.amount,
                reason=row.reason,
                state=row.state,
                created_at=row.created_at,
            )
            for row in rows
        ]

    def of_customer(self, customer_id: str, after: Place | None, limit: int) -> Sequence[Order]:
        statement = (
            select(orders)
            .where(orders.c.customer_id == customer_id, orders.c.placed_at.is_not(None))
            .order_by(orders.c.created_at.desc(), orders.c.id.desc())
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(beyond(after))
        return self.with_lines(self._connection.execute(statement).all())

    def everything_of(self, customer_id: str) -> Sequence[Order]:
        return self.with_lines(
            self._connection.execute(
                select(orders)
                .where(orders.c.customer_id == customer_id)
                .order_by(orders.c.created_at, orders.c.id)
            ).all()
        )

    def erase(self, customer_id: str) -> Sequence[tuple[str, OrderStatus]]:
        own = orders.c.customer_id == customer_id
        found = self._connection.execute(select(orders.c.id, orders.c.status).where(own)).all()
        self.changed.update(row.id for row in found)
        is_sent = exists().where(
            order_lines.c.order_id == orders.c.id, order_lines.c.weight_grams > 0
        )
        is_settled = or_(
            orders.c.status.in_(sorted(SETTLED)), and_(orders.c.status == "placed", ~is_sent)
        )
        values = _forgetting(is_settled)
        values["erase_asked_at"] = case((is_settled, null()), else_=self._now)
        gone = dict.fromkeys(("customer_id", "cart_id", "open_cart"))
        self._connection.execute(
            update(orders).where(own).values(**gone, **values, **self._moved_on())
        )
        return [(row.id, row.status) for row in found]

    def forget_buyers(self, erased_before: datetime) -> int:
        forgotten = self._connection.execute(
            update(orders)
            .where(orders.c.erase_asked_at < erased_before)
            .values(**_FORGOTTEN, **self._moved_on())
        )
        return forgotten.rowcount

    def versions(self, order_ids: Collection[str]) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for some in _in_parts(list(order_ids)):
            rows = self._connection.execute(_VERSIONS, {"the_values": some})
            found |= {row.id: row.version for row in rows}
        return found

    def due(
        self, statuses: Sequence[OrderStatus], before: datetime, limit: int
    ) -> Sequence[tuple[str, OrderStatus]]:
        rows = self._connection.execute(
            select(orders.c.id, orders.c.status)
            .where(orders.c.status.in_(statuses), orders.c.looked_after_at < before)
            .order_by(orders.c.looked_after_at)
            .limit(limit)
        ).all()
        if rows:
            self._connection.execute(
                update(orders)
                .where(orders.c.id.in_([row.id for row in rows]))
                .values(looked_after_at=self._now)
            )
        return [(row.id, row.status) for row in rows]

    def _most(self, customer_id: str | None, cart_id: str | None, condition: Any) -> int:
        counts = [
            self._connection.scalar(
                select(func.count()).select_from(orders).where(column == value, condition)
            )
            or 0
            for column, value in (
                (orders.c.customer_id, customer_id),
                (orders.c.cart_id, cart_id),
            )
            if value is not None
        ]
        return max(counts, default=0)

    def _changed(self, order_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """What `_CHANGE` takes."""
        self.changed.add(order_id)
        return {"the_value": order_id, "updated_at": self._now, **stored(values)}

    def _moving(self, order_id: str) -> dict[str, Any]:
        self.changed.add(order_id)
        return self._moved_on()

    def _moved_on(self) -> dict[str, Any]:
        return {"version": orders.c.version + 1, "updated_at": self._now}

    def _whole(self, statement: Select[Any], value: str) -> Order | None:
        rows = self._connection.execute(statement, {"the_value": value}).all()
        return order_of(rows[0], tuple(map(line_of, rows))) if rows else None

    def with_lines(self, rows: Sequence[Row[Any]]) -> list[Order]:
        lines: dict[str, list[Line]] = {row.id: [] for row in rows}
        for some in _in_parts(list(lines)):
            for line in self._connection.execute(_LINES, {"the_values": some}):
                lines[line.order_id].append(line_of(line))
        return [order_of(row, tuple(lines[row.id])) for row in rows]


def beyond(place: Place) -> ColumnElement[bool]:
    """Of orders with the newest first, those that follow the one at `place`."""
    created_at, order_id = place
    return or_(
        orders.c.created_at < created_at,
        and_(orders.c.created_at == created_at, orders.c.id < order_id),
    )


def _in_parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """SQL Server takes 2,100 parameters in one statement."""
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
