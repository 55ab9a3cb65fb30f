"""The benchmarks' catalogue is what the shop itself would have written."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.catalogue import TODAY, make
from functions.inventory.store.bulk_indexing import index_editions
from shared.sql.database import Database

READ_MODEL = ("listings", "category_listings", "contributor_listings", "search_documents")


def rows(file: Path, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(file)) as connection:
        return {
            table: sorted(map(plain, connection.execute(f"SELECT * FROM {table}")), key=repr)
            for table in tables
        }


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The order of words and numbers in one text means nothing."""
    return tuple(" ".join(sorted(one.split())) if isinstance(one, str) else one for one in row)


def test_generated_books_look_as_if_they_had_been_indexed_one_by_one(tmp_path: Path) -> None:
    file = tmp_path / "made.db"
    make(file, 150)
    before = rows(file, *READ_MODEL, "category_counts")
    assert len(before["listings"]) == 150
    database = Database(f"sqlite:///{file.as_posix()}")
    with database.write() as connection:
        for listing in before["listings"]:
            index_editions(connection, [listing[0]], TODAY)
    database.dispose()
    assert rows(file, *READ_MODEL, "category_counts") == before


def test_the_same_size_gives_the_same_catalogue(tmp_path: Path) -> None:
    for name in ("one", "other"):
        make(tmp_path / name, 60)
    tables = ("editions", "works", "contributors", "stock", *READ_MODEL)
    assert rows(tmp_path / "one", *tables) == rows(tmp_path / "other", *tables)
