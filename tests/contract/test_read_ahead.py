"""A feed that another process reads gives the same records as one that is read here, and what that
process prepares comes to the same catalogue."""

import gc
import io
import subprocess
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from sqlalchemy import select

from functions.inventory.import_model import (
    CHUNK,
    FeedRecord,
    FileShape,
    ImportOptions,
    Position,
    Said,
    UnreadableFile,
)
from functions.inventory.imports.csv_fields import settings_in
from functions.inventory.imports.feeds import Feed, OpenFeed, open_feed
from functions.inventory.imports.inspection import inspect
from functions.inventory.service.importing import Importer
from functions.inventory.service.imports import begin_file
from functions.inventory.store.tables import imports, metadata
from functions.inventory.store.transactions import SqlTransactions
from local.read_ahead import prepare, reading_ahead
from tests.support.inventory import Shelves, isbn, open_shelves
from tests.support.onix import DESCRIPTION, SUPPLY, message, product

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


HEADER = "isbn,title,authors,price,stock,format,language,published,series,volume,thema,description"
ROWS = """
{0},Emma,Jane Austen,8.99,3,paperback,eng,1815,Classics,1,FBA,"A heroine. It's Emma"
{1},EMMA,JANE AUSTEN,9.99,,hardback,eng,,CLASSICS,2,FF;nonsense,
{2},L'Étranger,Albert Camus;A. Camus,7.50,0,,,0999-01-01,,,,"Soleil"
{3},Twins,A B,8.99,1,ebook,eng,,,,fiction,
{4},Twins,A B,8.99,1,paperback,eng,2001-02-03,Pairs,,crime,"One of two"
{5},,A B,8.99,1,,,,,,,
{6},No price,A B,,1,,,,,,,
{7},"???",Ö,many,1,,,,,,,
{0},Emma again,Jane Austen,8.99,3,,,,,,,
{8},Alone,,8.99,2,,,,,,,
"""
CHANGED = """
{0},Emma,Jane Austen,10.99,5,paperback,eng,1815,Classics,1,FBA,"A heroine. It's Emma"
{3},Triplets,,8.99,,,,,Pairs,7,,New words
{4},,,,,,,,,,,
{9},Emma,Jane Austen,5.99,5,audiobook,eng,,,,,
"""
PRODUCTS = (
    product(isbn(1)),
    product(isbn(2), DESCRIPTION.replace("Abbey", "Abbey &amp; more"), SUPPLY),
    product(isbn(2), DESCRIPTION.replace("Jane Austen", "J. A."), SUPPLY.replace("8.99", "9.99")),
    product(isbn(3), SUPPLY, notification="04"),
    product(isbn(1), SUPPLY.replace("8.99", "7.99"), notification="04"),
    product(isbn(4), notification="05"),
    product(isbn(2), notification="05"),
    product(
        isbn(5),
        DESCRIPTION,
        "<RelatedMaterial><RelatedProduct><ProductRelationCode>06</ProductRelationCode>"
        f"<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>{isbn(6)}</IDValue>"
        "</ProductIdentifier></RelatedProduct></RelatedMaterial>",
        SUPPLY,
    ),
    product(isbn(6), DESCRIPTION.replace("Northanger", "Another"), SUPPLY),
    product(isbn(7), DESCRIPTION),
)


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
    assert not any(record.prepared for record in ahead[:CHUNK])
    assert all(record.prepared for record in ahead[CHUNK : 2 * CHUNK])


def test_whoever_needs_no_more_leaves_no_process_behind(file: Path) -> None:
    with file.open("rb") as content:
        with reading_ahead(content):
            pass
        with reading_ahead(content) as feeds:
            assert len(list(islice(opened(feeds, content).records(), 3))) == 3
    gc.collect()  # a process that still ran would be a ResourceWarning, and that an error


def test_a_reader_that_is_killed_in_the_middle_of_a_chunk_is_told_in_a_sentence(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    class Begun(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            begun.append(self)

    monkeypatch.setattr(subprocess, "Popen", Begun)
    with file.open("rb") as content, reading_ahead(content) as feeds:
        records = opened(feeds, content).records()
        assert len(list(islice(records, CHUNK))) == CHUNK
        [reader] = begun
        assert reader.stdout is not None
        reader.stdout.peek(1)  # its next chunk is under way, and larger than a pipe
        reader.kill()
        with pytest.raises(UnreadableFile, match="ended too early"):
            list(records)


@pytest.mark.parametrize("instead", [True, False])
def test_a_file_whose_name_went_to_another_or_to_none_is_told(
    file: Path, instead: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    with file.open("rb") as content, reading_ahead(content) as feeds:
        feed = opened(feeds, content)
        whole = file.read_bytes()
        file.unlink()
        if instead:
            file.write_bytes(b"x" + whole)
        records = feed.records()
        assert len(list(islice(records, CHUNK))) == CHUNK
        with pytest.raises(UnreadableFile, match="is no longer the file"):
            next(records)
    assert capfd.readouterr().err == ""


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


class _Prepared:
    """A feed of which every record is prepared."""

    def __init__(self, feed: Feed, filling: Said) -> None:
        self.remarks = feed.remarks
        self._feed = feed
        self._filling = filling

    def records(self, after: Position | None = None) -> Iterator[FeedRecord]:
        for record in self._feed.records(after):
            prepare([record], self._filling)
            yield record


def prepared(
    file: BinaryIO, shape: FileShape, options: ImportOptions, currency: str, today: date
) -> Feed:
    filling = settings_in(options.set, currency)
    return _Prepared(open_feed(file, shape, options, currency, today), filling)


def taken_in(shelves: Shelves, feeds: OpenFeed, content: str, options: ImportOptions) -> Any:
    """What became of the records."""
    transactions = SqlTransactions(shelves.database, shelves.clock)
    importer = Importer(transactions, shelves.catalogue, shelves.clock, "GBP", feeds)
    file = io.BytesIO(content.encode())
    lease, _ = begin_file(transactions, shelves.clock, inspect(file), "feed", options)
    return importer.run(lease, file).progress


def everything(shelves: Shelves) -> dict[str, list[Any]]:
    with shelves.database.primary() as connection:
        return {
            table.name: sorted(connection.execute(select(table)).all(), key=repr)
            for table in metadata.sorted_tables
            if table is not imports  # their owners differ
        }


@pytest.mark.parametrize("settings", [{}, {"publisher": "The Press", "title": "T", "price": "1"}])
@pytest.mark.parametrize("kind", ["csv", "onix"])
def test_what_is_prepared_changes_nothing(
    tmp_path: Path, kind: str, settings: dict[str, str]
) -> None:
    isbns = [isbn(number) for number in range(1, 11)]
    feeds = [HEADER + rows.format(*isbns) for rows in (ROWS, CHANGED)]
    if kind == "onix":
        feeds = [message(*PRODUCTS), message(*PRODUCTS[:4], product(isbn(6), SUPPLY))]
    ways = []
    for name, open_it in (("here", open_feed), ("ahead", prepared)):
        (tmp_path / name).mkdir()
        with open_shelves(tmp_path / name) as shelves:
            options = ImportOptions(set=settings)
            progress = [taken_in(shelves, open_it, feed, options) for feed in feeds]
            ways.append((progress, everything(shelves)))
    (here, rows_here), (ahead, rows_ahead) = ways
    assert [each.counts for each in here] == [each.counts for each in ahead]
    assert here == ahead
    assert rows_here == rows_ahead
    assert here[0].counts.added > 2
    assert here[0].counts.refused
    assert here[1].counts.changed
