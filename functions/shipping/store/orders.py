"""Orders that are sent, and tombstones of those that are not, in SQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Update,
    bindparam,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from functions.shipping.shipment_model import ShippedOrder
from functions.shipping.store.tables import shipped_orders
from shared.sql.types import Utc

# Statements of every order are built once: to build one takes longer than to run it.
_THE: BindParameter[Any] = bindparam("the_value")
_ADD = insert(shipped_orders)
_FIND = select(
    shipped_orders.c.order_id,
    shipped_orders.c.consignments,
    shipped_orders.c.dispatched,
    shipped_orders.c.delivered,
    shipped_orders.c.voided_at,
).where(shipped_orders.c.order_id == _THE)
_CLAIM = (
    update(shipped_orders)
    .where(shipped_orders.c.order_id == _THE)
    .values(version=shipped_orders.c.version + 1)
)
_DISPATCH = _CLAIM.where(shipped_orders.c.voided_at.is_(None)).values(
    dispatched=shipped_orders.c.dispatched + 1
)
_DELIVER = _CLAIM.values(delivered=shipped_orders.c.delivered + 1)


class SqlOrders:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def add(self, order_id: str, consignments: int) -> bool:
        return self._insert(order_id, consignments, None)

    def claim(self, order_id: str) -> ShippedOrder | None:
        self._change(_CLAIM, order_id)
        return self.find(order_id)

    def find(self, order_id: str) -> ShippedOrder | None:
        row = self._connection.execute(_FIND, {"the_value": order_id}).first()
        return None if row is None else ShippedOrder(*row)

    def dispatch(self, order_id: str) -> bool:
        return self._change(_DISPATCH, order_id)

    def deliver(self, order_id: str) -> None:
        self._change(_DELIVER, order_id)

    def void(self, order_id: str) -> bool:
        if self._insert(order_id, 0, self._now):
            return True
        table = shipped_orders
        first = func.coalesce(table.c.voided_at, literal(self._now, Utc()))
        void = _CLAIM.where(table.c.dispatched == 0).values(voided_at=first)
        return self._change(void, order_id)

    def _insert(self, order_id: str, consignments: int, voided_at: datetime | None) -> bool:
        try:
            self._connection.execute(
                _ADD,
                {
                    "order_id": order_id,
                    "consignments": consignments,
                    "dispatched": 0,
                    "delivered": 0,
                    "voided_at": voided_at,
                    "version": 1,
                },
            )
        except IntegrityError:
            return False
        return True

    def _change(self, change: Update, order_id: str) -> bool:
        return self._connection.execute(change, {"the_value": order_id}).rowcount == 1
