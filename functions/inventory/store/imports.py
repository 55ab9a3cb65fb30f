"""Imports and how far each is, as rows; every step is guarded by the lease it was made under."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from functions.inventory.import_model import (
    ImportOptions,
    ImportState,
    Lease,
    Progress,
    RefusedRecord,
    StoredImport,
)
from functions.inventory.store.tables import import_isbns, import_refusals, imports
from shared.kit.isbn import Isbn
from shared.sql.lists import is_listed
from shared.sql.many import execute_columns

_FORGOTTEN_AT_ONCE = 10_000
_MET = select(import_isbns.c.isbn, import_isbns.c.line).where(
    import_isbns.c.import_id == bindparam("id"),
    is_listed(import_isbns.c.isbn, "isbns"),
)
_MEET = insert(import_isbns)


class SqlImports:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def add(
        self,
        import_id: str,
        file_name: str,
        options: ImportOptions,
        state: ImportState,
        actor: str | None,
        progress: Progress,
    ) -> None:
        self._connection.execute(
            insert(imports).values(
                id=import_id,
                state=state,
                file_name=file_name,
                options=options.model_dump_json(),
                progress=progress.model_dump_json(),
                actor=actor,
                epoch=0,
                created_at=self._now,
                updated_at=self._now,
            )
        )

    def find(self, import_id: str) -> StoredImport | None:
        row = self._connection.execute(select(imports).where(imports.c.id == import_id)).first()
        return None if row is None else _stored(row)

    def newest(self, limit: int) -> Sequence[StoredImport]:
        rows = self._connection.execute(
            select(imports).order_by(imports.c.created_at.desc(), imports.c.id).limit(limit)
        )
        return [_stored(row) for row in rows]

    def start(self, import_id: str) -> bool:
        started = self._connection.execute(
            update(imports)
            .where(imports.c.id == import_id, imports.c.state == "awaiting")
            .values(state="waiting", updated_at=self._now)
        )
        return started.rowcount == 1

    def start_over(self, import_id: str, file_name: str, progress: Progress) -> None:
        for table in (import_refusals, import_isbns):
            self._connection.execute(delete(table).where(table.c.import_id == import_id))
        self._connection.execute(
            update(imports)
            .where(imports.c.id == import_id)
            .values(
                state="waiting",
                file_name=file_name,
                progress=progress.model_dump_json(),
                updated_at=self._now,
            )
        )

    def due(self, machine_now: datetime) -> Sequence[str]:
        rows = self._connection.scalars(
            select(imports.c.id)
            .where(_nobody_works(machine_now), imports.c.actor.is_not(None))
            .order_by(imports.c.created_at)
            .limit(10)
        )
        return list(rows)

    def claim(
        self,
        import_id: str,
        owner: str,
        leased_until: datetime,
        machine_now: datetime | None,
    ) -> Lease | None:
        open_to: list[ColumnElement[bool]] = [imports.c.state.in_(("waiting", "running"))]
        if machine_now is not None:
            open_to.append(_nobody_works(machine_now))
        claimed = self._connection.execute(
            update(imports)
            .where(imports.c.id == import_id, *open_to)
            .values(
                state="running",
                owner=owner,
                epoch=imports.c.epoch + 1,
                leased_until=leased_until,
                updated_at=self._now,
            )
        )
        if claimed.rowcount == 0:
            return None
        epoch = self._connection.scalar(select(imports.c.epoch).where(imports.c.id == import_id))
        return Lease(import_id, owner, epoch or 0)

    def advance(
        self, lease: Lease, state: ImportState, progress: Progress, leased_until: datetime
    ) -> bool:
        moved = self._connection.execute(
            update(imports)
            .where(
                imports.c.id == lease.import_id,
                imports.c.owner == lease.owner,
                imports.c.epoch == lease.epoch,
                imports.c.state == "running",
            )
            .values(
                state=state,
                progress=progress.model_dump_json(),
                leased_until=leased_until,
                updated_at=self._now,
            )
        )
        return moved.rowcount == 1

    def refuse(self, import_id: str, first: int, refused: Sequence[RefusedRecord]) -> None:
        rows = [
            {"import_id": import_id, "number": number, **dict(record)}
            for number, record in enumerate(refused, first)
        ]
        if rows:
            self._connection.execute(insert(import_refusals), rows)

    def refusals(self, import_id: str, after: int, limit: int) -> Sequence[RefusedRecord]:
        rows = self._connection.execute(
            select(import_refusals.c.line, import_refusals.c.reference, import_refusals.c.reason)
            .where(import_refusals.c.import_id == import_id, import_refusals.c.number >= after)
            .order_by(import_refusals.c.number)
            .limit(limit)
        )
        return [RefusedRecord.model_validate(dict(row._mapping)) for row in rows]

    def met_before(self, import_id: str, isbns: Collection[Isbn]) -> Mapping[Isbn, int]:
        rows = self._connection.execute(
            _MET, {"id": import_id, "isbns": [int(isbn) for isbn in isbns]}
        )
        return {Isbn(f"{isbn:013d}"): line for isbn, line in rows}

    def met(self, import_id: str, lines: Mapping[Isbn, int]) -> None:
        if lines:
            columns: dict[str, list[Any]] = {
                "import_id": [import_id] * len(lines),
                "isbn": [int(isbn) for isbn in lines],
                "line": [*lines.values()],
            }
            execute_columns(self._connection, _MEET, columns)

    def forget_met(self, import_id: str) -> bool:
        mine = import_isbns.c.import_id == import_id
        some = select(import_isbns.c.isbn).where(mine).limit(_FORGOTTEN_AT_ONCE)
        gone = self._connection.execute(
            delete(import_isbns).where(mine, import_isbns.c.isbn.in_(some))
        )
        return gone.rowcount < _FORGOTTEN_AT_ONCE

    def old(self, states: Collection[ImportState], before: datetime, limit: int) -> Sequence[str]:
        rows = self._connection.scalars(
            select(imports.c.id)
            .where(imports.c.state.in_(states), imports.c.updated_at < before)
            .order_by(imports.c.updated_at)
            .limit(limit)
        )
        return list(rows)

    def forget(self, import_id: str, states: Collection[ImportState]) -> bool:
        mine = imports.c.id == import_id
        claimed = self._connection.execute(
            update(imports)
            .where(mine, imports.c.state.in_(states))
            .values(epoch=imports.c.epoch + 1)
        )
        if claimed.rowcount == 0:
            return False
        for table in (import_refusals, import_isbns):
            self._connection.execute(delete(table).where(table.c.import_id == import_id))
        self._connection.execute(delete(imports).where(mine))
        return True


def _nobody_works(machine_now: datetime) -> ColumnElement[bool]:
    return or_(
        imports.c.state == "waiting",
        and_(imports.c.state == "running", imports.c.leased_until <= machine_now),
    )


def _stored(row: Row[Any]) -> StoredImport:
    return StoredImport(
        id=row.id,
        state=row.state,
        file_name=row.file_name,
        options=ImportOptions.model_validate_json(row.options),
        progress=Progress.model_validate_json(row.progress),
        actor=row.actor,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
