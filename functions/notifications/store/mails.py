"""Mails in SQL: each change is one conditional UPDATE, and `tries` says whose claim it is."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from functions.notifications.model import ARRIVED, Kind, Mail, MailId, Planned, State, Subscriber
from functions.notifications.store.tables import mails
from shared.kit.texts import shortened
from shared.sql.many import inserting

_BEYOND_THE_LEASE = timedelta(seconds=10)
_LONGEST_REASON = 100

# Statements of every mail are built once: to build one takes longer than SQLite needs to run it.
_THE: BindParameter[Any] = bindparam("the_mail")
_FIND = select(mails).where(mails.c.id == _THE)
_CLAIM = (
    update(mails)
    .where(
        mails.c.id == _THE,
        mails.c.state.in_(("waiting", "failed")),
        mails.c.due_at <= bindparam("now", type_=mails.c.due_at.type),
    )
    .values(state="waiting", tries=mails.c.tries + 1)
)
_CHANGE = update(mails).where(
    mails.c.id == _THE, mails.c.tries == bindparam("claim"), mails.c.state == "waiting"
)


class SqlMails:
    """`now` is business time, `machine_now` the machine's."""

    def __init__(self, connection: Connection, now: datetime, machine_now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._machine_now = machine_now

    def plan(self, planned: Planned, due_at: datetime, look_at: datetime) -> bool:
        row = {
            "id": planned.id,
            "kind": planned.kind,
            "about": planned.about,
            "shipment_id": planned.shipment_id,
            "subscriber": planned.subscriber,
            "customer_id": planned.customer_id,
            "facts": json.dumps(planned.facts),
            "state": "waiting",
            "tries": 0,
            "created_at": self._now,
            "since": self._machine_now,
            "due_at": due_at,
            "look_at": look_at,
        }
        try:
            self._connection.execute(inserting(mails), row)
        except IntegrityError:
            return False
        return True

    def claim(self, mail_id: MailId, until: datetime) -> Mail | None:
        claim = {"the_mail": mail_id, "now": self._machine_now}
        lease = {"due_at": until, "look_at": until + _BEYOND_THE_LEASE}
        if self._connection.execute(_CLAIM, {**claim, **lease}).rowcount != 1:
            return None
        return _mail(self._connection.execute(_FIND, {"the_mail": mail_id}).one())

    def settle(
        self,
        mail: Mail,
        state: State,
        reason: str | None = None,
        provider_id: str | None = None,
    ) -> None:
        self._change(
            mail,
            state=state,
            reason=reason and shortened(reason, _LONGEST_REASON),
            provider_id=provider_id,
            due_at=self._machine_now,
            sent_at=self._now if state == "sent" else None,
        )

    def put_off(self, mail: Mail, due_at: datetime, reason: str) -> None:
        self._change(mail, due_at=due_at, look_at=due_at, reason=shortened(reason, _LONGEST_REASON))

    def overdue(self, look_again_at: datetime, limit: int) -> Sequence[MailId]:
        due = mails.c.state == "waiting", mails.c.look_at <= self._machine_now
        found = self._connection.scalars(
            select(mails.c.id).where(*due).order_by(mails.c.look_at).limit(limit)
        ).all()
        if found:
            self._connection.execute(
                update(mails).where(mails.c.id.in_(found), *due).values(look_at=look_again_at)
            )
        return [MailId(one) for one in found]

    def has_arrived(self, shipment_id: str) -> bool:
        arrived = select(mails.c.id).where(
            mails.c.shipment_id == shipment_id, mails.c.kind.in_(sorted(ARRIVED))
        )
        return self._connection.execute(arrived.limit(1)).first() is not None

    def count(self, kind: Kind, about: str, since: datetime) -> int:
        counted = (
            select(func.count())
            .select_from(mails)
            .where(mails.c.about == about, mails.c.kind == kind, mails.c.created_at > since)
        )
        return self._connection.execute(counted).scalar_one()

    def of_customer(self, customer_id: str) -> Sequence[Mail]:
        rows = self._connection.execute(
            select(mails)
            .where(mails.c.customer_id == customer_id)
            .order_by(mails.c.created_at, mails.c.id)
        )
        return [_mail(row) for row in rows]

    def forget_customer(self, customer_id: str) -> int:
        forgotten = self._connection.execute(
            update(mails)
            .where(mails.c.customer_id == customer_id)
            .values(customer_id=None, subscriber="", facts="{}")
        )
        return forgotten.rowcount

    def forget(self, before: datetime) -> int:
        return self._connection.execute(
            delete(mails).where(mails.c.created_at < before, mails.c.state != "waiting")
        ).rowcount

    def _change(self, mail: Mail, **values: Any) -> None:
        mine = {"the_mail": mail.id, "claim": mail.tries}
        self._connection.execute(_CHANGE, {**mine, **values})


def _mail(row: Row[Any]) -> Mail:
    return Mail(
        id=MailId(row.id),
        kind=row.kind,
        about=row.about,
        subscriber=Subscriber(row.subscriber),
        customer_id=row.customer_id,
        shipment_id=row.shipment_id,
        facts=json.loads(row.facts),
        state=row.state,
        reason=row.reason,
        tries=row.tries,
        created_at=row.created_at,
        since=row.since,
        sent_at=row.sent_at,
    )
