"""Editions as admins and imports write them, in batches of up to a thousand.

A batch takes a fixed number of statements, whatever its size. Readers' tables follow at its end.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from functions.inventory.model import BookDetails, Cover, NewBook, NewCategory, StoredEdition
from functions.inventory.read_model import Detail
from functions.inventory.store import references
from functions.inventory.store.added import Links, added_records
from functions.inventory.store.bulk_indexing import index_editions
from functions.inventory.store.cards import BookRecord
from functions.inventory.store.detail import details
from functions.inventory.store.details import read_details
from functions.inventory.store.references import Named
from functions.inventory.store.stock import touch
from functions.inventory.store.tables import (
    edition_categories,
    edition_contributors,
    editions,
    stock,
    stock_ledger,
)
from functions.inventory.words import BookWords, name_key, title_key
from shared.kit.isbn import Isbn
from shared.sql.lists import is_listed
from shared.sql.many import execute_columns, execute_many

_AT_ONCE = 1_000
_COPIED = (
    "title subtitle description format language publisher imprint published_on on_sale_on pages"
)
_SIZES = "height_mm width_mm thickness_mm weight_g"
_COLUMNS = (*_COPIED.split(), *_SIZES.split(), "price_amount", "price_currency")
_said_of = attrgetter(
    *_COPIED.split(),
    *(f"dimensions.{size}" for size in _SIZES.split()),
    "price.amount",
    "price.currency",
)
"""What an edition says of itself, in the order of `_COLUMNS`."""
_WORKS_OF = select(editions.c.isbn, editions.c.work_id).where(is_listed(editions.c.isbn, "isbns"))
_EDITIONS_OF = select(editions.c.isbn).where(is_listed(editions.c.work_id, "works"))
_UNLINK = [
    delete(links).where(is_listed(links.c.isbn, "isbns"))
    for links in (edition_contributors, edition_categories)
]
_PUT = {
    table: insert(table)
    for table in (editions, stock, stock_ledger, edition_contributors, edition_categories)
}


class SqlEditions:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._words: dict[int, BookWords] = {}

    def foretell(self, words: Mapping[Isbn, BookWords]) -> None:
        self._words.update({int(isbn): known for isbn, known in words.items()})

    def stored(self, isbns: Collection[Isbn]) -> Mapping[Isbn, StoredEdition]:
        return read_details(self._connection, isbns)

    def count(self) -> int:
        return self._connection.scalar(select(func.count()).select_from(editions)) or 0

    def detail(self, isbn: Isbn) -> Detail:
        return details(self._connection, [int(isbn)])[int(isbn)]

    def category_slugs(self, names: Iterable[str]) -> Mapping[str, str]:
        return references.category_slugs(self._connection, names)

    def put_categories(self, tree: Sequence[NewCategory]) -> None:
        references.put_categories(self._connection, tree)

    def add(self, books: Sequence[NewBook], reason: str, actor: str | None) -> bool:
        placed = references.series_of(self._connection, books)
        titles = {book.isbn: self._title_key(book) for book in books}
        in_work, founders = self._works_of_new(books, titles, placed)
        shared = {"withdrawn": 0, "version": 1, "created_at": self._now, "updated_at": self._now}
        columns: dict[str, Sequence[Any]] = {
            "isbn": [int(book.isbn) for book in books],
            "work_id": [in_work[book.isbn] for book in books],
            "sort_title": [*titles.values()],
            **dict(zip(_COLUMNS, zip(*map(_said_of, books), strict=True), strict=True)),
            **_same(shared, len(books)),
        }
        try:
            execute_columns(self._connection, _PUT[editions], columns)
        except IntegrityError:
            return False
        self._receive(books, reason, actor)
        said = {book.isbn: book for book in books}
        people, shelves = self._link(said)
        joined = [isbn for isbn in said if isbn not in founders]
        changed = references.update_works(
            self._connection,
            [(in_work[isbn], said[isbn]) for isbn in joined],
            placed,
            only_fill=True,
        )
        as_said = [
            (said[isbn], in_work[isbn], titles[isbn])
            for isbn in said
            if isbn in founders and in_work[isbn] not in changed
        ]
        records = added_records(self._connection, as_said, Links(people, shelves, placed))
        known = {book.isbn for book, *_ in as_said}
        self._tell([isbn for isbn in said if isbn not in known], changed, records)
        return True

    def claim(self, isbn: Isbn, version: int, *, withdrawn: bool) -> bool:
        claimed = self._connection.execute(
            update(editions)
            .where(editions.c.isbn == int(isbn), editions.c.version == version)
            .values(version=version + 1, updated_at=self._now, withdrawn=int(withdrawn))
        )
        return claimed.rowcount == 1

    def claim_all(self, isbns: Collection[Isbn]) -> None:
        self._connection.execute(
            update(editions)
            .where(is_listed(editions.c.isbn, "isbns"))
            .values(version=editions.c.version + 1, updated_at=self._now),
            {"isbns": _numbers(isbns)},
        )

    def replace(self, said: Mapping[Isbn, BookDetails], *, only_fill: bool = False) -> None:
        in_work = self._works_of(said)
        self._connection.execute(
            update(editions).where(editions.c.isbn == bindparam("edition")),
            [{"edition": int(isbn), **_values(details)} for isbn, details in said.items()],
        )
        for unlink in _UNLINK:
            self._connection.execute(unlink, {"isbns": _numbers(said)})
        self._link(said)
        references.retitle_works(
            self._connection, [(in_work[isbn], isbn, details) for isbn, details in said.items()]
        )
        changed = references.update_works(
            self._connection,
            [(in_work[isbn], details) for isbn, details in said.items()],
            references.series_of(self._connection, said.values()),
            only_fill=only_fill,
        )
        self._tell(said, changed)

    def put_covers(self, covers: Mapping[Isbn, Cover]) -> None:
        self._connection.execute(
            update(editions).where(editions.c.isbn == bindparam("edition")),
            [
                {"edition": int(isbn), "cover": cover.name, "cover_colour": cover.colour}
                for isbn, cover in covers.items()
            ],
        )
        touch(self._connection, _numbers(covers))
        self.show(covers)

    def withdrawn(self, isbn: Isbn) -> None:
        self.show([isbn])

    def without_cover(self, after: Isbn, limit: int) -> Sequence[Isbn]:
        rows = self._connection.scalars(
            select(editions.c.isbn)
            .where(
                editions.c.isbn > int(after), editions.c.cover.is_(None), editions.c.withdrawn == 0
            )
            .order_by(editions.c.isbn)
            .limit(limit)
        )
        return [Isbn(f"{isbn:013d}") for isbn in rows]

    def _works_of(self, isbns: Collection[Isbn]) -> dict[Isbn, int]:
        if not isbns:
            return {}
        rows = self._connection.execute(_WORKS_OF, {"isbns": _numbers(isbns)})
        return {Isbn(f"{isbn:013d}"): work_id for isbn, work_id in rows.all()}

    def _title_key(self, book: NewBook) -> str:
        foretold = self._words.get(int(book.isbn))
        if foretold is not None and foretold.texts[0] == book.title:
            return foretold.title_key
        return title_key(book.title)

    def _works_of_new(
        self, books: Sequence[NewBook], titles: Mapping[Isbn, str], placed: Mapping[str, Named]
    ) -> tuple[dict[Isbn, int], set[Isbn]]:
        """The work of each, and the books whose words are those of a work that was made here."""
        named = self._works_of([book.work_of for book in books if book.work_of])
        keys = {
            book.isbn: references.match_key(book, titles[book.isbn])
            for book in books
            if not book.work_of
        }
        known = references.matching_works(self._connection, keys.values())
        new = {
            keys[book.isbn]: book
            for book in reversed(books)
            if book.isbn in keys and keys[book.isbn] not in known
        }
        known |= references.make_works(self._connection, new, placed)
        in_work = {isbn: known[key] for isbn, key in keys.items()}
        for book in books:
            if book.work_of:
                in_work[book.isbn] = named.get(book.work_of) or in_work[book.work_of]
        return in_work, {book.isbn for book in new.values()}

    def _receive(self, books: Sequence[NewBook], reason: str, actor: str | None) -> None:
        said = {
            "isbn": [int(book.isbn) for book in books],
            "on_hand": [book.stock for book in books],
        }
        shelf = {"reserved": 0, "sold": 0, "version": 1}
        execute_columns(self._connection, _PUT[stock], {**said, **_same(shelf, len(books))})
        came = [book for book in books if book.stock]
        if came:
            said = {
                "isbn": [int(book.isbn) for book in came],
                "delta": [book.stock for book in came],
            }
            entry = {"kind": "received", "reason": reason, "actor": actor, "at": self._now}
            execute_columns(
                self._connection, _PUT[stock_ledger], {**said, **_same(entry, len(came))}
            )

    def _link(
        self, said: Mapping[Isbn, BookDetails]
    ) -> tuple[Mapping[str, Named], Mapping[str, int]]:
        """The people by `name_key`, and the categories by the names that are used."""
        people = references.contributors_named(
            self._connection,
            [person.name for details in said.values() for person in details.contributors],
        )
        execute_many(
            self._connection,
            _PUT[edition_contributors],
            [
                {
                    "isbn": int(isbn),
                    "position": position,
                    "contributor_id": people[name_key(person.name)].id,
                    "role": person.role,
                }
                for isbn, details in said.items()
                for position, person in enumerate(details.contributors)
            ],
        )
        shelves = references.category_ids(
            self._connection, [name for details in said.values() for name in details.categories]
        )
        placed = [
            {"isbn": int(isbn), "category_id": shelf}
            for isbn, details in said.items()
            for shelf in {shelves[name] for name in details.categories}
        ]
        if placed:
            execute_many(self._connection, _PUT[edition_categories], placed)
        return people, shelves

    def _tell(
        self,
        isbns: Collection[Isbn],
        changed_works: Collection[int],
        added: Sequence[BookRecord] = (),
    ) -> None:
        """Readers, of these editions and of the other ones of works that changed; what admins edit
        of those has changed with their work.
        """
        told = set(isbns)
        siblings = [isbn for isbn in self._editions_of(changed_works) if isbn not in told]
        self._show(isbns, added)
        if siblings:
            self.claim_all(siblings)
        for start in range(0, len(siblings), _AT_ONCE):
            self.show(siblings[start : start + _AT_ONCE])

    def show(self, isbns: Iterable[Isbn]) -> None:
        self._show(isbns)

    def _show(self, isbns: Iterable[Isbn], added: Sequence[BookRecord] = ()) -> None:
        today = self._now.date()
        index_editions(self._connection, _numbers(isbns), today, self._words, added)

    def _editions_of(self, work_ids: Collection[int]) -> list[Isbn]:
        if not work_ids:
            return []
        rows = self._connection.scalars(_EDITIONS_OF, {"works": list(work_ids)})
        return [Isbn(f"{isbn:013d}") for isbn in rows]


def _numbers(isbns: Iterable[Isbn]) -> list[int]:
    return [int(isbn) for isbn in isbns]


def _same(values: Mapping[str, Any], count: int) -> dict[str, list[Any]]:
    """Columns that say the same in every row."""
    return {name: [value] * count for name, value in values.items()}


def _values(details: BookDetails) -> dict[str, Any]:
    values = dict(zip(_COLUMNS, _said_of(details), strict=True))
    return {**values, "sort_title": title_key(details.title)}
