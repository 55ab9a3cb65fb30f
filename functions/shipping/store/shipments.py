"""Consignments in SQL: each change of state is one conditional UPDATE."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    insert,
    or_,
    select,
    update,
)

from functions.shipping.shipment_model import (
    Content,
    Scan,
    Shipment,
    State,
    check_step,
    weight_of,
)
from functions.shipping.store.tables import (
    scans,
    shipment_contents,
    shipments,
    shipped_orders,
)
from shared.kit.isbn import Isbn
from shared.kit.texts import shortened

# Statements of every consignment are built once: to build one takes longer than to run it.
_THE: BindParameter[Any] = bindparam("the_value")
_THEM: BindParameter[Any] = bindparam("the_values", expanding=True)
_OWNER: BindParameter[Any] = bindparam("owner")
_ADD, _ADD_CONTENTS, _ADD_SCANS = insert(shipments), insert(shipment_contents), insert(scans)
_SHIPMENTS = (
    select(
        shipments,
        shipped_orders.c.voided_at,
        *(column.label(f"content_{column.name}") for column in shipment_contents.c),
    )
    .join_from(shipments, shipped_orders)
    .join(shipment_contents, shipment_contents.c.shipment_id == shipments.c.id)
    .order_by(shipments.c.order_id, shipments.c.number, shipment_contents.c.line)
)
"""A consignment, in a row for each line of its contents; it has one at least."""
_FIND = {
    column.name: _SHIPMENTS.where(column == _THE)
    for column in (shipments.c.id, shipments.c.carrier_id, shipments.c.order_id)
}
_CLAIMED = _SHIPMENTS.where(shipments.c.id.in_(_THEM), shipments.c.claimed_by == _OWNER)
_SCANS = (
    select(scans)
    .where(scans.c.shipment_id.in_(_THEM))
    .order_by(scans.c.shipment_id, scans.c.at, scans.c.sequence)
)
_MACHINE_NOW: BindParameter[datetime] = bindparam("machine_now", type_=shipments.c.not_before.type)
_IS_DUE = and_(
    shipments.c.due_at.is_not(None),
    shipments.c.due_at <= bindparam("now", type_=shipments.c.due_at.type),
    or_(shipments.c.not_before.is_(None), shipments.c.not_before < _MACHINE_NOW),
)
_DUE = (
    select(shipments.c.id)
    .where(_IS_DUE)
    .order_by(shipments.c.due_at, shipments.c.id)
    .limit(bindparam("at_most"))
)
_CLAIM = update(shipments).where(shipments.c.id.in_(_THEM), _IS_DUE)
_CHANGE = update(shipments).where(shipments.c.id == _THE)
_MOVE = _CHANGE.where(shipments.c.state == bindparam("before"))
_OWN = _CHANGE.where(shipments.c.claimed_by == _OWNER)
_PUT_OFF = _OWN.values(tries=shipments.c.tries + 1)
_NAME = _OWN.where(shipments.c.carrier_id.is_(None))
_RENAME = _OWN.where(shipments.c.carrier_id == bindparam("before"))
_HURRY = update(shipments).where(shipments.c.order_id == _THE)
_LET_GO = update(shipments).where(shipments.c.id.in_(_THEM), shipments.c.claimed_by == _OWNER)

_STORED_FIELDS = [
    name for name in Shipment.__dataclass_fields__ if name not in {"is_voided", "contents"}
]
_LONGEST = {"status": 60, "message": 200, "place": 100}


class SqlShipments:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def add(
        self,
        shipment_id: str,
        order_id: str,
        number: int,
        contents: Sequence[Content],
        **values: Any,
    ) -> None:
        self._connection.execute(
            _ADD,
            {
                "id": shipment_id,
                "order_id": order_id,
                "number": number,
                "state": "created",
                "weight_grams": weight_of(contents),
                "created_at": self._now,
                "due_at": self._now,
                "tries": 0,
                "silent": 0,
                **values,
            },
        )
        self._connection.execute(
            _ADD_CONTENTS,
            [
                {
                    "shipment_id": shipment_id,
                    "line": one.line,
                    "isbn": int(one.isbn),
                    "quantity": one.quantity,
                    "unit_price": one.unit_price,
                    "weight_grams": one.weight_grams,
                }
                for one in contents
            ],
        )

    def find(self, shipment_id: str) -> Shipment | None:
        return next(iter(self._found(_FIND["id"], the_value=shipment_id)), None)

    def of_carrier(self, carrier_id: str) -> Shipment | None:
        return next(iter(self._found(_FIND["carrier_id"], the_value=carrier_id)), None)

    def of_order(self, order_id: str) -> Sequence[Shipment]:
        return self._found(_FIND["order_id"], the_value=order_id)

    def move(self, shipment_id: str, before: State, after: State, **values: Any) -> bool:
        check_step(before, after)
        change = {"the_value": shipment_id, "before": before, "state": after, **values}
        return self._connection.execute(_MOVE, change).rowcount == 1

    def change(self, shipment_id: str, **values: Any) -> None:
        self._connection.execute(_CHANGE, {"the_value": shipment_id, **values})

    def expect(self, shipment_id: str, day: date) -> None:
        self.change(shipment_id, expected=day)

    def note(self, shipment_id: str, scans_now: Sequence[Scan]) -> int:
        known = {
            (one.at, one.status, one.message, one.place)
            for one in self.scans([shipment_id]).get(shipment_id, ())
        }
        new = [row for row in map(_scan_row, scans_now) if tuple(row.values()) not in known]
        if new:
            self._connection.execute(
                _ADD_SCANS, [{"shipment_id": shipment_id, **row} for row in new]
            )
        return len(new)

    def scans(self, shipment_ids: Sequence[str]) -> Mapping[str, Sequence[Scan]]:
        found: dict[str, list[Scan]] = {}
        for row in self._connection.execute(_SCANS, {"the_values": list(shipment_ids)}):
            scan = Scan(row.at, None, None, row.status, row.message, row.place)
            found.setdefault(row.shipment_id, []).append(scan)
        return found

    def name(
        self, shipment_id: str, owner: str, before: str | None, carrier_id: str | None
    ) -> bool:
        change = {"the_value": shipment_id, "owner": owner, "carrier_id": carrier_id}
        if before is None:
            return self._connection.execute(_NAME, change).rowcount == 1
        return self._connection.execute(_RENAME, {"before": before, **change}).rowcount == 1

    def hurry(self, order_id: str) -> None:
        self._connection.execute(_HURRY, {"the_value": order_id, "due_at": self._now})

    def claim_due(
        self, owner: str, limit: int, lease_until: datetime, machine_now: datetime
    ) -> Sequence[Shipment]:
        due = {"now": self._now, "machine_now": machine_now, "at_most": limit}
        ids = self._connection.scalars(_DUE, due).all()
        return self.claim_these(owner, ids, lease_until, machine_now)

    def claim_these(
        self, owner: str, ids: Sequence[str], lease_until: datetime, machine_now: datetime
    ) -> Sequence[Shipment]:
        if not ids:
            return ()
        those = {"the_values": list(ids)}
        due = {"now": self._now, "machine_now": machine_now, **those}
        self._connection.execute(_CLAIM, {"claimed_by": owner, "not_before": lease_until, **due})
        return self._found(_CLAIMED, owner=owner, **those)

    def finish(self, shipment_id: str, owner: str, due_at: datetime | None) -> None:
        self._release(owner, [shipment_id], due_at=due_at, tries=0)

    def put_off(self, shipment_id: str, owner: str, until: datetime) -> None:
        change = {"the_value": shipment_id, "owner": owner, "claimed_by": None}
        self._connection.execute(_PUT_OFF, {"not_before": until, **change})

    def let_go(self, owner: str, ids: Sequence[str]) -> None:
        self._release(owner, ids)

    def _release(self, owner: str, ids: Sequence[str], **values: Any) -> None:
        if ids:
            free = {"claimed_by": None, "not_before": None, **values}
            self._connection.execute(_LET_GO, {"the_values": list(ids), "owner": owner, **free})

    def _found(self, statement: Select[Any], **values: Any) -> Sequence[Shipment]:
        found: dict[str, list[Row[Any]]] = {}
        for row in self._connection.execute(statement, values):
            found.setdefault(row.id, []).append(row)
        return [_shipment(rows[0], tuple(map(_content, rows))) for rows in found.values()]


def _content(row: Row[Any]) -> Content:
    return Content(
        row.content_line,
        Isbn(f"{row.content_isbn:013d}"),
        row.content_quantity,
        row.content_unit_price,
        row.content_weight_grams,
    )


def _shipment(row: Row[Any], contents: tuple[Content, ...]) -> Shipment:
    return Shipment(
        **{name: getattr(row, name) for name in _STORED_FIELDS},
        is_voided=row.voided_at is not None,
        contents=contents,
    )


def _scan_row(one: Scan) -> dict[str, Any]:
    said = {name: shortened(getattr(one, name), longest) for name, longest in _LONGEST.items()}
    return {"at": one.at, **said}
