"""Every indexed way to browse is a walk along an index: SQLite's own plan says so, at any size."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, event

from functions.inventory.read_model import SORTS, Filters, Sort
from functions.inventory.store import listing
from functions.inventory.store.detail import details
from functions.inventory.store.indexing import end_embargoes
from functions.inventory.store.walk import After
from tests.support.inventory import Shelves, a_book

_BY_KEYS = (
    "SEARCH",
    "SCAN json_each",
    "LIST SUBQUERY",
    "REUSE LIST SUBQUERY",
    "USE TEMP B-TREE FOR ORDER BY",
)
LISTED = [sort for sort in SORTS if sort != "relevance"]


@pytest.fixture
def sql() -> None:
    """Plans are asked of SQLite here."""


@contextmanager
def plans(connection: Connection) -> Iterator[list[str]]:
    """The plan of each statement that runs inside, filled in at the end."""
    ran: list[tuple[str, Any]] = []
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        ran.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    yield found
    event.remove(connection, "before_cursor_execute", note)
    for statement, values in ran:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        found += [row[3] for row in rows]


def last_of(connection: Connection, filters: Filters, sort: Sort) -> After:
    last = listing.page(connection, filters, sort, None, 2)[-1]
    return After(last.key, last.isbn)


@pytest.mark.parametrize("sort", LISTED)
@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(language="en"),
        Filters(format="paperback"),
        Filters(in_stock=True),
        Filters(in_stock=False),
        Filters(category_id=1),
        Filters(contributor_id=1),
        Filters(category_id=1, language="en", in_stock=True, max_price=900),
    ],
    ids=str,
)
def test_a_page_is_a_walk_along_an_index_in_its_order(
    shelves: Shelves, sort: Sort, filters: Filters
) -> None:
    shelves.put(*(a_book(n, categories=("fiction",), stock=n % 2) for n in range(1, 9)))
    with shelves.database.primary() as connection:
        after = last_of(connection, filters, sort)
        with plans(connection) as steps:
            listing.page(connection, filters, sort, None, 3)
            listing.page(connection, filters, sort, after, 3)
    assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN")]
    assert [step for step in steps if step.startswith("SEARCH") and "INDEX" in step]


@pytest.mark.parametrize(
    ("filters", "sort", "key"),
    [
        (Filters(min_price=100, max_price=2000), "price", "price_amount"),
        (Filters(min_price=100), "-price", "price_amount"),
        (
            Filters(published_from=date(1990, 1, 1), published_to=date(2026, 1, 1)),
            "newest",
            "published",
        ),
    ],
)
def test_a_range_of_the_sort_key_is_a_walk_between_its_ends(
    shelves: Shelves, filters: Filters, sort: Sort, key: str
) -> None:
    shelves.put(*(a_book(n, published_on=date(2000 + n, 1, 1)) for n in range(1, 9)))
    with shelves.database.primary() as connection:
        after = last_of(connection, filters, sort)
        with plans(connection) as steps:
            listing.page(connection, filters, sort, None, 3)
            listing.page(connection, filters, sort, after, 3)
    assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN")]
    walks = [step for step in steps if "ix_listings_format_in_stock_" in step]
    assert walks
    assert all(f"(format=? AND in_stock=? AND {key}" in walk for walk in walks)


@pytest.mark.parametrize("filters", [Filters(in_stock=True), Filters(min_price=1, max_price=900)])
def test_few_books_are_counted_by_an_index_that_begins_with_something_else(
    shelves: Shelves, filters: Filters
) -> None:
    filters = replace(filters, language="cy")
    shelves.put(*(a_book(n) for n in range(1, 9)))
    with shelves.database.primary() as connection, plans(connection) as steps:
        listing.page(connection, filters, "title", None, 3)
    assert [step for step in steps if "(format=? AND in_stock=?" in step]
    assert not [step for step in steps if step.startswith("SCAN listings")]


def test_few_books_that_fit_are_looked_up_rather_than_all_others_passed_over(
    shelves: Shelves,
) -> None:
    shelves.put(*(a_book(n, language="cy" if n == 3 else "en") for n in range(1, 9)))
    filters = Filters(language="cy", format="paperback", min_price=1)
    with shelves.database.primary() as connection, plans(connection) as steps:
        found = listing.page(connection, filters, "title", None, 3)
    assert len(found) == 1
    assert "SEARCH listings USING INDEX ix_listings_language" in "".join(steps)
    assert not [step for step in steps if step.startswith("SCAN listings")]


def test_embargoes_that_end_are_looked_up(shelves: Shelves) -> None:
    with shelves.database.write() as connection, plans(connection) as steps:
        end_embargoes(connection, date(2026, 1, 1))
    assert "INDEX ix_listings_embargoed_until (embargoed_until<?)" in "".join(steps)


def test_a_book_is_found_by_keys_alone(shelves: Shelves) -> None:
    book = a_book()
    shelves.put(book)
    with shelves.database.primary() as connection, plans(connection) as steps:
        assert details(connection, [int(book.isbn)])
    assert [step for step in steps if step.startswith("SEARCH")]
    # Scanned is only the list of keys that is asked for.
    assert all(step.startswith(_BY_KEYS) for step in steps)
