"""A feed that another process reads gives the same records as one that is read here."""

import gc
from datetime import date
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import pytest

from functions.inventory.import_model import (
    CHUNK,
    FeedRecord,
    ImportOptions,
    Position,
    Said,
    UnreadableFile,
)
from functions.inventory.imports.feeds import Feed, OpenFeed, open_feed
from functions.inventory.imports.inspection import inspect
from functions.inventory.service import merging
from functions.inventory.store.search_words import book_words
from local.read_ahead import reading_ahead
from tests.support.inventory import isbn
from tests.support.onix import product

COUNT = 2 * CHUNK + 100
TEXT = "Rain on the roof. " * 80


@pytest.fixture(params=["csv", "onix"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Large enough to be worth a process."""
    path = tmp_path / "feed"
    with path.open("w", encoding="utf-8") as out:
        if request.param == "csv":
            out.write("isbn,title,author,price,description\n")
            out.writelines(f"{isbn(n)},B {n},Ada B,8.99,{TEXT}\n" for n in range(1, COUNT + 1))
        else:
            out.write("<ONIXMessage release='3.0'><Header/>")
            out.writelines(product(isbn(number)) for number in range(1, COUNT + 1))
            out.write("</ONIXMessage>")
    return path


def opened(open_it: OpenFeed, file: BinaryIO) -> Feed:
    return open_it(file, inspect(file), ImportOptions(), "GBP", date(2026, 3, 1))


def test_all_records_come_and_from_any_place(file: Path) -> None:
    with file.open("rb") as content:
        here = list(opened(open_feed, content).records())
        assert len(here) == COUNT
        with reading_ahead(content) as feeds:
            ahead = list(opened(feeds, content).records())
        assert ahead == here
        after = here[CHUNK + 4].after
        assert isinstance(after, Position)
        with reading_ahead(content) as feeds:
            assert list(opened(feeds, content).records(after)) == here[CHUNK + 5 :]
    for record in ahead:
        assert record.said is not None
        assert record.prepared is not None
        made, notes = merging.book_if_new(record.said, Said(record.said.isbn)) or (None, [])
        book, noted, words = record.prepared
        assert (book, [*noted]) == (made, notes)
        assert words == book_words(int(book.isbn), words.texts)
        assert words.texts[:3] == (book.title, book.subtitle, book.description)


def test_whoever_needs_no_more_leaves_no_process_behind(file: Path) -> None:
    with file.open("rb") as content:
        with reading_ahead(content):
            pass
        with reading_ahead(content) as feeds:
            assert len(list(islice(opened(feeds, content).records(), 3))) == 3
    gc.collect()  # a process that still ran would be a ResourceWarning, and that an error


def test_a_file_that_breaks_off_gives_what_came_before_it(file: Path, tmp_path: Path) -> None:
    with file.open("rb") as content, reading_ahead(content) as feeds:
        feed = opened(feeds, content)
        content.seek(0)
        whole = content.read()
        file.write_bytes(whole[: len(whole) * 3 // 4] + b"<oops")
        found: list[FeedRecord] = []
        if whole.startswith(b"<"):
            with pytest.raises(UnreadableFile, match="breaks off"):
                found.extend(feed.records())
        else:
            found.extend(feed.records())
    assert CHUNK < len(found) < COUNT
