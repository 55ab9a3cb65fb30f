"""What was sent in for an edition and is not part of what is said of it."""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from functions.inventory.store.tables import edition_media
from shared.kit.isbn import Isbn


class SqlMedia:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def expect_cover(self, isbn: Isbn, upload: str) -> None:
        self._put(isbn, expected_cover=upload)

    def expected_cover(self, isbn: Isbn) -> str | None:
        return self._connection.scalar(
            select(edition_media.c.expected_cover).where(edition_media.c.isbn == int(isbn))
        )

    def cover_made(self, isbn: Isbn, upload: str) -> bool:
        made = self._connection.execute(
            update(edition_media)
            .where(edition_media.c.isbn == int(isbn), edition_media.c.expected_cover == upload)
            .values(expected_cover=None)
        )
        return made.rowcount == 1

    def put_sample(self, isbn: Isbn, name: str) -> None:
        self._put(isbn, sample=name)

    def _put(self, isbn: Isbn, **values: Any) -> None:
        """The edition was claimed, so nobody else adds its row meanwhile."""
        changed = self._connection.execute(
            update(edition_media).where(edition_media.c.isbn == int(isbn)).values(**values)
        )
        if changed.rowcount == 0:
            self._connection.execute(insert(edition_media).values(isbn=int(isbn), **values))
