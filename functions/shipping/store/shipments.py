"""Consignments in SQL: each change of state is one conditional UPDATE."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, update

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
            insert(shipments).values(
                id=shipment_id,
                order_id=order_id,
                number=number,
                state="created",
                weight_grams=weight_of(contents),
                created_at=self._now,
                due_at=self._now,
                tries=0,
                silent=0,
                **values,
            )
        )
        self._connection.execute(
            insert(shipment_contents),
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
        return self._one(shipments.c.id == shipment_id)

    def of_carrier(self, carrier_id: str) -> Shipment | None:
        return self._one(shipments.c.carrier_id == carrier_id)

    def of_order(self, order_id: str) -> Sequence[Shipment]:
        return self._found(shipments.c.order_id == order_id)

    def move(self, shipment_id: str, before: State, after: State, **values: Any) -> bool:
        check_step(before, after)
        moved = self._connection.execute(
            update(shipments)
            .where(shipments.c.id == shipment_id, shipments.c.state == before)
            .values(state=after, **values)
        )
        return moved.rowcount == 1

    def change(self, shipment_id: str, **values: Any) -> None:
        self._connection.execute(
            update(shipments).where(shipments.c.id == shipment_id).values(**values)
        )

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
                insert(scans), [{"shipment_id": shipment_id, **row} for row in new]
            )
        return len(new)

    def scans(self, shipment_ids: Sequence[str]) -> Mapping[str, Sequence[Scan]]:
        found: dict[str, list[Scan]] = {}
        rows = self._connection.execute(
            select(scans)
            .where(scans.c.shipment_id.in_(shipment_ids))
            .order_by(scans.c.shipment_id, scans.c.at, scans.c.sequence)
        )
        for row in rows:
            scan = Scan(row.at, None, None, row.status, row.message, row.place)
            found.setdefault(row.shipment_id, []).append(scan)
        return found

    def name(
        self, shipment_id: str, owner: str, before: str | None, carrier_id: str | None
    ) -> bool:
        named = self._connection.execute(
            update(shipments)
            .where(
                shipments.c.id == shipment_id,
                shipments.c.claimed_by == owner,
                shipments.c.carrier_id.is_(None)
                if before is None
                else shipments.c.carrier_id == before,
            )
            .values(carrier_id=carrier_id)
        )
        return named.rowcount == 1

    def hurry(self, order_id: str) -> None:
        self._connection.execute(
            update(shipments).where(shipments.c.order_id == order_id).values(due_at=self._now)
        )

    def claim_due(
        self, owner: str, limit: int, lease_until: datetime, machine_now: datetime
    ) -> Sequence[Shipment]:
        ids = self._connection.scalars(
            select(shipments.c.id)
            .where(self._is_due(machine_now))
            .order_by(shipments.c.due_at, shipments.c.id)
            .limit(limit)
        ).all()
        return self.claim_these(owner, ids, lease_until, machine_now)

    def claim_these(
        self, owner: str, ids: Sequence[str], lease_until: datetime, machine_now: datetime
    ) -> Sequence[Shipment]:
        if not ids:
            return ()
        self._connection.execute(
            update(shipments)
            .where(shipments.c.id.in_(ids), self._is_due(machine_now))
            .values(claimed_by=owner, not_before=lease_until)
        )
        return self._found(and_(shipments.c.id.in_(ids), shipments.c.claimed_by == owner))

    def finish(self, shipment_id: str, owner: str, due_at: datetime | None) -> None:
        self._release(owner, [shipment_id], due_at=due_at, tries=0)

    def put_off(self, shipment_id: str, owner: str, until: datetime) -> None:
        self._connection.execute(
            update(shipments)
            .where(shipments.c.id == shipment_id, shipments.c.claimed_by == owner)
            .values(claimed_by=None, not_before=until, tries=shipments.c.tries + 1)
        )

    def let_go(self, owner: str, ids: Sequence[str]) -> None:
        self._release(owner, ids)

    def _release(self, owner: str, ids: Sequence[str], **values: Any) -> None:
        if ids:
            self._connection.execute(
                update(shipments)
                .where(shipments.c.id.in_(ids), shipments.c.claimed_by == owner)
                .values(claimed_by=None, not_before=None, **values)
            )

    def _is_due(self, machine_now: datetime) -> ColumnElement[bool]:
        is_free = or_(shipments.c.not_before.is_(None), shipments.c.not_before < machine_now)
        return and_(shipments.c.due_at.is_not(None), shipments.c.due_at <= self._now, is_free)

    def _one(self, condition: ColumnElement[bool]) -> Shipment | None:
        found = self._found(condition)
        return found[0] if found else None

    def _found(self, condition: ColumnElement[bool]) -> Sequence[Shipment]:
        rows = self._connection.execute(
            select(shipments, shipped_orders.c.voided_at)
            .join_from(shipments, shipped_orders)
            .where(condition)
            .order_by(shipments.c.order_id, shipments.c.number)
        ).all()
        contents: dict[str, list[Content]] = {row.id: [] for row in rows}
        if rows:
            for one in self._connection.execute(
                select(shipment_contents)
                .where(shipment_contents.c.shipment_id.in_(list(contents)))
                .order_by(shipment_contents.c.shipment_id, shipment_contents.c.line)
            ):
                contents[one.shipment_id].append(_content(one))
        return [_shipment(row, tuple(contents[row.id])) for row in rows]


def _content(row: Row[Any]) -> Content:
    return Content(
        row.line, Isbn(f"{row.isbn:013d}"), row.quantity, row.unit_price, row.weight_grams
    )


def _shipment(row: Row[Any], contents: tuple[Content, ...]) -> Shipment:
    built = {"is_voided", "contents"}
    names = [name for name in Shipment.__dataclass_fields__ if name not in built]
    return Shipment(
        **{name: getattr(row, name) for name in names},
        is_voided=row.voided_at is not None,
        contents=contents,
    )


def _scan_row(one: Scan) -> dict[str, Any]:
    said = {name: shortened(getattr(one, name), longest) for name, longest in _LONGEST.items()}
    return {"at": one.at, **said}
