"""The carrier's inbox in SQL: raw events as they came."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from functions.shipping.store.tables import carrier_events


class SqlCarrierEvents:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def take_in(self, event_id: str, kind: str, raw: bytes) -> bool:
        try:
            self._connection.execute(
                insert(carrier_events).values(
                    id=event_id, type=kind[:64], raw=raw, received_at=self._now
                )
            )
        except IntegrityError:
            return False
        return True

    def raw(self, event_id: str) -> bytes | None:
        found = self._connection.scalar(
            select(carrier_events.c.raw).where(carrier_events.c.id == event_id)
        )
        return None if found is None else bytes(found)

    def settle(self, event_id: str, outcome: str) -> bool:
        settled = self._connection.execute(
            update(carrier_events)
            .where(carrier_events.c.id == event_id, carrier_events.c.outcome.is_(None))
            .values(outcome=outcome)
        )
        return settled.rowcount == 1

    def forget(self, before: datetime) -> int:
        return self._connection.execute(
            delete(carrier_events).where(carrier_events.c.received_at < before)
        ).rowcount
