"""Calls to Stripe, one row each, stored before they are sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from functions.payments.model import CallRecord, CallState, StripeCall
from functions.payments.store.tables import stripe_calls
from shared.sql.many import inserting

# Built once: to build one takes longer than SQLite needs to run it.
_LATEST = (
    select(stripe_calls)
    .where(stripe_calls.c.purpose == bindparam("the_purpose"))
    .order_by(stripe_calls.c.number.desc())
    .limit(1)
)
_CLOSE = update(stripe_calls).where(stripe_calls.c.key == bindparam("the_key"))


class SqlCalls:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self, purpose: str, order_id: str, machine_now: datetime) -> StripeCall:
        latest = self._latest(purpose)
        if latest is not None:
            return _call(latest, is_new=False)
        return self._add(purpose, 1, order_id, machine_now, machine_now)

    def raise_try(self, call: StripeCall, machine_now: datetime) -> StripeCall:
        latest = self._latest(call.purpose)
        assert latest is not None
        if latest.key != call.key:
            return _call(latest, is_new=False)
        return self._add(call.purpose, latest.number + 1, call.order_id, call.since, machine_now)

    def was_sent(self, purpose: str) -> bool:
        return self._latest(purpose) is not None

    def close(
        self, key: str, state: CallState, stripe_object: str | None, error: str | None = None
    ) -> None:
        self._connection.execute(
            _CLOSE,
            {
                "the_key": key,
                "state": state,
                "stripe_object": stripe_object,
                "error": error and error[:400],
            },
        )

    def of_order(self, order_id: str) -> Sequence[CallRecord]:
        rows = self._connection.execute(
            select(stripe_calls)
            .where(stripe_calls.c.order_id == order_id)
            .order_by(stripe_calls.c.sent_at, stripe_calls.c.key)
        )
        return [
            CallRecord(
                key=row.key,
                state=row.state,
                stripe_object=row.stripe_object,
                error=row.error,
                sent_at=row.sent_at,
            )
            for row in rows
        ]

    def _latest(self, purpose: str) -> Row[Any] | None:
        return self._connection.execute(_LATEST, {"the_purpose": purpose}).first()

    def _add(
        self, purpose: str, number: int, order_id: str, since: datetime, machine_now: datetime
    ) -> StripeCall:
        row = {
            "key": f"{purpose}:{number}",
            "purpose": purpose,
            "number": number,
            "order_id": order_id,
            "state": "sent",
            "since": since,
            "sent_at": machine_now,
        }
        try:
            self._connection.execute(inserting(stripe_calls), row)
        except IntegrityError:  # somebody else works at the same: what they send is ours, too
            latest = self._latest(purpose)
            assert latest is not None
            return _call(latest, is_new=False)
        return StripeCall(
            key=f"{purpose}:{number}",
            purpose=purpose,
            order_id=order_id,
            state="sent",
            since=since,
            sent_at=machine_now,
            is_new=True,
        )


def _call(row: Row[Any], *, is_new: bool) -> StripeCall:
    return StripeCall(
        key=row.key,
        purpose=row.purpose,
        order_id=row.order_id,
        state=row.state,
        since=row.since,
        sent_at=row.sent_at,
        is_new=is_new,
    )
