"""`indexing.index_edition` for many new editions at once, in a fixed number of statements."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from functions.inventory.store.cards import BookRecord
from functions.inventory.store.indexing import (
    SHELVES,
    listing_row,
    search_document,
    shelf_rows,
)
from functions.inventory.store.search_terms import term_row
from functions.inventory.store.search_words import plain_words
from functions.inventory.store.tables import (
    categories,
    category_counts,
    category_listings,
    changes,
    contributors,
    edition_categories,
    edition_contributors,
    editions,
    listings,
    search_documents,
    search_terms,
    series,
    stock,
    works,
)

_BATCH = 1_000
"""SQL Server takes at most 2,100 parameters in a statement."""

_ISBNS = bindparam("isbns", expanding=True)
_EDITIONS = (
    select(
        editions,
        works.c.original_language,
        works.c.first_published,
        works.c.series_id,
        works.c.series_volume,
        series.c.title.label("series_title"),
        stock.c.on_hand,
        stock.c.reserved,
        stock.c.sold,
    )
    .join_from(editions, works)
    .join(stock, stock.c.isbn == editions.c.isbn)
    .outerjoin(series, series.c.id == works.c.series_id)
    .where(editions.c.isbn.in_(_ISBNS))
)
_CONTRIBUTORS = (
    select(
        edition_contributors.c.isbn,
        contributors.c.id,
        contributors.c.name,
        edition_contributors.c.role,
    )
    .join_from(edition_contributors, contributors)
    .where(edition_contributors.c.isbn.in_(_ISBNS))
    .order_by(edition_contributors.c.isbn, edition_contributors.c.position)
)
_CATEGORY = (categories.c.id, categories.c.slug, categories.c.name, categories.c.parent_id)
_CATEGORIES = (
    select(edition_categories.c.isbn, *_CATEGORY)
    .join_from(edition_categories, categories)
    .where(edition_categories.c.isbn.in_(_ISBNS))
    .order_by(categories.c.name, categories.c.id)
)
_PARENTS = select(*_CATEGORY).where(categories.c.id.in_(bindparam("ids", expanding=True)))


def index_new_editions(connection: Connection, isbns: Sequence[int], today: date) -> None:
    """After at most a thousand editions were added that were not there before."""
    books = _read(connection, isbns)
    rows = [listing_row(book, today) for book in books]
    connection.execute(insert(listings), rows)
    for shelf, owner, owners in SHELVES:
        placed = [place for row in rows for place in shelf_rows(row, owner, owners)]
        if placed:
            connection.execute(insert(shelf), placed)
        if shelf is category_listings:
            _count_categories(connection, Counter(place[owner] for place in placed))
    documents = [search_document(book) for book in books]
    # Full text in SQLite empties its buffer whenever a document comes before the one just added.
    connection.execute(insert(search_documents), sorted(documents, key=lambda one: one["id"]))
    _count_words(
        connection, Counter(word for one in documents for word in plain_words(one["words"]))
    )
    touched = sorted({book.edition.work_id for book in books})
    connection.execute(
        insert(changes), [{"work_id": work_id, "catalogue": 1} for work_id in touched]
    )


def _read(connection: Connection, isbns: Sequence[int]) -> list[BookRecord]:
    shelves = list(connection.execute(_CATEGORIES, {"isbns": isbns}))
    known = _with_ancestors(connection, shelves)
    own = defaultdict(list)
    for row in shelves:
        own[row.isbn].append(known[row.id])
    people = defaultdict(list)
    for row in connection.execute(_CONTRIBUTORS, {"isbns": isbns}):
        people[row.isbn].append(row)
    return [
        BookRecord(row, people[row.isbn], own[row.isbn], _ancestry(own[row.isbn], known))
        for row in connection.execute(_EDITIONS, {"isbns": isbns})
    ]


def _with_ancestors(connection: Connection, shelves: Iterable[Any]) -> dict[int, Any]:
    """All categories by their ids, with those above them."""
    known = {row.id: row for row in shelves}
    while missing := {row.parent_id for row in known.values()} - known.keys() - {None}:
        known |= {row.id: row for row in connection.execute(_PARENTS, {"ids": sorted(missing)})}
    return known


def _ancestry(own: Sequence[Any], known: dict[int, Any]) -> list[Any]:
    found: dict[int, Any] = {}
    for category in own:
        step = category
        while step is not None:
            found[step.id] = step
            step = known.get(step.parent_id)
    return list(found.values())


def _count_categories(connection: Connection, added: Counter[int]) -> None:
    if not added:
        return
    counted = category_counts.c.category_id
    known = set(connection.scalars(select(counted).where(counted.in_(sorted(added)))))
    _add(
        connection,
        update(category_counts)
        .where(counted == bindparam("key"))
        .values(books=category_counts.c.books + bindparam("more")),
        {key: more for key, more in added.items() if key in known},
    )
    new = [{"category_id": key, "books": more} for key, more in added.items() if key not in known]
    if new:
        connection.execute(insert(category_counts), new)


def _count_words(connection: Connection, added: Counter[str]) -> None:
    words = sorted(added)
    term = search_terms.c.term
    known: set[str] = set()
    for start in range(0, len(words), _BATCH):
        some = words[start : start + _BATCH]
        known |= set(connection.scalars(select(term).where(term.in_(some))))
    _add(
        connection,
        update(search_terms)
        .where(term == bindparam("key"))
        .values(documents=search_terms.c.documents + bindparam("more")),
        {word: added[word] for word in words if word in known},
    )
    new = [term_row(word, added[word]) for word in words if word not in known]
    if new:
        connection.execute(insert(search_terms), new)


def _add(connection: Connection, statement: Any, added: dict[Any, int]) -> None:
    if added:
        connection.execute(statement, [{"key": key, "more": more} for key, more in added.items()])
