"""One book in full, in two look-ups by key."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from functions.inventory.read_model import Detail, Listed
from functions.inventory.store.cards import card, read_book
from functions.inventory.store.listing import SHOWN
from functions.inventory.store.tables import edition_media, editions, listings, stock, works
from shared.sql.lists import is_listed

_MOST_OTHERS = 100

_REST = (
    editions.c.description,
    editions.c.publisher,
    editions.c.imprint,
    editions.c.on_sale_on,
    editions.c.pages,
    works.c.original_language,
    works.c.first_published,
    editions.c.height_mm,
    editions.c.width_mm,
    editions.c.thickness_mm,
    editions.c.weight_g,
    edition_media.c.sample,
)
_BOOKS = (
    select(
        editions.c.isbn,
        editions.c.work_id,
        listings.c.card,
        editions.c.cover,
        editions.c.cover_colour,
        editions.c.on_sale_on.label("embargoed_until"),
        stock.c.on_hand,
        stock.c.reserved,
        editions.c.isbn.label("key"),
        editions.c.withdrawn,
        editions.c.version,
        stock.c.version.label("stock_version"),
        *_REST,
    )
    .select_from(
        editions.join(works, works.c.id == editions.c.work_id)
        .join(stock, stock.c.isbn == editions.c.isbn)
        .outerjoin(listings, listings.c.isbn == editions.c.isbn)
        .outerjoin(edition_media, edition_media.c.isbn == editions.c.isbn)
    )
    .where(is_listed(editions.c.isbn, "isbns"))
)
_OTHERS = (
    select(*SHOWN, listings.c.isbn.label("key"))
    .join_from(listings, stock, stock.c.isbn == listings.c.isbn)
    .where(is_listed(listings.c.work_id, "work_ids"))
    .order_by(listings.c.isbn)
    .limit(_MOST_OTHERS)
)
_COLUMNS_OF_LISTED = 9


def details(connection: Connection, isbns: Iterable[int]) -> dict[int, Detail]:
    """Withdrawn editions too; an ISBN that no edition has is left out."""
    found = list(connection.execute(_BOOKS, {"isbns": list(isbns)}))
    works_found = sorted({row.work_id for row in found})
    others = [Listed(*row) for row in connection.execute(_OTHERS, {"work_ids": works_found})]
    return {row.isbn: _detail(connection, row, others) for row in found}


def _detail(connection: Connection, row: Any, others: list[Listed]) -> Detail:
    book = Listed(*row[:_COLUMNS_OF_LISTED])
    if row.card is None:
        book = _off_the_shelves(connection, book)
    return Detail(
        book=book,
        rest={
            "description": row.description,
            "publisher": row.publisher,
            "imprint": row.imprint,
            "on_sale_on": None if row.on_sale_on is None else row.on_sale_on.isoformat(),
            "pages": row.pages,
            "original_language": row.original_language,
            "first_published": row.first_published,
            "dimensions": {
                "height_mm": row.height_mm,
                "width_mm": row.width_mm,
                "thickness_mm": row.thickness_mm,
                "weight_g": row.weight_g,
            },
            "sample": row.sample,
            "version": row.version,
        },
        withdrawn=bool(row.withdrawn),
        version=row.version,
        stock_version=row.stock_version,
        others=tuple(one for one in others if one.work_id == row.work_id and one.isbn != row.isbn),
    )


def _off_the_shelves(connection: Connection, book: Listed) -> Listed:
    record = read_book(connection, book.isbn)
    assert record is not None
    made = card(record.edition, record.contributors, record.categories)
    return Listed(
        book.isbn,
        book.work_id,
        made,
        book.cover,
        book.cover_colour,
        book.embargoed_until,
        book.on_hand,
        book.reserved,
        book.key,
    )
