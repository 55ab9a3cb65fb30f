"""What is forgotten as time goes by, and what is not."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import func, select

from functions.inventory.import_model import (
    AnnouncedImport,
    ImportOptions,
    Progress,
    UnknownImport,
)
from functions.inventory.media_model import (
    KEPT_SHOWN,
    KEPT_UPLOADS,
    PUBLIC,
    MediaLeaving,
    public_cover,
)
from functions.inventory.service.importing import Importer
from functions.inventory.service.imports import Imports
from functions.inventory.service.media import Media
from functions.inventory.store.tables import import_refusals, retired_blobs
from functions.inventory.store.transactions import SqlTransactions
from shared.blobs.folder import FolderBlobs
from shared.blobs.uploads import FolderUploads
from tests.support.inventory import Shelves, a_book, delivery, isbn

DAY = timedelta(days=1)
REFUSED = b"isbn,title,author,price\n123,No book,Ada B,1.99\n"


@pytest.fixture
def desk(shelves: Shelves, tmp_path: Path) -> Imports:
    transactions = SqlTransactions(shelves.database, shelves.clock)
    importer = Importer(transactions, shelves.catalogue, shelves.clock, "GBP")
    uploads = FolderUploads(tmp_path / "feeds", "http://shop.test/api/uploads")
    return Imports(transactions, importer, uploads, shelves.clock)


def test_an_import_is_remembered_for_thirty_days_after_its_end(
    desk: Imports, shelves: Shelves
) -> None:
    status, _ = desk.take_in(REFUSED, "a.csv", ImportOptions(), "anna", delivery("k"))
    assert status.counts.refused == 1
    shelves.clock.advance_business(30 * DAY)
    assert desk.purge() == 0
    shelves.clock.advance_business(DAY)
    assert desk.purge() == 1
    with pytest.raises(UnknownImport):
        desk.status(status.id)
    assert shelves.scalar(select(func.count()).select_from(import_refusals)) == 0


def test_an_upload_that_was_never_started_goes_after_a_week_with_its_file(
    desk: Imports, shelves: Shelves, tmp_path: Path
) -> None:
    said = AnnouncedImport(file_name="a.csv", size=len(REFUSED))
    status, _ = desk.announce(said, "anna", delivery("k"))
    desk.upload(f"{status.id}.feed", REFUSED)
    shelves.clock.advance_business(6 * DAY)
    assert desk.purge() == 0
    assert list((tmp_path / "feeds").glob("*.feed")) != []
    shelves.clock.advance_business(2 * DAY)
    assert desk.purge() == 1
    assert list((tmp_path / "feeds").glob("*.feed")) == []
    with pytest.raises(UnknownImport):
        desk.start(status.id)


def test_an_import_that_waits_is_never_forgotten(desk: Imports, shelves: Shelves) -> None:
    SqlTransactions(shelves.database, shelves.clock).run(
        lambda it: it.imports.add("i", "a.csv", ImportOptions(), "waiting", "anna", Progress())
    )
    shelves.clock.advance_business(400 * DAY)
    assert desk.purge() == 0
    assert desk.status("i").state == "waiting"


class Covers:
    """Two folders and the book whose cover is exchanged."""

    def __init__(self, shelves: Shelves, folder: Path) -> None:
        self.shelves = shelves
        self.public = folder / "public"
        self.uploads = folder / "uploads"
        self.transactions = SqlTransactions(shelves.database, shelves.clock)
        self.media = Media(
            self.transactions,
            FolderBlobs(self.uploads, "http://uploads.test"),
            FolderBlobs(self.public, "http://cdn.test"),
            "http://cdn.test",
        )

    def put(self, colour: str, number: int = 1) -> str:
        buffer = BytesIO()
        Image.new("RGB", (400, 600), colour).save(buffer, "PNG")
        made = self.media.accept_cover(isbn(number), buffer.getvalue(), "image/png", ["*"])
        self.media.make_sizes(made)
        cover = self.shelves.catalogue.stored([isbn(number)])[isbn(number)].cover
        assert cover is not None
        return cover

    def pictures(self) -> set[str]:
        """The covers that a browser can still get."""
        return {file.name.partition("-")[0] for file in (self.public / "covers").iterdir()}

    def originals(self) -> int:
        return sum(1 for file in self.uploads.rglob("*.png"))


@pytest.fixture
def covers(shelves: Shelves, tmp_path: Path) -> Covers:
    shelves.put(a_book(1), a_book(2))
    return Covers(shelves, tmp_path)


def test_a_replaced_cover_stays_while_caches_may_name_it(covers: Covers) -> None:
    red, blue = covers.put("red"), covers.put("blue")
    covers.shelves.clock.advance_business(KEPT_UPLOADS + DAY)
    assert covers.media.purge() == 1
    assert (covers.pictures(), covers.originals()) == ({red, blue}, 1)
    covers.shelves.clock.advance_business(KEPT_SHOWN)
    assert covers.media.purge() == 1
    assert covers.pictures() == {blue}
    assert covers.media.purge() == 0
    assert covers.shelves.scalar(select(func.count()).select_from(retired_blobs)) == 0


def test_a_cover_that_another_book_shows_is_not_deleted(covers: Covers) -> None:
    red = covers.put("red", 2)
    assert covers.put("red") == red
    blue = covers.put("blue")
    covers.shelves.clock.advance_business(KEPT_SHOWN + DAY)
    covers.media.purge()
    assert covers.pictures() == {red, blue}
    covers.put("green", 2)
    covers.shelves.clock.advance_business(KEPT_SHOWN + DAY)
    covers.media.purge()
    assert red not in covers.pictures()


def test_a_cover_that_came_back_is_not_deleted(covers: Covers) -> None:
    red, blue = covers.put("red"), covers.put("blue")
    covers.shelves.clock.advance_business(KEPT_SHOWN + DAY)
    assert covers.put("red") == red
    covers.media.purge()
    assert covers.pictures() == {red, blue}
    assert covers.originals() == 2


def test_a_deletion_that_was_broken_off_is_ended_and_keeps_the_same_file_out_meanwhile(
    covers: Covers,
) -> None:
    red = covers.put("red")
    covers.put("blue")
    covers.shelves.clock.advance_business(KEPT_SHOWN + DAY)
    begun = covers.transactions.run(lambda it: it.media.leaving(PUBLIC, it.now - KEPT_SHOWN, 10))
    assert begun == [public_cover(red)]
    covers.transactions.run(lambda it: it.media.retire(public_cover(red)))
    with pytest.raises(MediaLeaving):
        covers.put("red")
    covers.media.purge()
    assert red not in covers.pictures()
    assert covers.put("red") == red


def test_a_replaced_sample_goes_as_covers_do(covers: Covers) -> None:
    for text in (b"One.", b"Two."):
        covers.media.put_sample(isbn(1), text, "text/plain", ["*"])
    assert len(list((covers.public / "samples").iterdir())) == 2
    covers.shelves.clock.advance_business(KEPT_SHOWN + DAY)
    assert covers.media.purge() == 1
    (left,) = (covers.public / "samples").iterdir()
    assert left.read_bytes() == b"Two."
