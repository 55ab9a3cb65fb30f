"""The Stripe inbox: raw events as they came."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BindParameter, Connection, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError

from functions.payments.model import EventRecord
from functions.payments.store.tables import stripe_events
from shared.sql.many import inserting

_AT_ONCE = 200

# Built once: to build one takes longer than SQLite needs to run it.
_THE_ID: BindParameter[str] = bindparam("the_id")
_RAW = select(stripe_events.c.raw).where(stripe_events.c.id == _THE_ID)
_NOTE = update(stripe_events).where(stripe_events.c.id == _THE_ID)
_SETTLE = _NOTE.where(stripe_events.c.outcome.is_(None))


class SqlEvents:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def take_in(self, event_id: str, kind: str, about: str | None, raw: bytes) -> bool:
        try:
            self._connection.execute(
                inserting(stripe_events),
                {
                    "id": event_id,
                    "type": kind[:64],
                    "about": about,
                    "raw": raw,
                    "received_at": self._now,
                },
            )
        except IntegrityError:
            return False
        return True

    def raw(self, event_id: str) -> bytes | None:
        found = self._connection.scalar(_RAW, {"the_id": event_id})
        return None if found is None else bytes(found)

    def settle(self, event_id: str) -> bool:
        settled = self._connection.execute(_SETTLE, {"the_id": event_id, "outcome": "applied"})
        return settled.rowcount == 1

    def note(self, event_id: str, outcome: str) -> None:
        self._connection.execute(_NOTE, {"the_id": event_id, "outcome": outcome})

    def waiting(self, received_before: datetime) -> Sequence[str]:
        return self._connection.scalars(
            select(stripe_events.c.id)
            .where(stripe_events.c.outcome.is_(None), stripe_events.c.received_at < received_before)
            .order_by(stripe_events.c.received_at)
            .limit(_AT_ONCE)
        ).all()

    def about(self, objects: Sequence[str]) -> Sequence[EventRecord]:
        rows = self._connection.execute(
            select(
                stripe_events.c.id,
                stripe_events.c.type,
                stripe_events.c.outcome,
                stripe_events.c.received_at,
            )
            .where(stripe_events.c.about.in_(objects))
            .order_by(stripe_events.c.received_at, stripe_events.c.id)
        )
        return [
            EventRecord(
                event_id=row.id, type=row.type, outcome=row.outcome, received_at=row.received_at
            )
            for row in rows
        ]

    def forget(self, received_before: datetime) -> int:
        return self._connection.execute(
            delete(stripe_events).where(
                stripe_events.c.received_at < received_before, stripe_events.c.outcome.is_not(None)
            )
        ).rowcount
