"""Imports over HTTP below the HTTP: handed in, claimed, worked at in slices, taken over."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from functions.inventory.import_model import (
    AnnouncedImport,
    ImportNotStartable,
    ImportOptions,
    UnknownImport,
)
from functions.inventory.imports.inspection import inspect
from functions.inventory.service.importing import LEASE, Importer
from functions.inventory.service.imports import Imports, begin_file
from functions.inventory.store.tables import contributors, import_refusals, imports, stock
from functions.inventory.store.transactions import SqlTransactions
from shared.blobs.uploads import FolderUploads
from shared.kit.errors import BadInput, IdempotencyMismatch
from shared.kit.idempotency import Delivery
from shared.sql.many import execute_many
from tests.support import onix
from tests.support.inventory import Shelves, isbn

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def uploads(tmp_path: Path) -> FolderUploads:
    return FolderUploads(tmp_path / "uploads", "http://shop.test/api/uploads")


@pytest.fixture
def desk(shelves: Shelves, uploads: FolderUploads) -> Imports:
    transactions = SqlTransactions(shelves.database, shelves.clock)
    importer = Importer(transactions, shelves.catalogue, shelves.clock, "GBP")
    return Imports(transactions, importer, uploads, shelves.clock)


def content(count: int) -> bytes:
    rows = (f"{isbn(number)},Book {number},Ada B,8.99\n" for number in range(1, count + 1))
    return ("isbn,title,author,price\n" + "".join(rows)).encode()


def delivery(key: str, *said: str) -> Delivery:
    return Delivery.of("anna", "imports", key, *said)


def announce(desk: Imports, size: int) -> str:
    said = AnnouncedImport(file_name="feed.csv", size=size)
    return desk.announce(said, "anna", delivery("a"))[0].id


def test_a_file_handed_in_is_gone_when_its_import_has_ended(desk: Imports, tmp_path: Path) -> None:
    status, replayed = desk.take_in(content(3), "a.csv", ImportOptions(), "anna", delivery("k"))
    assert (status.state, status.counts.added, replayed) == ("finished", 3, False)
    assert [file.name for file in (tmp_path / "uploads").glob("*.feed")] == []
    again, replayed = desk.take_in(content(3), "a.csv", ImportOptions(), "anna", delivery("k"))
    assert (again, replayed) == (status, True)


def test_a_key_that_came_with_another_file_is_refused(desk: Imports, tmp_path: Path) -> None:
    desk.take_in(content(1), "a.csv", ImportOptions(), "anna", delivery("k", "one"))
    with pytest.raises(IdempotencyMismatch):
        desk.take_in(content(2), "a.csv", ImportOptions(), "anna", delivery("k", "two"))
    assert [file.name for file in (tmp_path / "uploads").glob("*.feed")] == []


def test_what_cannot_be_set_is_refused_at_once(desk: Imports) -> None:
    with pytest.raises(BadInput, match="is not a price"):
        desk.take_in(content(1), "a", ImportOptions(set={"price": "x"}), "anna", delivery("k"))
    with pytest.raises(BadInput, match="map: knows no colour"):
        desk.take_in(content(1), "a", ImportOptions(map={"colour": "x"}), "anna", delivery("k"))
    for wrong in ({"set": {"price": "x"}}, {"map": {"colour": "x"}}):
        with pytest.raises(BadInput) as query:
            desk.take_in(content(1), "a", ImportOptions(**wrong), "anna", delivery("k"))
        announced = AnnouncedImport(file_name="a", size=1, **wrong)
        with pytest.raises(BadInput) as body:
            desk.announce(announced, "anna", delivery("k"))
        places = [error.value.errors[0].place for error in (query, body)]
        assert places == ["query", "body"]


def test_what_fills_a_field_that_is_missing_is_said_once(desk: Imports) -> None:
    rows = [f"{isbn(number)},Book,{'A B' if number > 1 else ''},\n" for number in range(1, 1_500)]
    feed = ("isbn,title,author,price\n" + "".join(rows)).encode()
    begun, _ = desk.take_in(feed, "a.csv", ImportOptions(), "anna", delivery("k"))
    desk.work(5)
    said = desk.status(begun.id)
    assert (said.state, said.counts.refused) == ("finished", 1_499)
    assert [one.reason for one in said.refusals[:2]] == [
        "authors is missing; price is missing",
        "price is missing",
    ]
    assert said.remarks == (
        "Where authors is missing, --set authors=NAME fills it in (over HTTP set=authors=NAME) or "
        "--map authors=COLUMN names its column (map=authors=COLUMN).",
        "Where price is missing, --set price=9.99 fills it in (over HTTP set=price=9.99) or "
        "--map price=COLUMN names its column (map=price=COLUMN).",
    )
    message = onix.message(onix.product(isbn(1), onix.DESCRIPTION)).encode()
    ended, _ = desk.take_in(message, "a.xml", ImportOptions(), "anna", delivery("o"))
    (remark,) = ended.remarks
    assert (
        remark == "Where price is missing, --set price=9.99 fills it in (over HTTP set=price=9.99)."
    )


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("../../a.csv", "a.csv"), ("C:\\x\\a.csv", "a.csv"), ("..", "unnamed"), ("a/..", "unnamed")],
)
def test_a_files_name_is_shown_without_its_folders(sent: str, kept: str) -> None:
    assert AnnouncedImport(file_name=sent, size=1).file_name == kept


def test_an_import_whose_process_died_is_gone_on_with_when_the_lease_ends(
    desk: Imports, shelves: Shelves
) -> None:
    import_id = announce(desk, len(content(5)))
    desk.upload(f"{import_id}.feed", content(5))
    with shelves.database.write() as connection:
        connection.execute(
            update(imports).values(
                state="running", owner="dead", leased_until=shelves.clock.machine_now() + LEASE
            )
        )
    desk.work(1)
    assert desk.status(import_id).state == "running"
    shelves.clock.advance(LEASE)
    desk.work(1)
    assert desk.status(import_id).counts.added == 5


def test_slices_end_after_a_chunk_and_the_next_goes_on(desk: Imports) -> None:
    import_id = announce(desk, len(content(2_500)))
    desk.upload(f"{import_id}.feed", content(2_500))
    desk._transactions.run(lambda transaction: transaction.imports.start(import_id))
    seen = []
    while desk.status(import_id).state != "finished":
        desk._work_at(import_id, 0)
        seen.append(desk.status(import_id).records)
    assert seen == [1000, 2000, 2500, 2500]


def test_an_import_from_the_command_line_is_left_to_it(desk: Imports, shelves: Shelves) -> None:
    shape = inspect(io.BytesIO(content(1)))
    transactions = SqlTransactions(shelves.database, shelves.clock)
    lease, _ = begin_file(transactions, shelves.clock, shape, "a.csv", ImportOptions())
    shelves.clock.advance(2 * LEASE)
    desk.work(1)
    assert desk.status(lease.import_id).state == "running"


def test_only_a_whole_file_that_has_arrived_can_be_started(desk: Imports) -> None:
    import_id = announce(desk, 100)
    with pytest.raises(ImportNotStartable, match="not arrived"):
        desk.start(import_id)
    desk.upload(f"{import_id}.feed", b"x" * 99)
    with pytest.raises(ImportNotStartable, match="99 bytes, and 100 were announced"):
        desk.start(import_id)
    with pytest.raises(UnknownImport):
        desk.start("unknown")


def test_an_error_of_ours_ends_the_import_and_is_not_shown(
    desk: Imports, shelves: Shelves, uploads: FolderUploads
) -> None:
    import_id = announce(desk, len(content(1)))
    desk.upload(f"{import_id}.feed", content(1))
    with shelves.database.write() as connection:
        row = {"import_id": import_id, "number": 0, "line": 1, "reason": "in the way"}
        connection.execute(insert(import_refusals), row)
    uploads.put(f"{import_id}.feed", b"isbn,a,b,c\nx,1,1,1\n      ")
    with shelves.database.write() as connection:
        connection.execute(update(imports).values(state="waiting"))
    desk.work(1)
    status = desk.status(import_id)
    assert (status.state, status.failure) == (
        "failed",
        "An error of the shop stopped it; the log says more.",
    )


def test_an_uploads_address_is_good_for_one_name_and_for_its_time(uploads: FolderUploads) -> None:
    address = uploads.address("abc.feed", NOW + timedelta(hours=1)).url
    token = address.removeprefix("http://shop.test/api/uploads/")
    assert uploads.named_by(token, NOW) == "abc.feed"
    assert uploads.named_by(token, NOW + timedelta(hours=1)) is None
    assert uploads.named_by(token.replace("abc", "abd"), NOW) is None
    assert uploads.named_by("abc.feed", NOW) is None
    for name in ("../abc.feed", "abc", ".key", "a/b.feed", "A.feed"):
        with pytest.raises(ValueError, match="is not the name of an upload"):
            uploads.put(name, b"")


def test_many_rows_are_written_as_one_by_one(shelves: Shelves) -> None:
    rows = [{"name": f"N{n}", "name_key": f"n{n}", "sort_name": "s"} for n in range(3)]
    with shelves.database.write() as connection:
        execute_many(connection, insert(contributors), rows)
        named = select(contributors.c.name).order_by(contributors.c.name)
        assert list(connection.scalars(named)) == ["N0", "N1", "N2"]
        change = update(contributors).where(contributors.c.name_key == "n1")
        execute_many(connection, change, [{"sort_name": "t"}])
        where = select(contributors.c.name).where(contributors.c.sort_name == "t")
        assert list(connection.scalars(where)) == ["N1"]
        with pytest.raises(ValueError, match="do not name"):
            execute_many(connection, insert(stock), [{"isbn": 1, "on_hand": 0}])
