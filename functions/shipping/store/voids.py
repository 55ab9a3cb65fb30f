"""Tombstones of orders in SQL."""

from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from functions.shipping.store.tables import voids


class SqlVoids:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def leave(self, order_id: str) -> None:
        try:
            self._connection.execute(insert(voids).values(order_id=order_id, at=self._now))
        except IntegrityError:
            return  # it stands; the first one's time is kept

    def stands(self, order_id: str) -> bool:
        found = select(voids.c.order_id).where(voids.c.order_id == order_id)
        return self._connection.execute(found).first() is not None
