"""Sends what outboxes hold: each row at least once, the rows of one aggregate in order."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Table,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from shared.contracts.envelope import Envelope
from shared.kit.clock import Clock
from shared.messaging.publisher import Message, Publisher, PublishFailed
from shared.sql.database import Database
from shared.telemetry import get_logger
from shared.telemetry.metrics import OUTBOX_LAG, OUTBOX_WAITING

log = get_logger("messaging")

_AT_ONCE = 200
_CLAIM = timedelta(seconds=30)
PATIENCE_SECONDS = 10.0
PATIENCE_AFTER_COMMIT_SECONDS = 1.0

Batch = tuple[str, list["Row[Any]"]]
"""A destination, and rows for it."""


class Relay:
    """Any number may run, in any number of processes: a row is claimed before it is sent."""

    def __init__(
        self, database: Database, table: Table, publisher: Publisher, clock: Clock
    ) -> None:
        self._database = database
        self._table = table
        self._publisher = publisher
        self._clock = clock
        self._statements = _Statements(table)
        self._owner = uuid4().hex
        self._sending = threading.Lock()
        self._starting = threading.Lock()
        self._nudged = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_ending = False

    def send_due(self, patience: float = PATIENCE_SECONDS) -> int:
        """Sends all that no other relay has claimed and returns how many; one at a time in a
        process. Raises PublishFailed; what was not sent is free again for the next call."""
        sent = 0
        with self._sending:
            while True:
                claimed = self._claim()
                left = [row.sequence for row in claimed]
                try:
                    for destination, rows in in_order(claimed):
                        self._publisher.publish(
                            destination, [_message(row) for row in rows], patience
                        )
                        done = [row.sequence for row in rows]
                        self._mark(done)
                        sent += len(done)
                        left = [sequence for sequence in left if sequence not in set(done)]
                except PublishFailed:
                    self._let_go(left)
                    raise
                if len(claimed) < _AT_ONCE:
                    return sent

    def nudge(self) -> None:
        """To be called after a commit: a thread of our own makes one short attempt. The timer that
        calls `send_due` is what makes sure."""
        self._nudged.set()
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(
                        target=self._serve, name="outbox-relay", daemon=True
                    )
                    self._thread.start()

    def close(self) -> None:
        """Ends the thread after what it is at; to be called before the database is disposed of."""
        self._is_ending = True
        self._nudged.set()
        if self._thread is not None:
            self._thread.join()

    def purge(self, older_than: timedelta) -> int:
        """Deletes rows that were sent before, and says how many."""
        table, before = self._table, self._clock.business_now() - older_than

        def work(connection: Connection) -> int:
            return connection.execute(delete(table).where(table.c.sent_at < before)).rowcount

        return self._database.run(work)

    def waiting(self) -> tuple[int, datetime | None]:
        """How many rows are not sent yet, and when the oldest was written."""
        table = self._table
        with self._database.primary() as connection:
            count, oldest = connection.execute(
                select(func.count(), func.min(table.c.created_at)).where(table.c.sent_at.is_(None))
            ).one()
        return count, oldest

    def measure(self, service: str) -> None:
        """Records how far behind it is."""
        count, oldest = self.waiting()
        lag = 0.0
        if oldest is not None:
            lag = (self._clock.business_now() - oldest).total_seconds()
        OUTBOX_WAITING.record(count, {"service": service})
        OUTBOX_LAG.record(max(lag, 0.0), {"service": service})

    def _serve(self) -> None:
        while self._nudged.wait() and not self._is_ending:
            self._nudged.clear()
            try:
                self.send_due(PATIENCE_AFTER_COMMIT_SECONDS)
            except PublishFailed as error:
                log.warning("outbox.not_sent", reason=str(error))
            except Exception as error:  # the thread must outlive whatever a database may raise
                log.error("outbox.relay_failed", exc_info=error)

    def _claim(self) -> Sequence[Row[Any]]:
        """The oldest free rows. One whose elder another relay has is left to it."""
        statements, now = self._statements, self._clock.machine_now()
        who = {"owner": self._owner, "now": now}

        def work(connection: Connection) -> Sequence[Row[Any]]:
            rows = connection.execute(statements.due, who).all()
            if not rows:
                return ()
            claim = {"due": [row.sequence for row in rows], **who}
            claimed = connection.execute(statements.claim, {**claim, "until": now + _CLAIM})
            if claimed.rowcount == len(rows):
                return rows
            # Two relays that claim at the same moment may each have got a part of an aggregate.
            connection.execute(statements.leave, claim)
            return connection.execute(statements.claimed, claim).all()

        return self._database.run(work)

    def _mark(self, sequences: Sequence[int]) -> None:
        self._change(
            sequences, sent_at=self._clock.business_now(), claimed_by=None, claimed_until=None
        )

    def _let_go(self, sequences: Sequence[int]) -> None:
        self._change(sequences, claimed_by=None, claimed_until=None)

    def _change(self, sequences: Sequence[int], **values: Any) -> None:
        change = {"due": list(sequences), "owner": self._owner, **values}
        self._database.run(lambda connection: connection.execute(self._statements.change, change))


class _Statements:
    """Of one outbox, built once: to build them takes longer than SQLite needs to run them."""

    def __init__(self, table: Table) -> None:
        elder = table.alias("elder")
        owner: BindParameter[str] = bindparam("owner")
        now: BindParameter[datetime] = bindparam("now", type_=table.c.claimed_until.type)
        those = table.c.sequence.in_(bindparam("due", expanding=True))
        unsent = table.c.sent_at.is_(None)
        is_free = or_(table.c.claimed_until.is_(None), table.c.claimed_until < now)
        is_younger = exists().where(
            elder.c.aggregate == table.c.aggregate,
            elder.c.sent_at.is_(None),
            elder.c.sequence < table.c.sequence,
            elder.c.claimed_by != owner,
            elder.c.claimed_until >= now,
        )
        mine = those, table.c.claimed_by == owner, unsent
        self.due = (
            select(table)
            .where(unsent, is_free, ~is_younger)
            .order_by(table.c.sequence)
            .limit(_AT_ONCE)
        )
        self.claim = (
            update(table)
            .where(those, unsent, is_free)
            .values(
                claimed_by=owner, claimed_until=bindparam("until"), attempts=table.c.attempts + 1
            )
        )
        self.leave = (
            update(table).where(*mine, is_younger).values(claimed_by=None, claimed_until=None)
        )
        self.claimed = select(table).where(*mine).order_by(table.c.sequence)
        self.change = update(table).where(those, table.c.claimed_by == owner)


def in_order(rows: Iterable[Row[Any]]) -> Iterator[Batch]:
    """Batches by destination, in which no row of an aggregate comes before an elder one."""
    batches: dict[str, list[Row[Any]]] = {}
    where: dict[str, str] = {}
    for row in rows:
        if where.setdefault(row.aggregate, row.destination) != row.destination:
            yield from batches.items()
            batches, where = {}, {row.aggregate: row.destination}
        batches.setdefault(row.destination, []).append(row)
    yield from batches.items()


def _message(row: Row[Any]) -> Message:
    body = bytes(row.body)
    envelope = Envelope.parse(body)
    return Message(
        id=row.id,
        type=row.type,
        session=row.session,
        body=body,
        traceparent=envelope.traceparent,
        tracestate=envelope.tracestate,
    )
