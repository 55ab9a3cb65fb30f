"""Orders that are sent, and tombstones of those that are not, in SQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from functions.shipping.shipment_model import ShippedOrder
from functions.shipping.store.tables import shipped_orders
from shared.sql.types import Utc


class SqlOrders:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def add(self, order_id: str, consignments: int) -> bool:
        return self._insert(order_id, consignments, None)

    def claim(self, order_id: str) -> ShippedOrder | None:
        self._change(order_id)
        return self.find(order_id)

    def find(self, order_id: str) -> ShippedOrder | None:
        table = shipped_orders
        row = self._connection.execute(
            select(
                table.c.order_id,
                table.c.consignments,
                table.c.dispatched,
                table.c.delivered,
                table.c.voided_at,
            ).where(table.c.order_id == order_id)
        ).first()
        return None if row is None else ShippedOrder(*row)

    def dispatch(self, order_id: str) -> bool:
        table = shipped_orders
        return self._change(
            order_id, table.c.voided_at.is_(None), dispatched=table.c.dispatched + 1
        )

    def deliver(self, order_id: str) -> None:
        self._change(order_id, delivered=shipped_orders.c.delivered + 1)

    def void(self, order_id: str) -> bool:
        if self._insert(order_id, 0, self._now):
            return True
        table = shipped_orders
        first = func.coalesce(table.c.voided_at, literal(self._now, Utc()))
        return self._change(order_id, table.c.dispatched == 0, voided_at=first)

    def _insert(self, order_id: str, consignments: int, voided_at: datetime | None) -> bool:
        try:
            self._connection.execute(
                insert(shipped_orders).values(
                    order_id=order_id,
                    consignments=consignments,
                    dispatched=0,
                    delivered=0,
                    voided_at=voided_at,
                    version=1,
                )
            )
        except IntegrityError:
            return False
        return True

    def _change(self, order_id: str, *conditions: ColumnElement[bool], **values: Any) -> bool:
        table = shipped_orders
        changed = self._connection.execute(
            update(table)
            .where(table.c.order_id == order_id, *conditions)
            .values(version=table.c.version + 1, **values)
        )
        return changed.rowcount == 1
