"""Keeps the read model true: called by every writer, inside its own transaction, last.

The full-text index follows a document that moves by itself (`full_text`).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from functions.inventory.store.cards import BookRecord, card
from functions.inventory.store.popularity import document_id, sold_key
from functions.inventory.store.search_words import words_of
from functions.inventory.store.tables import (
    NO_DATE,
    category_listings,
    changes,
    contributor_listings,
    editions,
    listings,
    search_documents,
    stock,
)
from functions.inventory.words import BookWords

_CHANGES_KEPT = 100_000
_PRUNED_EVERY = 1_000

SHELVES: tuple[tuple[Table, str, str], ...] = (
    (category_listings, "category_id", "category_ids"),
    (contributor_listings, "contributor_id", "contributor_ids"),
)
_STOCK = (
    select(
        stock.c.on_hand,
        stock.c.reserved,
        stock.c.sold,
        editions.c.on_sale_on,
        editions.c.work_id,
        listings.c.in_stock,
        listings.c.sold.label("listed_sold"),
        listings.c.category_ids,
        listings.c.contributor_ids,
        search_documents.c.id.label("document_id"),
    )
    .select_from(
        stock.join(editions, editions.c.isbn == stock.c.isbn)
        .outerjoin(listings, listings.c.isbn == stock.c.isbn)
        .outerjoin(search_documents, search_documents.c.isbn == stock.c.isbn)
    )
    .where(stock.c.isbn == bindparam("isbn"))
)
_ANNOUNCE = insert(changes)
_LIST = update(listings).where(listings.c.isbn == bindparam("the_isbn"))
_PLACES = [
    (
        update(shelf).where(
            shelf.c[owner] == bindparam("the_owner"), shelf.c.isbn == bindparam("the_isbn")
        ),
        owners,
    )
    for shelf, owner, owners in SHELVES
]
_FILE = update(search_documents).where(search_documents.c.isbn == bindparam("the_isbn"))


def index_stock(connection: Connection, isbn: int, today: date) -> None:
    """After any change of an edition's stock row; writes little where lists would look the same."""
    now = connection.execute(_STOCK, {"isbn": isbn}).one()
    _announce(connection, now.work_id)
    if now.in_stock is None:
        return
    in_stock = int(now.on_hand > now.reserved and not _embargoed(now.on_sale_on, today))
    sold = sold_key(now.sold)
    if (in_stock, sold) != (now.in_stock, now.listed_sold):
        values = {"in_stock": in_stock, "sold": sold}
        connection.execute(_LIST, {"the_isbn": isbn, **values})
        for change, owners in _PLACES:
            places = [
                {"the_isbn": isbn, "the_owner": owner_id, **values}
                for owner_id in _ids(getattr(now, owners))
            ]
            if places:
                connection.execute(change, places)
    document = document_id(isbn, now.sold)
    if document != now.document_id:
        connection.execute(_FILE, {"the_isbn": isbn, "id": document})


def end_embargoes(connection: Connection, today: date) -> int:
    """Puts on sale what may be sold from `today` on; returns how many editions that were.

    Their stock versions rise, since what readers see of them changes.
    """
    due = select(listings.c.isbn).where(listings.c.embargoed_until <= today)
    found = list(connection.scalars(due))
    for isbn in found:
        connection.execute(
            update(listings).where(listings.c.isbn == isbn), {"embargoed_until": None}
        )
        connection.execute(
            update(stock).where(stock.c.isbn == isbn).values(version=stock.c.version + 1)
        )
        index_stock(connection, isbn, today)
    return len(found)


def listing_row(book: BookRecord, today: date) -> dict[str, Any]:
    edition = book.edition
    embargoed = _embargoed(edition.on_sale_on, today)
    people = dict.fromkeys(person.id for person in book.contributors)
    return {
        "isbn": edition.isbn,
        "work_id": edition.work_id,
        "sort_title": edition.sort_title,
        "price_amount": edition.price_amount,
        "published": edition.published_on or NO_DATE,
        "sold": sold_key(edition.sold),
        "in_stock": int(edition.on_hand > edition.reserved and not embargoed),
        "format": edition.format,
        "language": edition.language,
        "embargoed_until": edition.on_sale_on if embargoed else None,
        "category_ids": " ".join([str(one.id) for one in book.ancestry]),
        "contributor_ids": " ".join(map(str, people)),
        "cover": edition.cover,
        "cover_colour": edition.cover_colour,
        "card": card(edition, book.contributors, book.categories),
    }


def search_document(
    book: BookRecord, words: Mapping[int, BookWords] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """A row of `search_documents`, and the plain words in it; for `words` see `words_of`."""
    edition = book.edition
    plain, marks = words_of(book, words or {})
    row = {
        "id": document_id(edition.isbn, edition.sold),
        "isbn": edition.isbn,
        "words": " ".join([*plain, marks]),
    }
    return row, plain


def _announce(connection: Connection, work_id: int) -> None:
    result = connection.execute(_ANNOUNCE, {"work_id": work_id, "catalogue": 0})
    key = result.inserted_primary_key
    if key is not None and key[0] % _PRUNED_EVERY == 0:
        connection.execute(delete(changes).where(changes.c.sequence <= key[0] - _CHANGES_KEPT))


def _embargoed(on_sale_on: date | None, today: date) -> bool:
    return on_sale_on is not None and on_sale_on > today


def _ids(text: str) -> list[int]:
    return [int(part) for part in text.split()]
