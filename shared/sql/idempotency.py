"""Idempotency keys in the database whose rows they guard."""

from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from shared.kit.errors import IdempotencyMismatch
from shared.kit.idempotency import Delivery
from shared.sql.many import inserting
from shared.sql.types import Utc


def idempotency_table(metadata: MetaData) -> Table:
    """Each service has one of its own: a key is only as good as the transaction it stands in."""
    return Table(
        "idempotency_keys",
        metadata,
        Column("id", String(64), primary_key=True),
        Column("request_hash", String(64), nullable=False),
        Column("answer", LargeBinary),
        Column("created_at", Utc, nullable=False, index=True),
    )


class SqlDeliveries:
    """`shared.kit.idempotency.Deliveries` inside one transaction."""

    def __init__(self, connection: Connection, table: Table, now: datetime) -> None:
        self._connection = connection
        self._table = table
        self._now = now

    def claim(self, delivery: Delivery) -> bytes | None:
        row = {
            "id": delivery.id,
            "request_hash": delivery.request_hash,
            "created_at": self._now,
        }
        try:
            # Insert first: SQL Server makes the second of two wait here until the first commits.
            self._connection.execute(inserting(self._table), row)
        except IntegrityError:
            return self._answer(delivery)
        return None

    def _answer(self, delivery: Delivery) -> bytes:
        table = self._table
        stored = self._connection.execute(
            select(table.c.request_hash, table.c.answer).where(table.c.id == delivery.id)
        ).one()
        if stored.request_hash != delivery.request_hash:
            raise IdempotencyMismatch("The Idempotency-Key was used for another request.")
        assert stored.answer is not None, "a key commits together with its answer"
        return bytes(stored.answer)

    def settle(self, delivery: Delivery, answer: bytes) -> None:
        table = self._table
        self._connection.execute(
            update(table).where(table.c.id == delivery.id).values(answer=answer)
        )

    def forget(self, before: datetime) -> int:
        table = self._table
        return self._connection.execute(delete(table).where(table.c.created_at < before)).rowcount
