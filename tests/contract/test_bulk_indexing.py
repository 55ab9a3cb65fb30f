"""Readers must not see whether an edition came alone or among a thousand."""

from typing import Any

import pytest
from sqlalchemy import Connection, Table, delete, select, text
from sqlalchemy.exc import DatabaseError

from functions.inventory.store.bulk_indexing import index_editions
from functions.inventory.store.tables import (
    category_counts,
    category_listings,
    contributor_listings,
    listings,
    search_documents,
    search_terms,
)
from functions.inventory.store.word_counts import (
    count_words,
    count_words_one_way_or_the_other,
)
from tests.support.inventory import Shelves, a_book, isbn

ROWS: tuple[Table, ...] = (category_listings, contributor_listings, category_counts, listings)


def shown(connection: Connection) -> list[Any]:
    rows: list[Any] = [
        [(table.name, *row) for row in sorted(connection.execute(select(table)), key=repr)]
        for table in ROWS
    ]
    for document in connection.execute(select(search_documents).order_by(search_documents.c.id)):
        rows.append((document.id, document.isbn, sorted(document.words.split())))
    return rows


def test_many_new_editions_are_indexed_as_each_would_be(shelves: Shelves) -> None:
    shelves.put(
        a_book(1, title="Emma", categories=("crime",), contributors=({"name": "Jane Austen"},)),
        a_book(2, title="L'Étranger", categories=("crime", "fiction"), description="Sun. Sea."),
        a_book(3, stock=0, contributors=({"name": "A B"}, {"name": "C D", "role": "editor"})),
        a_book(4, series={"title": "Classics", "volume": "2"}, published_on=None),
    )
    shelves.put(
        a_book(5, title="Emma", contributors=({"name": "JANE AUSTEN"},)),
        a_book(6, series={"title": "CLASSICS"}, categories=("fiction", "crime", "fiction")),
        a_book(7, title="Twins"),
        a_book(8, title="Twins", series={"title": "Pairs"}, format="ebook"),
        a_book(9, title="Ten", contributors=({"name": "C. D."}, {"name": "c d"})),
    )
    numbers = [int(isbn(number)) for number in range(1, 10)]
    today = shelves.clock.business_now().date()
    with shelves.database.write() as connection:
        in_bulk = shown(connection)
        for number in numbers:
            index_editions(connection, [number], today)
        assert shown(connection) == in_bulk


def test_words_are_counted_once_for_each_document(shelves: Shelves) -> None:
    shelves.put(a_book(1, title="Emma Emma"), a_book(2, title="Emma"))
    shelves.put(a_book(3, title="Emma", subtitle="Emma, again"))
    counted = select(search_terms.c.documents).where(search_terms.c.term == "emma")
    assert shelves.scalar(counted) == 3


def test_sql_server_counts_words_as_sqlite_does(shelves: Shelves) -> None:
    shelves.put(a_book(1, title="Emma"))
    chunks: tuple[dict[str, int], ...] = (
        {"emma": 2, "persuasion": 1},
        {"persuasion": 3, "étranger": 1},
        {},
    )
    counted = []
    for count in (count_words, count_words_one_way_or_the_other):
        with shelves.database.write() as connection:
            connection.execute(delete(search_terms))
            for added in chunks:
                count(connection, added)
            counted.append(connection.execute(select(search_terms)).all())
    assert counted[0] == counted[1]
    assert {row.term: row.documents for row in counted[0]} == {
        "emma": 2,
        "persuasion": 4,
        "étranger": 1,
    }


def check_full_text(connection: Connection) -> None:
    """https://www.sqlite.org/fts5.html#the_integrity_check_command"""
    asked = "INSERT INTO book_search(book_search, rank) VALUES ('integrity-check', 1)"
    connection.execute(text(asked).execution_options(sqlite_only=True))


def test_the_full_text_has_exactly_the_documents_that_there_are(shelves: Shelves) -> None:
    shelves.put(*(a_book(number, title=f"Emma {number}") for number in range(1, 6)))
    shelves.put(a_book(2, title="Persuasion"), a_book(3, description="A heroine."))
    shelves.catalogue.withdraw(isbn(4), ["*"])
    with shelves.database.write() as connection:
        check_full_text(connection)
        connection.execute(delete(search_documents))  # behind its back
        with pytest.raises(DatabaseError):
            check_full_text(connection)
