"""The carrier's inbox in SQL: raw events as they came."""

from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError

from functions.shipping.store.tables import carrier_events
from shared.sql.many import inserting

# Built once: to build a statement takes longer than to run it.
_THE: BindParameter[Any] = bindparam("the_event")
_RAW = select(carrier_events.c.raw).where(carrier_events.c.id == _THE)
_SETTLE = update(carrier_events).where(
    carrier_events.c.id == _THE, carrier_events.c.outcome.is_(None)
)


class SqlCarrierEvents:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def take_in(self, event_id: str, kind: str, raw: bytes) -> bool:
        row = {"id": event_id, "type": kind[:64], "raw": raw, "received_at": self._now}
        try:
            self._connection.execute(inserting(carrier_events), row)
        except IntegrityError:
            return False
        return True

    def raw(self, event_id: str) -> bytes | None:
        found = self._connection.scalar(_RAW, {"the_event": event_id})
        return None if found is None else bytes(found)

    def settle(self, event_id: str, outcome: str) -> bool:
        change = {"the_event": event_id, "outcome": outcome}
        return self._connection.execute(_SETTLE, change).rowcount == 1

    def forget(self, before: datetime) -> int:
        return self._connection.execute(
            delete(carrier_events).where(carrier_events.c.received_at < before)
        ).rowcount
