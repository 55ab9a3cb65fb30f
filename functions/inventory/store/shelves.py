"""What browsing reads, on one snapshot of the database at a time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from functions.inventory.read_model import (
    RANKED_HITS,
    Author,
    AuthorPlace,
    Category,
    Counts,
    Detail,
    Filters,
    Hits,
    Listed,
    PagePlace,
    Sort,
)
from functions.inventory.store import detail, indexing, listing, people
from functions.inventory.store.change_log import newest_change
from functions.inventory.store.search import FullText, question, suggestion
from functions.inventory.store.tables import listings
from functions.inventory.store.walk import After
from shared.sql.database import Database


class SqlShelves:
    def __init__(self, database: Database, full_text: FullText) -> None:
        self._database = database
        self._full_text = full_text

    @contextmanager
    def view(self, *, primary: bool) -> Iterator["SqlView"]:
        block = self._database.primary() if primary else self._database.read()
        with block as connection:
            yield SqlView(connection, self._full_text)

    def end_embargoes(self, today: date) -> None:
        due = select(listings.c.isbn).where(listings.c.embargoed_until <= today).limit(1)
        with self._database.primary() as connection:
            found = connection.scalar(due)
        if found is not None:
            self._database.run(lambda connection: indexing.end_embargoes(connection, today))


class SqlView:
    def __init__(self, connection: Connection, full_text: FullText) -> None:
        self._connection = connection
        self._full_text = full_text

    def version(self) -> int:
        return newest_change(self._connection)

    def category_id(self, slug: str) -> int | None:
        return people.category_id(self._connection, slug)

    def contributor_id(self, author: str) -> int | None:
        return people.contributor_id(self._connection, author)

    def page(
        self, filters: Filters, sort: Sort, after: PagePlace | None, limit: int
    ) -> list[Listed]:
        place = None if after is None else After(*after)
        return listing.page(self._connection, filters, sort, place, limit)

    def cards(self, isbns: Sequence[int]) -> list[Listed]:
        return listing.cards(self._connection, isbns)

    def details(self, isbns: Sequence[int]) -> dict[int, Detail]:
        return detail.details(self._connection, isbns)

    def ranked(self, text: str, filters: Filters) -> Hits:
        asked = question(self._connection, text, filters)
        if asked is None:
            return Hits((), approximate=False)
        return self._full_text.ranked(self._connection, asked, filters)

    def found_page(
        self,
        text: str,
        filters: Filters,
        sort: Sort,
        after: PagePlace | None,
        limit: int,
    ) -> tuple[list[Listed], bool]:
        asked = question(self._connection, text, filters)
        if asked is None:
            return [], False
        found, approximate = self._full_text.matching(self._connection, asked)
        place = None if after is None else After(*after)
        page = listing.sorted_page(self._connection, found, filters, sort, place, limit)
        return page, approximate

    def suggestion(self, text: str) -> str | None:
        return suggestion(self._connection, self._full_text, text)

    def counts(self, text: str | None, filters: Filters) -> Counts:
        if text is None:
            rows = listing.facts(self._connection, filters, RANKED_HITS + 1)
            return _counts(rows, at_least=False)
        asked = question(self._connection, text, filters)
        if asked is None:
            return _counts([], at_least=False)
        found, approximate = self._full_text.matching(self._connection, asked)
        return _counts(listing.facts_found(self._connection, found, filters), at_least=approximate)

    def author(self, number: int) -> Author | None:
        return people.author(self._connection, number)

    def authors(
        self, beginning: str, after: AuthorPlace | None, limit: int
    ) -> list[tuple[Author, AuthorPlace]]:
        return people.authors(self._connection, beginning, after, limit)

    def category_tree(self) -> tuple[list[Category], dict[int, Category]]:
        return people.category_tree(self._connection)


def _counts(rows: Sequence[Any], *, at_least: bool) -> Counts:
    category: Counter[int] = Counter()
    form: Counter[str] = Counter()
    language: Counter[str] = Counter()
    in_stock: Counter[bool] = Counter()
    total = 0
    for row in rows:
        total += row.books
        form[row.format] += row.books
        language[row.language] += row.books
        in_stock[bool(row.in_stock)] += row.books
        for number in row.category_ids.split():
            category[int(number)] += row.books
    beyond = total > RANKED_HITS
    return Counts(min(total, RANKED_HITS), at_least or beyond, category, form, language, in_stock)
