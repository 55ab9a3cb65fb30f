"""Covers for the books that have none, drawn beside a running shop."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from functions.inventory.covers import CoverSpec, render
from functions.inventory.model import BookDetails, Cover
from local.covers import cover_spec, draw_missing
from local.serve import prepared
from shared.blobs.folder import FolderBlobs
from shared.kit.files import HALF_WRITTEN
from tests.support.inventory import Shelves, a_book, isbn


@pytest.fixture
def sql() -> None:
    """Here other processes open the file."""


@pytest.fixture
def painters() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs" / "public", "http://cdn.test")


def details(**said: object) -> BookDetails:
    return BookDetails.model_validate(
        a_book(**said).model_dump(exclude={"isbn", "stock", "work_of"})
    )


def test_a_cover_names_authors_alone_where_there_are_any() -> None:
    translated = details(
        contributors=({"name": "Homer"}, {"name": "Emily Wilson", "role": "translator"})
    )
    assert cover_spec(1, translated).contributors == ("Homer",)
    edited = details(contributors=({"name": "Ed One", "role": "editor"},))
    assert cover_spec(1, edited).contributors == ("Ed One",)


def test_a_cover_names_the_volume_of_a_series() -> None:
    assert cover_spec(1, details(series={"title": "Dune", "volume": "2"})).series == "Dune 2"
    assert cover_spec(1, details(series={"title": "Dune"})).series == "Dune"
    assert cover_spec(1, details()).series is None


def test_every_book_gets_a_cover_and_editions_of_a_work_the_same(
    shelves: Shelves, blobs: FolderBlobs, painters: Executor
) -> None:
    shelves.put(
        *[a_book(number) for number in range(1, 50)],
        a_book(50, title=a_book(1).title, work_of=isbn(1)),
    )
    shelves.catalogue.put_covers({isbn(2): Cover("kept", "#112233")})
    shelves.catalogue.withdraw(isbn(3), ["*"])
    assert draw_missing(shelves.catalogue, blobs, painters, Event()) == 48
    assert draw_missing(shelves.catalogue, blobs, painters, Event()) == 0
    stored = shelves.catalogue.stored([isbn(number) for number in range(1, 51)])
    assert stored[isbn(1)].cover == stored[isbn(50)].cover
    assert stored[isbn(2)].cover == "kept"
    assert stored[isbn(3)].cover is None
    for size in ("thumbnail", "small", "large"):
        assert blobs.exists(f"covers/{stored[isbn(1)].cover}-{size}.webp")


def test_a_cover_that_cannot_be_drawn_does_not_stop_the_others(
    shelves: Shelves, blobs: FolderBlobs, painters: Executor, capsys: pytest.CaptureFixture[str]
) -> None:
    def draw(spec: CoverSpec) -> dict[str, bytes]:
        if spec.title == "Unbearable":
            raise OSError("raster overflow")
        return render(spec)

    shelves.put(a_book(1), a_book(2, title="Unbearable"), a_book(3))
    assert draw_missing(shelves.catalogue, blobs, painters, Event(), draw) == 2
    assert list(shelves.catalogue.without_cover(isbn(0), 3)) == [isbn(2)]
    assert "'Unbearable': OSError('raster overflow')" in capsys.readouterr().err


def test_a_painter_that_is_to_end_begins_no_more(
    shelves: Shelves, blobs: FolderBlobs, painters: Executor
) -> None:
    shelves.put(a_book())
    ending = Event()
    ending.set()
    assert draw_missing(shelves.catalogue, blobs, painters, ending) == 0


def painting(folder: Path) -> "subprocess.Popen[bytes]":
    settings = {
        "SERVICES": "inventory",
        "SQL_INVENTORY": f"sqlite:///{(folder / 'inventory.db').as_posix()}",
        "BLOB_FOLDER": str(folder / "blobs"),
        "CDN_BASE_URL": "http://cdn.test",
        "SHOP_CURRENCY": "GBP",
        "AUTH_ISSUER": "http://issuer.test",
        "AUTH_AUDIENCE": "bookstore",
        "PUBLIC_BASE_URL": "http://shop.test",
        "ServiceBusConnection": "Endpoint=sb://bus.test;SharedAccessKeyName=a;SharedAccessKey=b",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "local.covers", "--watch-stdin"],
        env={**os.environ, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_what_a_killed_process_left_half_written_is_taken_away(
    blobs: FolderBlobs, tmp_path: Path
) -> None:
    blobs.put("covers/a.webp", b"whole", "image/webp", "immutable")
    covers = tmp_path / "blobs" / "public" / "covers"
    half, of_others = covers / f"{HALF_WRITTEN}x1y2z3", covers / ".keep"
    half.write_bytes(b"hal")
    of_others.touch()
    prepared(tmp_path / "blobs")
    assert not half.exists()
    assert of_others.exists()
    assert blobs.exists("covers/a.webp")


@pytest.mark.skipif(os.name != "posix", reason="only POSIX kills without a word")
def test_painters_end_with_whoever_started_them_and_the_next_go_on(
    shelves: Shelves, tmp_path: Path
) -> None:
    shelves.put(*[a_book(number) for number in range(1, 101)])
    killed = painting(tmp_path)
    while len(shelves.catalogue.without_cover(isbn(0), 101)) == 100:
        with suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"it ended by itself: {killed.wait(0.05)}")
    killed.send_signal(signal.SIGKILL)
    assert killed.stdout is not None
    killed.stdout.read()  # ends when the last process that could write to it has ended
    killed.communicate()
    missing = len(shelves.catalogue.without_cover(isbn(0), 101))
    assert 0 < missing < 100

    public = prepared(tmp_path / "blobs") / "public"
    assert not list(public.rglob(".*"))
    again = painting(tmp_path)
    assert again.stdout is not None
    assert again.stdout.readline() == f"{missing} covers were drawn.\n".encode()
    assert again.stdin is not None
    again.stdin.close()
    assert again.wait(30) == 0
    again.stdout.close()
    covers = {
        edition.cover
        for edition in shelves.catalogue.stored([isbn(number) for number in range(1, 101)]).values()
    }
    for cover in covers:
        for size in ("thumbnail", "small", "large"):
            assert (public / "covers" / f"{cover}-{size}.webp").stat().st_size > 500
