"""Payments: each change of state is one conditional UPDATE, its row count says whether it won."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from functions.payments.model import Intent, Payment, PaymentState
from functions.payments.store.tables import payments
from shared.sql.many import inserting
from shared.telemetry import current_traceparent

_AT_ONCE = 50

# Built once: to build one takes longer than SQLite needs to run it.
_THE: BindParameter[Any] = bindparam("the_value")
_BY_ORDER = select(payments).where(payments.c.order_id == _THE)
_BY_INTENT = select(payments).where(payments.c.intent == _THE)
_CHANGE = update(payments).where(payments.c.order_id == _THE)
_PEND = _CHANGE.where(payments.c.state == "requested")
_SUCCEED = _CHANGE.where(payments.c.state != "succeeded").values(
    received=payments.c.received + bindparam("more")
)


class SqlPayments:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def open(self, order_id: str, order_number: str, amount: int, currency: str) -> Payment:
        return self._opened(
            order_id,
            state="requested",
            order_number=order_number,
            amount=amount,
            currency=currency,
        )

    def bury(self, order_id: str) -> Payment:
        return self._opened(order_id, state="cancelled", cancel_asked=1)

    def find(self, order_id: str) -> Payment | None:
        return self._one(_BY_ORDER, order_id)

    def of_intent(self, intent: str) -> Payment | None:
        return self._one(_BY_INTENT, intent)

    def pend(self, order_id: str, intent: Intent) -> bool:
        pended = self._connection.execute(
            _PEND,
            {
                "the_value": order_id,
                "state": "pending",
                "intent": intent.id,
                "client_secret": intent.client_secret,
                "checked_at": self._now,
                "moved_at": self._now,
            },
        )
        return pended.rowcount == 1

    def succeed(self, order_id: str, intent: str, received: int) -> bool:
        succeeded = self._connection.execute(
            _SUCCEED,
            {
                "the_value": order_id,
                "more": received,
                "state": "succeeded",
                "intent": intent,
                "declined": None,
                "reconciled_at": None,
                "moved_at": self._now,
            },
        )
        return succeeded.rowcount == 1

    def cancel(self, order_id: str) -> bool:
        return self._move(
            order_id, _is_open(), state="cancelled", declined=None, reconciled_at=None
        )

    def fail(self, order_id: str) -> bool:
        return self._move(order_id, _is_open(), state="failed", reconciled_at=None)

    def ask_cancel(self, order_id: str) -> None:
        self._change(order_id, cancel_asked=1)

    def decline(self, order_id: str, code: str) -> bool:
        return self._change(order_id, payments.c.state == "pending", declined=code[:64])

    def promise_refund(self, order_id: str, amount: int) -> bool:
        promised = payments.c.refunding + amount
        return self._change(
            order_id,
            payments.c.state == "succeeded",
            promised <= payments.c.received,
            refunding=promised,
        )

    def count_refund(self, order_id: str, *, refunding: int, refunded: int) -> Payment:
        changed = self._move(
            order_id,
            refunding=payments.c.refunding + refunding,
            refunded=payments.c.refunded + refunded,
            reconciled_at=None,
        )
        assert changed, "a refund has a payment"
        payment = self.find(order_id)
        assert payment is not None
        return payment

    def hanging(self, requested_before: datetime, checked_before: datetime) -> Sequence[str]:
        late = or_(
            and_(payments.c.state == "requested", payments.c.checked_at < requested_before),
            payments.c.checked_at < checked_before,
        )
        return self._connection.scalars(
            select(payments.c.order_id)
            .where(_is_open(), late)
            .order_by(payments.c.checked_at)
            .limit(_AT_ONCE)
        ).all()

    def checked(self, order_id: str) -> None:
        self._change(order_id, checked_at=self._now)

    def unreconciled(self, settled_before: datetime) -> Sequence[str]:
        return self._connection.scalars(
            select(payments.c.order_id)
            .where(
                payments.c.reconciled_at.is_(None),
                payments.c.moved_at < settled_before,
                not_(_is_open()),
                payments.c.intent.is_not(None),
            )
            .order_by(payments.c.checked_at, payments.c.order_id)
            .limit(_AT_ONCE)
        ).all()

    def reconciled(self, order_id: str, mismatch: str | None) -> None:
        self._change(order_id, reconciled_at=self._now, mismatch=mismatch and mismatch[:400])

    def mismatched(self, limit: int) -> Sequence[Payment]:
        rows = self._connection.execute(
            select(payments)
            .where(payments.c.mismatch.is_not(None))
            .order_by(payments.c.moved_at.desc(), payments.c.order_id)
            .limit(limit)
        )
        return [_payment(row) for row in rows]

    def _opened(self, order_id: str, *, state: PaymentState, **values: Any) -> Payment:
        if (known := self.find(order_id)) is not None:
            return known
        row = {
            "order_id": order_id,
            "payment_id": uuid4().hex,
            "state": state,
            "cancel_asked": 0,
            "received": 0,
            "refunding": 0,
            "refunded": 0,
            "created_at": self._now,
            "moved_at": self._now,
            "checked_at": self._now,
            "traceparent": current_traceparent(),
            **values,
        }
        # Another transaction may have been faster; then its row is the payment.
        with suppress(IntegrityError):
            self._connection.execute(inserting(payments), row)
        payment = self.find(order_id)
        assert payment is not None
        return payment

    def _one(self, find: Select[Any], value: str) -> Payment | None:
        row = self._connection.execute(find, {"the_value": value}).first()
        return None if row is None else _payment(row)

    def _move(self, order_id: str, *guards: ColumnElement[bool], **values: Any) -> bool:
        """A change that Stripe's figures have to be compared with."""
        return self._change(order_id, *guards, moved_at=self._now, **values)

    def _change(self, order_id: str, *guards: ColumnElement[bool], **values: Any) -> bool:
        changed = self._connection.execute(
            update(payments).where(payments.c.order_id == order_id, *guards).values(**values)
        )
        return changed.rowcount == 1


def _is_open() -> ColumnElement[bool]:
    # As literals, so that SQL Server sees that the filtered index covers the question.
    states: BindParameter[Any] = bindparam(
        "open_states", ["requested", "pending"], expanding=True, literal_execute=True
    )
    return payments.c.state.in_(states)


def _payment(row: Row[Any]) -> Payment:
    return Payment(
        order_id=row.order_id,
        payment_id=row.payment_id,
        order_number=row.order_number,
        amount=row.amount,
        currency=row.currency,
        state=row.state,
        intent=row.intent,
        client_secret=row.client_secret,
        declined=row.declined,
        cancel_asked=bool(row.cancel_asked),
        received=row.received,
        refunding=row.refunding,
        refunded=row.refunded,
        mismatch=row.mismatch,
        traceparent=row.traceparent,
    )
