"""What readers see of editions, written anew for many at once in a fixed number of statements."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Connection,
    Update,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from functions.inventory.store import full_text
from functions.inventory.store.cards import BookRecord
from functions.inventory.store.indexing import (
    SHELVES,
    listing_row,
    search_document,
)
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
    series,
    stock,
    works,
)
from functions.inventory.store.word_counts import count_words
from functions.inventory.words import BookWords
from shared.sql.lists import is_listed, pairs
from shared.sql.many import execute_columns, execute_many

_READ = (
    "isbn work_id title sort_title subtitle description format language published_on on_sale_on"
    " price_amount price_currency cover cover_colour withdrawn"
)
_EDITIONS = (
    select(
        *(editions.c[name] for name in _READ.split()),
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
    .where(is_listed(editions.c.isbn, "isbns"))
)
_CONTRIBUTORS = (
    select(
        edition_contributors.c.isbn,
        contributors.c.id,
        contributors.c.name,
        edition_contributors.c.role,
    )
    .join_from(edition_contributors, contributors)
    .where(is_listed(edition_contributors.c.isbn, "isbns"))
    .order_by(edition_contributors.c.isbn, edition_contributors.c.position)
)
_LISTED = (
    select(
        listings.c.isbn,
        listings.c.category_ids,
        listings.c.contributor_ids,
        search_documents.c.words,
    )
    .join_from(listings, search_documents, search_documents.c.isbn == listings.c.isbn)
    .where(is_listed(listings.c.isbn, "isbns"))
)
CATEGORY = (categories.c.id, categories.c.slug, categories.c.name, categories.c.parent_id)
_CATEGORIES = (
    select(edition_categories.c.isbn, *CATEGORY)
    .join_from(edition_categories, categories)
    .where(is_listed(edition_categories.c.isbn, "isbns"))
    .order_by(categories.c.name, categories.c.id)
)
_PARENTS = select(*CATEGORY).where(is_listed(categories.c.id, "ids"))
_COUNTED = select(category_counts.c.category_id).where(
    is_listed(category_counts.c.category_id, "ids")
)
_MORE_BOOKS = (
    update(category_counts)
    .where(category_counts.c.category_id == bindparam("key"))
    .values(books=category_counts.c.books + bindparam("more"))
)
_REPEATED = [column.name for column in category_listings.c if column.name != "category_id"]
_OFF_SHELF = {
    shelf: delete(shelf).where(
        shelf.c[owner] == bindparam("owner"), shelf.c.isbn == bindparam("edition")
    )
    for shelf, owner, _ in SHELVES
}
_PLACES = pairs("places").alias("places")
_ON_SHELF = {
    shelf: insert(shelf).from_select(
        [owner, *_REPEATED],
        select(_PLACES.c.one, *(listings.c[name] for name in _REPEATED)).join_from(
            _PLACES, listings, listings.c.isbn == _PLACES.c.other
        ),
    )
    for shelf, owner, _ in SHELVES
}
_OFF = [
    delete(table).where(is_listed(table.c.isbn, "isbns")) for table in (search_documents, listings)
]
_PUT = {table: insert(table) for table in (listings, search_documents, category_counts, changes)}


def index_editions(
    connection: Connection,
    isbns: Sequence[int],
    today: date,
    words: Mapping[int, BookWords] | None = None,
    added: Sequence[BookRecord] = (),
) -> None:
    """After at most a thousand editions were added, changed, withdrawn or brought back.

    `added` are editions besides those, which are new and need not be read. For `words` see
    `words_of`.
    """
    known_words = _take_off(connection, isbns) if isbns else {}
    books = [*added, *(_read(connection, isbns) if isbns else ())]
    offered = [book for book in books if not book.edition.withdrawn]
    if offered:
        _put_on(connection, offered, known_words, today, words or {})
    touched = sorted({book.edition.work_id for book in books})
    if touched:
        columns = {"work_id": touched, "catalogue": [1] * len(touched)}
        execute_columns(connection, _PUT[changes], columns)


def _take_off(connection: Connection, isbns: Sequence[int]) -> dict[int, frozenset[str]]:
    """Removes what was listed, and returns the words under which it was found."""
    former = connection.execute(_LISTED, {"isbns": isbns}).all()
    if not former:
        return {}
    for shelf, _, owners in SHELVES:
        places = [
            {"owner": int(owner_id), "edition": row.isbn}
            for row in former
            for owner_id in getattr(row, owners).split()
        ]
        if places:
            execute_many(connection, _OFF_SHELF[shelf], places)
        if shelf is category_listings:
            _count_categories(connection, Counter(place["owner"] for place in places), -1)
    listed = [row.isbn for row in former]
    full_text.take_out(connection, listed)
    for taken_off in _OFF:
        connection.execute(taken_off, {"isbns": listed})
    return {row.isbn: frozenset(plain_words(row.words)) for row in former}


def _put_on(
    connection: Connection,
    books: Sequence[BookRecord],
    known_words: Mapping[int, frozenset[str]],
    today: date,
    words: Mapping[int, BookWords],
) -> None:
    # In the order of the indexes that are scattered most, neighbours fall into the same pages.
    rows = sorted((listing_row(book, today) for book in books), key=itemgetter("sort_title"))
    execute_many(connection, _PUT[listings], rows)
    for shelf, _, owners in SHELVES:
        places = sorted((int(owner), row["isbn"]) for row in rows for owner in row[owners].split())
        if places:
            connection.execute(_ON_SHELF[shelf], {"places": places})
        if shelf is category_listings:
            _count_categories(connection, Counter(owner for owner, _ in places), +1)
    found = [search_document(book, words) for book in books]
    execute_many(connection, _PUT[search_documents], [document for document, _ in found])
    full_text.put_in(connection, [document["isbn"] for document, _ in found])
    new_words: Counter[str] = Counter()
    for document, own in found:
        before = known_words.get(document["isbn"])
        new_words.update(own if before is None else set(own) - before)
    count_words(connection, new_words)


def _read(connection: Connection, isbns: Sequence[int]) -> list[BookRecord]:
    shelves = connection.execute(_CATEGORIES, {"isbns": isbns}).all()
    known = with_ancestors(connection, shelves)
    own = defaultdict(list)
    for shelf in shelves:
        own[shelf.isbn].append(known[shelf.id])
    people = defaultdict(list)
    for person in connection.execute(_CONTRIBUTORS, {"isbns": isbns}).all():
        people[person.isbn].append(person)
    return [
        BookRecord(row, people[row.isbn], own[row.isbn], ancestry(own[row.isbn], known))
        for row in connection.execute(_EDITIONS, {"isbns": isbns}).all()
    ]


def with_ancestors(connection: Connection, shelves: Iterable[Any]) -> dict[int, Any]:
    """All categories by their ids, with those above them."""
    known: dict[int, Any] = {row.id: row for row in shelves}
    while missing := {row.parent_id for row in known.values()} - known.keys() - {None}:
        known |= {row.id: row for row in connection.execute(_PARENTS, {"ids": sorted(missing)})}
    return known


def ancestry(own: Sequence[Any], known: dict[int, Any]) -> list[Any]:
    found: dict[int, Any] = {}
    for category in own:
        step = category
        while step is not None:
            found[step.id] = step
            step = known.get(step.parent_id)
    return list(found.values())


def _count_categories(connection: Connection, books: Counter[int], sign: int) -> None:
    known = set(connection.scalars(_COUNTED, {"ids": sorted(books)}))
    _add(
        connection,
        _MORE_BOOKS,
        {key: sign * number for key, number in books.items() if key in known},
    )
    new = [
        {"category_id": key, "books": sign * number}
        for key, number in books.items()
        if key not in known
    ]
    if new:
        execute_many(connection, _PUT[category_counts], new)


def _add(connection: Connection, statement: Update, added: Mapping[Any, int]) -> None:
    if added:
        execute_many(
            connection, statement, [{"key": key, "more": more} for key, more in added.items()]
        )
