"""Refunds of payments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from functions.payments.model import Refund, RefundState
from functions.payments.store.tables import payments, refunds

_AT_ONCE = 50
_REFUND = (*refunds.c, payments.c.payment_id)


class SqlRefunds:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def open(self, refund: Refund) -> tuple[Refund, bool]:
        if (known := self.find(refund.id)) is not None:
            return known, False
        try:
            self._connection.execute(
                insert(refunds).values(
                    id=refund.id,
                    order_id=refund.order_id,
                    intent=refund.intent,
                    amount=refund.amount,
                    currency=refund.currency,
                    reason=refund.reason[:200],
                    state=refund.state,
                    provider_id=refund.provider_id,
                    counts=int(refund.counts),
                    requested_at=self._now,
                    moved_at=self._now,
                )
            )
        except IntegrityError:
            known = self.find(refund.id)
            assert known is not None
            return known, False
        return refund, True

    def find(self, refund_id: str) -> Refund | None:
        return self._one(refunds.c.id == refund_id)

    def of_provider(self, provider_id: str) -> Refund | None:
        return self._one(refunds.c.provider_id == provider_id)

    def move(
        self,
        refund_id: str,
        before: Sequence[RefundState],
        after: RefundState,
        provider_id: str | None,
        code: str | None = None,
    ) -> bool:
        values: dict[str, Any] = {"state": after, "moved_at": self._now}
        if provider_id is not None:
            values["provider_id"] = provider_id
        if code is not None:
            values["code"] = code[:64]
        moved = self._connection.execute(
            update(refunds)
            .where(refunds.c.id == refund_id, refunds.c.state.in_(before))
            .values(values)
        )
        return moved.rowcount == 1

    def checked(self, refund_id: str) -> None:
        self._connection.execute(
            update(refunds).where(refunds.c.id == refund_id).values(moved_at=self._now)
        )

    def of_order(self, order_id: str) -> Sequence[Refund]:
        return self._all(refunds.c.order_id == order_id, order=refunds.c.requested_at)

    def hanging(self, requested_before: datetime, pending_before: datetime) -> Sequence[Refund]:
        waiting: BindParameter[Any] = bindparam(
            "waiting", ["requested", "pending"], expanding=True, literal_execute=True
        )
        late = or_(
            and_(refunds.c.state == "requested", refunds.c.moved_at < requested_before),
            refunds.c.moved_at < pending_before,
        )
        return self._all(refunds.c.state.in_(waiting), late, order=refunds.c.moved_at)

    def _one(self, where: ColumnElement[bool]) -> Refund | None:
        row = self._connection.execute(select(*_REFUND).join_from(refunds, payments).where(where))
        found = row.first()
        return None if found is None else _refund(found)

    def _all(self, *where: ColumnElement[bool], order: ColumnElement[Any]) -> Sequence[Refund]:
        rows = self._connection.execute(
            select(*_REFUND)
            .join_from(refunds, payments)
            .where(*where)
            .order_by(order, refunds.c.id)
            .limit(_AT_ONCE)
        )
        return [_refund(row) for row in rows]


def _refund(row: Row[Any]) -> Refund:
    return Refund(
        id=row.id,
        order_id=row.order_id,
        payment_id=row.payment_id,
        intent=row.intent,
        amount=row.amount,
        currency=row.currency,
        reason=row.reason,
        state=row.state,
        provider_id=row.provider_id,
        counts=bool(row.counts),
    )
