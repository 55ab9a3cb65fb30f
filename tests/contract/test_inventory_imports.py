"""Taking deliveries in: what becomes of the catalogue, of repetitions, of what was broken off."""

import io
from pathlib import Path

import pytest
from sqlalchemy import func, select

from functions.inventory.import_model import (
    ImportOptions,
    LeaseLost,
    Progress,
    UnreadableFile,
)
from functions.inventory.imports.inspection import inspect
from functions.inventory.model import Line
from functions.inventory.service.imports import begin_file
from functions.inventory.store.tables import import_isbns, stock_ledger
from shared.kit.isbn import Isbn
from tests.support import onix
from tests.support.import_desk import HEADER, Desk, counts, rows
from tests.support.inventory import SOON, Shelves, a_book, isbn

WHOLE = (Path(onix.__file__).parent / "whole_product.xml").read_text("utf-8")
SET = {"price": "9.99", "stock": "10"}


@pytest.fixture
def desk(shelves: Shelves) -> Desk:
    return Desk(shelves)


def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    text = HEADER + rows(1, 2_200)
    first = desk.take_in(text)
    assert counts(first) == {"added": 2199}
    versions = desk.versions()
    again = desk.take_in(text)
    assert again.id == first.id
    assert counts(again) == {"unchanged": 2199}
    assert desk.versions() == versions
    assert desk.shelves.scalar(select(func.sum(stock_ledger.c.delta))) == 3 * 2199
    assert desk.shelves.scalar(select(func.count()).select_from(import_isbns)) == 0
    desk.shelves.check()


def test_bad_rows_are_reported_with_line_and_reason_and_the_good_go_in(desk: Desk) -> None:
    text = (
        HEADER
        + rows(1, 2)
        + "812971060,Bad digit,A B,1,1\n"
        + ",No number,A B,1,1\n"
        + f"{isbn(2)},,A B,1,1\n"
        + f"{isbn(3)},No price,A B,,1\n"
        + f"{isbn(4)},No author,,2.00,1\n"
        + f"{isbn(5)},Dear,A B,many pounds,1\n"
        + rows(6, 7)
        + rows(1, 2).replace("Book 1", "Book 1 again")
    )
    ended = desk.take_in(text)
    assert counts(ended) == {"added": 2, "refused": 7}
    assert [(one.line, one.reason) for one in desk.refusals(ended)] == [
        (3, "isbn 812971060 is too short for an ISBN, and leading zeros do not make it one"),
        (4, "has no ISBN"),
        (5, "title is missing"),
        (6, "price is missing"),
        (7, "authors is missing"),
        (8, "the price 'many pounds' is not a price"),
        (10, "is about the same book as line 2, which counts"),
    ]
    assert desk.refusals(ended)[0].reference == "812971060"


def test_what_is_set_fills_what_is_missing_and_changes_nothing_that_is_known(desk: Desk) -> None:
    text = f"isbn10,title,authors,language\n{isbn(1)},A,B C,eng\n{isbn(2)},D,E F,\n"
    ended = desk.take_in(text, set=SET)
    assert counts(ended) == {"added": 2}
    assert desk.said(isbn(1)).price.amount == 999
    assert [desk.said(isbn(number)).language for number in (1, 2)] == ["en", "und"]
    assert [(note.where, note.count, note.first_line) for note in ended.progress.notes] == [
        ("format", 2, 2),
        ("language", 1, 3),
    ]
    again = desk.take_in(text, set={"price": "5.00", "publisher": "Quayside"})
    assert counts(again) == {"changed": 2}
    assert desk.said(isbn(1)).price.amount == 999
    assert desk.said(isbn(1)).publisher == "Quayside"
    desk.shelves.check()


def test_a_row_changes_only_what_its_columns_say(desk: Desk) -> None:
    desk.shelves.put(a_book(1, description="Kept.", pages=300, categories=("crime",)))
    ended = desk.take_in(f"isbn,price,pages\n{isbn(1)},12.50,\n{isbn(2)},3.00,12\n")
    assert counts(ended) == {"changed": 1, "refused": 1}
    said = desk.said(isbn(1))
    assert (said.price.amount, said.pages, said.description) == (1250, 300, "Kept.")
    assert said.categories == ("crime",)


def test_a_date_before_printing_is_noted_and_costs_no_record(desk: Desk) -> None:
    head = "isbn,title,author,price,published on\n"
    ended = desk.take_in(head + f"{isbn(1)},A,A B,1,0999\n{isbn(2)},B,A B,1,2001\n")
    assert counts(ended)["added"] == 2
    assert [note.what for note in ended.progress.notes if note.where == "published_on"] == [
        "0999-01-01 is before the year 1000"
    ]
    early = "<PublishingDetail><PublishingDate><PublishingDateRole>02</PublishingDateRole><Date>"
    block = early + "00010101</Date></PublishingDate></PublishingDetail>"
    desk.take_in(onix.message(onix.product(isbn(2), block, notification="04")))
    assert desk.said(isbn(2)).on_sale_on is None


def test_categories_are_known_by_slug_name_and_code_and_others_are_noted(desk: Desk) -> None:
    text = "isbn,title,author,price,genre\n" + "".join(
        f"{isbn(number)},T{number},A B,1.00,{genre}\n"
        for number, genre in enumerate(
            ["crime", "Crime", "FF", "Fiction / Crime", "FIC000000; Unheard of"], 1
        )
    )
    ended = desk.take_in(text)
    assert [desk.said(isbn(number)).categories for number in range(1, 6)] == [
        ("crime",),
        ("crime",),
        ("crime",),
        ("crime",),
        ("fiction",),
    ]
    noted = [note.what for note in ended.progress.notes if note.where == "categories"]
    assert noted == ["Unheard of is not one of this shop"]


def test_stock_is_received_with_new_books_only_unless_levels_are_asked_for(desk: Desk) -> None:
    desk.take_in(HEADER + rows(1, 3))
    more = HEADER + rows(1, 3).replace(",3\n", ",7\n")
    assert counts(desk.take_in(more)) == {"unchanged": 2}
    assert counts(desk.take_in(more, stock="level")) == {"changed": 2}
    assert counts(desk.take_in(more, stock="level")) == {"unchanged": 2}
    assert desk.shelves.scalar(select(func.sum(stock_ledger.c.delta))) == 14
    less = HEADER + rows(1, 2).replace(",3\n", ",2\n")
    assert counts(desk.take_in(less, stock="level")) == {"changed": 1}
    new = HEADER + rows(5, 6)
    assert counts(desk.take_in(new, stock="ignore")) == {"added": 1}
    assert desk.shelves.scalar(select(func.sum(stock_ledger.c.delta))) == 9
    desk.shelves.check()


@pytest.mark.parametrize("kind", ["csv", "onix"])
def test_an_import_that_was_broken_off_goes_on_where_it_stopped(desk: Desk, kind: str) -> None:
    if kind == "csv":
        text = HEADER + rows(1, 1500) + "x,bad,A,1,1\n" + rows(1500, 2600)
    else:
        products = [onix.product(isbn(number)) for number in range(1, 2600)]
        text = onix.message(*products[:1500], onix.product("123"), *products[1500:])
    with pytest.raises(InterruptedError):
        desk.take_in(text, stop_after=2)
    assert desk.shelves.catalogue.size() == 1999
    taken_in_before = desk.versions()
    ended = desk.take_in(text)
    assert counts(ended) == {"added": 2599, "refused": 1}
    assert len(desk.refusals(ended)) == 1
    assert [row for row in desk.versions() if row in taken_in_before] == taken_in_before
    assert {version for _, version in desk.versions()} == {1}
    desk.shelves.check()


def test_a_process_that_lost_its_lease_commits_nothing_more(desk: Desk) -> None:
    file = io.BytesIO((HEADER + rows(1, 3)).encode())
    shape = inspect(file)
    begin = (desk.transactions, desk.shelves.clock, shape, "feed", ImportOptions())
    first, _ = begin_file(*begin)
    second, _ = begin_file(*begin)
    with pytest.raises(LeaseLost):
        desk.importer.run(first, file)
    assert desk.shelves.catalogue.size() == 0
    assert counts(desk.importer.run(second, file)) == {"added": 2}


def test_an_onix_product_becomes_a_book_and_joins_its_other_format(desk: Desk) -> None:
    other = onix.product("9780140328721")
    ended = desk.take_in(onix.message(other, WHOLE))
    assert counts(ended) == {"added": 2}
    stored = desk.shelves.catalogue.stored([Isbn("9780306406157"), Isbn("9780140328721")])
    assert len({edition.work_id for edition in stored.values()}) == 1
    said = desk.said(Isbn("9780306406157"))
    assert said.categories == ("crime", "fiction")
    assert said.series.title == "The Harbour Mysteries"
    noted = {(note.where, note.what) for note in ended.progress.notes}
    assert ("categories", "XAM is not one of this shop") in noted
    assert ("SupportingResource", "a cover is not fetched") in noted
    assert counts(desk.take_in(onix.message(other, WHOLE))) == {"unchanged": 2}


def test_block_updates_replace_their_blocks_alone(desk: Desk) -> None:
    desk.take_in(onix.message(WHOLE))
    number = Isbn("9780306406157")
    block = onix.DESCRIPTION.replace("Northanger Abbey", "A New Title")
    update = onix.product(number, block, notification="04")
    assert counts(desk.take_in(onix.message(update))) == {"changed": 1}
    said = desk.said(number)
    assert (said.title, said.subtitle, said.pages, said.categories) == (
        "A New Title",
        None,
        None,
        (),
    )
    assert (said.publisher, said.price.amount) == ("Quayside Press", 1899)
    assert said.description is not None
    price = onix.product(number, onix.SUPPLY, notification="04")
    assert counts(desk.take_in(onix.message(price))) == {"changed": 1}
    assert desk.said(number).price.amount == 899
    assert desk.said(number).on_sale_on is not None
    unknown = desk.take_in(
        onix.message(onix.product("9780131103627", onix.SUPPLY, notification="04"))
    )
    assert desk.refusals(unknown)[0].reason == "is an update of a book that is not in the catalogue"


def test_a_deletion_withdraws_and_a_withdrawn_book_stays_so(desk: Desk) -> None:
    number = "9780131103627"
    desk.take_in(onix.message(onix.product(number)))
    deletion = onix.message(
        onix.product(number, notification="05"), onix.product("9780140328721", notification="05")
    )
    assert counts(desk.take_in(deletion)) == {"withdrawn": 1, "unchanged": 1}
    assert counts(desk.take_in(deletion)) == {"unchanged": 2}
    again = desk.take_in(onix.message(onix.product(number)) + "\n")
    assert counts(again) == {"unchanged": 1}
    assert again.progress.notes[0].what == "is of a book that is withdrawn, and stays so"
    assert desk.shelves.catalogue.stored([Isbn(number)])[Isbn(number)].withdrawn


def test_records_of_one_onix_chunk_follow_each_other(desk: Desk) -> None:
    number = "9780131103627"
    cheaper = onix.SUPPLY.replace("8.99", "4.99")
    text = onix.message(
        onix.product(number),
        onix.product(number, cheaper, notification="04"),
        onix.product("9780140328721"),
        onix.product("9780140328721", notification="05"),
    )
    ended = desk.take_in(text)
    assert desk.said(Isbn(number)).price.amount == 499
    assert ended.progress.counts.records == 4
    versions = desk.versions()
    desk.take_in(text)
    assert desk.versions() == versions


def test_a_message_that_is_cut_off_changes_nothing(desk: Desk) -> None:
    with pytest.raises(UnreadableFile, match="breaks off at line"):
        desk.take_in(onix.message(onix.product(isbn(1)), onix.product(isbn(2)))[:-400])
    assert desk.shelves.catalogue.size() == 0


def test_a_price_in_another_currency_is_refused(desk: Desk) -> None:
    ended = desk.take_in(f"isbn,title,author,price,currency\n{isbn(1)},A,B C,5,USD\n")
    assert desk.refusals(ended)[0].reason == "the price is in USD, and the shop's are in GBP"


def test_a_file_that_changes_while_it_is_read_is_told(desk: Desk) -> None:
    file = io.BytesIO((HEADER + rows(1, 1_500)).encode())
    lease, _ = begin_file(
        desk.transactions, desk.shelves.clock, inspect(file), "feed", ImportOptions()
    )

    def watch(progress: Progress) -> None:
        if progress.counts.records == 1_000:
            file.truncate(len(file.getvalue()) - 5)

    ended = desk.importer.run(lease, file, watch=watch)
    assert ended.state == "failed"
    assert "changed while it was read" in (ended.progress.failure or "")


def related(isbn_named: str) -> str:
    return (
        "<RelatedMaterial><RelatedProduct><ProductRelationCode>27</ProductRelationCode>"
        f"<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>{isbn_named}</IDValue>"
        "</ProductIdentifier></RelatedProduct></RelatedMaterial>"
    )


def test_a_format_that_is_named_before_it_comes_joins_its_work(desk: Desk) -> None:
    renamed = onix.DESCRIPTION.replace("Northanger Abbey", "Susan")
    text = onix.message(
        onix.product(isbn(1), onix.DESCRIPTION, related(isbn(2)), onix.SUPPLY),
        onix.product(isbn(2), renamed, onix.SUPPLY),
    )
    assert counts(desk.take_in(text)) == {"added": 2}
    stored = desk.shelves.catalogue.stored([isbn(1), isbn(2)])
    assert stored[isbn(1)].work_id == stored[isbn(2)].work_id


def test_a_book_does_not_suffer_from_a_bad_record_of_its_other_format(desk: Desk) -> None:
    text = onix.message(
        onix.product(isbn(1), onix.DESCRIPTION),
        onix.product(isbn(2), onix.DESCRIPTION, related(isbn(1)), onix.SUPPLY),
    )
    ended = desk.take_in(text)
    assert counts(ended) == {"added": 1, "refused": 1}
    assert desk.refusals(ended)[0].reason == "price is missing"


def test_levels_never_fall_below_what_is_reserved(desk: Desk) -> None:
    desk.take_in(HEADER + rows(1, 2))
    desk.shelves.stock.reserve("order", [Line(isbn=isbn(1), quantity=2)], SOON)
    ended = desk.take_in(HEADER + rows(1, 2).replace(",3\n", ",1\n"), stock="level")
    assert counts(ended) == {"unchanged": 1}
    assert [note.what for note in ended.progress.notes] == ["would be less than is reserved; left"]
    desk.shelves.check()


def test_what_a_file_holds_cannot_move_a_terminal_or_fill_the_report(desk: Desk) -> None:
    long = "9" * 100_000
    ended = desk.take_in(f"{HEADER}\x1b[2J{long},A,B,1,1\n{isbn(1)},A,B,\x07,1\n")
    assert all(len(one.reason) <= 500 for one in desk.refusals(ended))
    assert all("\x1b" not in f"{one.reference}{one.reason}" for one in desk.refusals(ended))
