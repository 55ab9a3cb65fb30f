"""Writing what a transaction announces, and recording what it has taken in."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, Table, delete
from sqlalchemy.exc import IntegrityError

from shared.contracts.envelope import LARGEST_BODY, Envelope, Payload
from shared.sql.many import inserting
from shared.telemetry import current_traceparent, current_tracestate

_LONGEST_AGGREGATE = 64


class Outbox:
    """`source` is the service's name; `now` is business time."""

    def __init__(self, connection: Connection, table: Table, source: str, now: datetime) -> None:
        self._connection = connection
        self._table = table
        self._source = source
        self._now = now
        self.announced: list[Payload] = []
        """What this transaction has to send."""

    def add(
        self,
        destination: str,
        subject: str,
        payload: Payload,
        *,
        in_session: bool = True,
        aggregate: str | None = None,
    ) -> str:
        """Announces `payload` at a queue or topic, about `subject`, and returns the event's id.

        What is announced of one aggregate is sent in order; `in_session` has the broker keep that
        order too. The subject is the aggregate where none is named. Raises ValueError for more than
        a message can hold, and for an aggregate of more than 64 signs.
        """
        aggregate = subject if aggregate is None else aggregate
        if len(aggregate) > _LONGEST_AGGREGATE:
            raise ValueError(f"{aggregate!r} is too long for what keeps messages in order")
        envelope = Envelope(
            id=uuid4().hex,
            source=f"/{self._source}",
            type=payload.kind,
            subject=subject,
            time=self._now,
            traceparent=current_traceparent(),
            tracestate=current_tracestate(),
            data=payload.model_dump(mode="json"),
        )
        body = envelope.body()
        if len(body) > LARGEST_BODY - 4096:
            raise ValueError(f"{payload.kind} about {subject} is too large for a message")
        self._connection.execute(
            inserting(self._table),
            {
                "id": envelope.id,
                "aggregate": aggregate,
                "destination": destination,
                "session": aggregate if in_session else None,
                "type": envelope.type,
                "body": body,
                "created_at": self._now,
                "attempts": 0,
            },
        )
        self.announced.append(payload)
        return envelope.id


class Inbox:
    def __init__(self, connection: Connection, table: Table, now: datetime) -> None:
        self._connection = connection
        self._table = table
        self._now = now

    def is_new(self, event_id: str) -> bool:
        """Records the event. False where an earlier transaction did: its effect has been made.

        Another transaction that records the same event is waited for.
        """
        try:
            self._connection.execute(
                inserting(self._table), {"id": event_id, "received_at": self._now}
            )
        except IntegrityError:
            return False
        return True

    def forget(self, before: datetime) -> int:
        """Deletes what is older and says how many."""
        table = self._table
        return self._connection.execute(delete(table).where(table.c.received_at < before)).rowcount
