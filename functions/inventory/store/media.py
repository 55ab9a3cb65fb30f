"""What was sent in for an edition and is not part of what is said of it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from functions.inventory.media_model import PUBLIC, UPLOADS, StoredBlob, cover_name
from functions.inventory.store.tables import edition_media, editions, retired_blobs
from shared.kit.isbn import Isbn

_UPLOADED = (edition_media.c.expected_cover, edition_media.c.shown_cover, edition_media.c.sample)


class SqlMedia:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def expect_cover(self, isbn: Isbn, upload: str) -> None:
        self._retire_former(edition_media.c.expected_cover, UPLOADS, isbn, upload)
        self._put(isbn, expected_cover=upload)

    def expected_cover(self, isbn: Isbn) -> str | None:
        return self._connection.scalar(
            select(edition_media.c.expected_cover).where(edition_media.c.isbn == int(isbn))
        )

    def cover_made(self, isbn: Isbn, upload: str) -> bool:
        self._retire_former(edition_media.c.shown_cover, UPLOADS, isbn, upload)
        made = self._connection.execute(
            update(edition_media)
            .where(edition_media.c.isbn == int(isbn), edition_media.c.expected_cover == upload)
            .values(expected_cover=None, shown_cover=upload)
        )
        return made.rowcount == 1

    def put_sample(self, isbn: Isbn, name: str) -> None:
        self._retire_former(edition_media.c.sample, PUBLIC, isbn, name)
        self._put(isbn, sample=name)

    def retire(self, blob: StoredBlob) -> None:
        if self.keep(blob):
            row = {"container": blob.container, "name": blob.name}
            self._connection.execute(
                insert(retired_blobs).values(**row, retired_at=self._now, leaving=0)
            )

    def keep(self, blob: StoredBlob) -> bool:
        self._connection.execute(
            delete(retired_blobs).where(_is(blob), retired_blobs.c.leaving == 0)
        )
        return not self._connection.scalar(
            select(func.count()).select_from(retired_blobs).where(_is(blob))
        )

    def leaving(self, container: str, before: datetime, limit: int) -> Sequence[StoredBlob]:
        due = self._connection.scalars(
            select(retired_blobs.c.name)
            .where(
                retired_blobs.c.container == container,
                or_(retired_blobs.c.retired_at < before, retired_blobs.c.leaving == 1),
            )
            .order_by(retired_blobs.c.retired_at)
            .limit(limit)
        ).all()
        shown = self._shown(due)
        of_these = and_(retired_blobs.c.container == container, retired_blobs.c.name.in_(due))
        self._connection.execute(
            delete(retired_blobs).where(
                of_these, retired_blobs.c.leaving == 0, retired_blobs.c.name.in_(shown)
            )
        )
        self._connection.execute(update(retired_blobs).where(of_these).values(leaving=1))
        left = self._connection.scalars(select(retired_blobs.c.name).where(of_these))
        return [StoredBlob(container, name) for name in left]

    def gone(self, blobs: Collection[StoredBlob]) -> None:
        for blob in blobs:
            self._connection.execute(delete(retired_blobs).where(_is(blob)))

    def _shown(self, names: Collection[str]) -> list[str]:
        """Those that an edition names, in any way."""
        found: set[str] = set()
        for column in _UPLOADED:
            found.update(
                name
                for name in self._connection.scalars(select(column).where(column.in_(names)))
                if name
            )
        covers = {cover_name(name): name for name in names}
        drawn = select(editions.c.cover).distinct().where(editions.c.cover.in_(covers))
        found.update(covers[cover] for cover in self._connection.scalars(drawn) if cover)
        return sorted(found)

    def _retire_former(self, column: Column[Any], container: str, isbn: Isbn, new: str) -> None:
        former = self._connection.scalar(select(column).where(edition_media.c.isbn == int(isbn)))
        if former is not None and former != new:
            self.retire(StoredBlob(container, former))

    def _put(self, isbn: Isbn, **values: Any) -> None:
        """The edition was claimed, so nobody else adds its row meanwhile."""
        changed = self._connection.execute(
            update(edition_media).where(edition_media.c.isbn == int(isbn)).values(**values)
        )
        if changed.rowcount == 0:
            self._connection.execute(insert(edition_media).values(isbn=int(isbn), **values))


def _is(blob: StoredBlob) -> ColumnElement[bool]:
    return and_(retired_blobs.c.container == blob.container, retired_blobs.c.name == blob.name)
