"""Shoppers whose starts follow each other, so that no limit is passed by many starts at once.

Under READ COMMITTED SNAPSHOT, as Azure SQL reads, two transactions that count see neither what the
other adds. Whoever is to be counted has a row here that each start changes first: the second one
waits, and counts what the first has committed.
"""

import hashlib
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, update
from sqlalchemy.exc import IntegrityError

from functions.checkout.store.tables import shoppers

_CLAIM = update(shoppers).where(shoppers.c.id == bindparam("the_shopper"))


class SqlShoppers:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def claim(self, customer_id: str | None, cart_id: str | None) -> None:
        # Always in this order, so that two who claim both do not wait for each other.
        for kind, value in (("customer", customer_id), ("cart", cart_id)):
            if value is not None:
                self._claim(_digest(kind, value))

    def erase(self, customer_id: str) -> None:
        self._connection.execute(
            delete(shoppers).where(shoppers.c.id == _digest("customer", customer_id))
        )

    def forget(self, before: datetime) -> int:
        return self._connection.execute(
            delete(shoppers).where(shoppers.c.started_at < before)
        ).rowcount

    def _claim(self, shopper: str) -> None:
        if self._touch(shopper):
            return
        try:
            self._connection.execute(insert(shoppers).values(id=shopper, started_at=self._now))
        except IntegrityError:  # another start of a new shopper was faster, and is waited for
            self._touch(shopper)

    def _touch(self, shopper: str) -> bool:
        touched = self._connection.execute(
            _CLAIM, {"the_shopper": shopper, "started_at": self._now}
        )
        return touched.rowcount == 1


def _digest(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}:{value}".encode()).hexdigest()
