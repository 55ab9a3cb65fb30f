"""Editions on a real database, as admins and imports write them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from functions.inventory.model import (
    BookDetails,
    BookExists,
    BookPatch,
    Cover,
    NewBook,
    NewCategory,
    ReplacedBook,
    UnknownBook,
)
from functions.inventory.store.tables import (
    categories,
    contributors,
    editions,
    listings,
    stock,
    works,
)
from shared.kit.errors import BadInput, IdempotencyMismatch, PreconditionFailed
from tests.support.inventory import SOON, Shelves, a_book, delivery, isbn, lines


def create(shelves: Shelves, book: NewBook, key: str = "key") -> Any:
    """The book as its readers get it."""
    outcome = shelves.catalogue.create(book, "anna", delivery(key, book.model_dump_json()))
    return json.loads(outcome.value.body)


def replace(shelves: Shelves, book: NewBook, if_match: str) -> Any:
    said = {name: getattr(book, name) for name in BookDetails.model_fields}
    written = shelves.catalogue.replace(
        book.isbn, ReplacedBook.model_validate(said), frozenset([if_match])
    )
    return json.loads(written.body)


def versions(shelves: Shelves, number: int) -> tuple[int, int]:
    with shelves.database.primary() as connection:
        row = connection.execute(
            select(editions.c.version, stock.c.version)
            .join_from(editions, stock)
            .where(editions.c.isbn == int(isbn(number)))
        ).one()
    return row[0], row[1]


def test_a_new_book_is_shown_as_it_was_said_with_its_stock(shelves: Shelves) -> None:
    book = a_book(
        subtitle="A novel",
        contributors=({"name": "Jane Austen"}, {"name": "Hugh Thomson", "role": "illustrator"}),
        categories=("crime", "FIC000000"),
        series={"title": "Classics", "volume": "3"},
        pages=480,
        dimensions={"height_mm": 198, "weight_g": 310},
        first_published=1813,
    )
    shown = create(shelves, book)
    assert shown["title"] == "Pride and Prejudice 1"
    assert [(one["name"], one["role"]) for one in shown["contributors"]] == [
        ("Jane Austen", "author"),
        ("Hugh Thomson", "illustrator"),
    ]
    assert {one["id"] for one in shown["categories"]} == {"crime", "fiction"}
    assert shown["series"]["title"] == "Classics"
    assert shown["availability"] == {"status": "in_stock", "available": 10}
    assert shown["dimensions"]["weight_g"] == 310
    stored = shelves.catalogue.stored([isbn(1)])[isbn(1)]
    assert stored.details.model_dump() == {
        **book.model_dump(include=set(BookDetails.model_fields)),
        "categories": ("crime", "fiction"),
    }
    shelves.check()


def test_an_isbn_is_taken_once(shelves: Shelves) -> None:
    create(shelves, a_book())
    with pytest.raises(BookExists):
        create(shelves, a_book(), "another key")
    shelves.check()


def test_a_book_that_was_sent_twice_is_made_once_and_answered_alike(shelves: Shelves) -> None:
    book = a_book()
    first = shelves.catalogue.create(book, "anna", delivery("key"))
    shelves.stock.reserve("r1", lines((1, 1)), SOON)
    again = shelves.catalogue.create(book, "anna", delivery("key"))
    assert again.value == first.value
    assert (first.replayed, again.replayed) == (False, True)
    with pytest.raises(IdempotencyMismatch):
        shelves.catalogue.create(a_book(2), "anna", delivery("key", "another"))


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"price": {"amount": 1, "currency": "USD"}}, "#/price/currency"),
        ({"categories": ("crime", "cookery")}, "#/categories/1"),
        ({"work_of": isbn(9)}, "#/work_of"),
    ],
)
def test_what_only_the_catalogue_can_know_is_named(
    shelves: Shelves, said: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(BadInput) as refused:
        create(shelves, a_book(**said))
    assert [error.pointer for error in refused.value.errors] == [pointer]
    assert shelves.catalogue.size() == 0


def test_editions_of_one_work_show_each_other(shelves: Shelves) -> None:
    create(shelves, a_book(1, title="Emma"), "k1")
    create(shelves, a_book(2, title="EMMA", format="ebook"), "k2")
    create(shelves, a_book(3, title="Emma, abridged", work_of=isbn(1)), "k3")
    shown = create(shelves, a_book(4, title="Persuasion"), "k4")
    assert shown["other_formats"] == []
    with shelves.database.primary() as connection:
        shared = list(
            connection.scalars(select(editions.c.work_id).order_by(editions.c.isbn).limit(3))
        )
    assert len(set(shared)) == 1


def test_a_change_moves_the_metadata_version_and_a_sale_does_not(shelves: Shelves) -> None:
    shelves.put(a_book())
    shelves.stock.reserve("r1", lines((1, 1)), SOON)
    assert versions(shelves, 1) == (1, 2)
    shown = replace(shelves, a_book(title="Emma", pages=300), '"m1-s1"')
    assert (shown["title"], shown["pages"], shown["availability"]["available"]) == ("Emma", 300, 9)
    assert versions(shelves, 1) == (2, 2)


def test_replacing_takes_away_what_is_not_said(shelves: Shelves) -> None:
    shelves.put(a_book(categories=("crime",), series={"title": "Classics"}, pages=3))
    shown = replace(shelves, a_book(), '"m1-s1"')
    assert (shown["categories"], shown["series"], shown["pages"]) == ([], None, None)


@pytest.mark.parametrize("tag", ['"m2-s1"', '"m0-s1"', '"other"', '"m1"'])
def test_a_stale_editor_is_told_the_current_version(shelves: Shelves, tag: str) -> None:
    shelves.put(a_book())
    with pytest.raises(PreconditionFailed) as stale:
        replace(shelves, a_book(title="Emma"), tag)
    assert stale.value.headers["ETag"] == '"m1-s1"'
    with pytest.raises(PreconditionFailed):
        shelves.catalogue.withdraw(isbn(1), frozenset([tag]))
    assert versions(shelves, 1) == (1, 1)


def test_an_editor_who_does_not_care_says_so(shelves: Shelves) -> None:
    shelves.put(a_book())
    assert replace(shelves, a_book(title="Emma"), "*")["title"] == "Emma"


def test_an_unknown_book_cannot_be_changed(shelves: Shelves) -> None:
    with pytest.raises(UnknownBook):
        replace(shelves, a_book(), "*")
    with pytest.raises(UnknownBook):
        shelves.catalogue.patch(isbn(1), BookPatch({}), ["*"])
    with pytest.raises(UnknownBook):
        shelves.catalogue.withdraw(isbn(1), ["*"])
    with pytest.raises(UnknownBook):
        shelves.catalogue.put_covers({isbn(1): Cover("c", "#000000")})


def patched(shelves: Shelves, patch: dict[str, Any]) -> Any:
    return json.loads(shelves.catalogue.patch(isbn(1), BookPatch(patch), ["*"]).body)


def test_a_patch_changes_what_it_names_deeply(shelves: Shelves) -> None:
    shelves.put(a_book(pages=400, dimensions={"height_mm": 198, "weight_g": 310}, subtitle="A"))
    shown = patched(
        shelves, {"price": {"amount": 999}, "dimensions": {"weight_g": None}, "subtitle": None}
    )
    assert shown["price"] == {"amount": 999, "currency": "GBP"}
    assert (shown["dimensions"]["height_mm"], shown["dimensions"]["weight_g"]) == (198, None)
    assert (shown["subtitle"], shown["pages"]) == (None, 400)


@pytest.mark.parametrize(
    "patch",
    [
        {"title": None},
        {"title": " "},
        {"price": {"amount": "999"}},
        {"contributors": []},
        {"colour": "red"},
        {"stock": 5},
        {"dimensions": 5},
    ],
)
def test_a_patch_is_judged_by_the_whole_book_that_it_makes(
    shelves: Shelves, patch: dict[str, Any]
) -> None:
    shelves.put(a_book())
    with pytest.raises(ValidationError):
        patched(shelves, patch)
    assert versions(shelves, 1) == (1, 1)


def test_the_isbn_cannot_be_changed(shelves: Shelves) -> None:
    shelves.put(a_book())
    assert patched(shelves, {"isbn": isbn(1)})["isbn"] == isbn(1)
    with pytest.raises(BadInput):
        patched(shelves, {"isbn": isbn(2)})


def test_a_withdrawn_book_leaves_the_lists_and_stays_readable(shelves: Shelves) -> None:
    shelves.put(a_book(1, title="Emma"), a_book(2, title="Emma", format="ebook"))
    before = versions(shelves, 2)
    shelves.stock.reserve("r1", lines((1, 2)), SOON)
    shelves.catalogue.withdraw(isbn(1), ['"m1-s1"'])
    assert shelves.scalar(select(func.count()).select_from(listings)) == 1
    assert versions(shelves, 2) == before
    shelves.catalogue.withdraw(isbn(1), ["*"])
    shown = patched(shelves, {"pages": 3})
    assert shown["availability"] == {"status": "withdrawn", "available": 0}
    shelves.stock.confirm("r1")
    shelves.check()


def test_a_withdrawn_book_that_is_created_again_comes_back_with_its_stock(
    shelves: Shelves,
) -> None:
    shelves.put(a_book())
    shelves.catalogue.withdraw(isbn(1), ["*"])
    shown = create(shelves, a_book(title="Emma", stock=5))
    assert (shown["title"], shown["availability"]["available"]) == ("Emma", 15)
    assert shelves.scalar(select(func.count()).select_from(listings)) == 1
    shelves.check()


def test_what_is_said_of_the_work_reaches_its_other_editions(shelves: Shelves) -> None:
    shelves.put(a_book(1, title="Emma"), a_book(2, title="Emma", format="ebook"))
    before = versions(shelves, 2)
    replace(shelves, a_book(1, title="Emma", first_published=1815), "*")
    assert shelves.catalogue.stored([isbn(2)])[isbn(2)].details.first_published == 1815
    assert versions(shelves, 2)[0] == before[0] + 1
    replace(shelves, a_book(1, title="Emma", first_published=1815, pages=9), "*")
    assert versions(shelves, 2)[0] == before[0] + 1


def test_a_work_with_one_edition_follows_its_title(shelves: Shelves) -> None:
    shelves.put(a_book(1, title="Ema"))
    replace(shelves, a_book(1, title="Emma"), "*")
    shelves.put(a_book(2, title="Emma", format="ebook"))
    assert shelves.scalar(select(func.count()).select_from(works)) == 1


def test_a_name_is_one_contributor_however_it_is_spelt(shelves: Shelves) -> None:
    shelves.put(
        a_book(1, title="A", contributors=({"name": "Gabriel García Márquez"},)),
        a_book(2, title="B", contributors=({"name": "gabriel garcia marquez"},)),
    )
    assert shelves.scalar(select(func.count()).select_from(contributors)) == 1


def test_the_same_chunk_again_changes_nothing(shelves: Shelves) -> None:
    chunk = [
        a_book(1, title="Emma", categories=("FF",), series={"title": "Classics"}),
        a_book(2, title="Emma", format="ebook", first_published=1815),
        a_book(3, title="Persuasion"),
    ]
    first = shelves.catalogue.put_many(chunk, "import", None)
    assert first.created == (isbn(1), isbn(2), isbn(3))
    before = [versions(shelves, number) for number in (1, 2, 3)]
    again = shelves.catalogue.put_many(chunk, "import", None)
    assert (again.created, again.replaced, again.unchanged) == ((), (), first.created)
    assert [versions(shelves, number) for number in (1, 2, 3)] == before
    shelves.check()


def test_a_chunk_adds_replaces_and_refuses(shelves: Shelves) -> None:
    shelves.put(a_book(1), a_book(2))
    shelves.catalogue.withdraw(isbn(2), ["*"])
    report = shelves.catalogue.put_many(
        [
            a_book(1, title="Emma", stock=500),
            a_book(2, title="Persuasion"),
            a_book(3),
            a_book(4, work_of=isbn(3)),
            a_book(5, work_of=isbn(6)),
            a_book(7, categories=("cookery",)),
            a_book(8, price={"amount": 1, "currency": "EUR"}),
        ],
        "import",
        None,
    )
    assert report.created == (isbn(3), isbn(4))
    assert report.replaced == (isbn(1), isbn(2))
    assert [refusal.isbn for refusal in report.refused] == [isbn(5), isbn(7), isbn(8)]
    assert shelves.catalogue.stored([isbn(2)])[isbn(2)].withdrawn
    assert shelves.scalar(select(stock.c.on_hand).where(stock.c.isbn == int(isbn(1)))) == 10
    shelves.check()


def test_a_thousand_books_are_one_chunk_and_no_more(shelves: Shelves) -> None:
    chunk = [a_book(number, title=f"Book {number}") for number in range(1, 1001)]
    assert len(shelves.catalogue.put_many(chunk, "import", None).created) == 1000
    shelves.check()
    with pytest.raises(ValueError, match="at most 1000"):
        shelves.catalogue.put_many([*chunk, a_book(1001)], "import", None)


def test_categories_are_added_once_and_keep_their_tree(shelves: Shelves) -> None:
    tree = [
        NewCategory(slug="food", name="Food", thema="WB"),
        NewCategory(slug="baking", name="Baking", parent="food", bisac="CKB009000"),
    ]
    shelves.catalogue.put_categories(tree)
    shelves.catalogue.put_categories(tree)
    assert shelves.scalar(select(func.count()).select_from(categories)) == 4
    shelves.put(a_book(categories=("WB", "CKB009000", "baking")))
    stored = shelves.catalogue.stored([isbn(1)])[isbn(1)]
    assert stored.details.categories == ("baking", "food")


def test_a_cover_changes_what_is_shown_and_not_what_is_edited(shelves: Shelves) -> None:
    shelves.put(a_book())
    shelves.catalogue.put_covers({isbn(1): Cover("abc", "#112233")})
    assert versions(shelves, 1) == (1, 2)
    shown = patched(shelves, {})
    assert shown["images"]["large"] == "http://cdn.test/covers/abc-large.webp"
    assert shown["images"]["placeholder_colour"] == "#112233"


def test_an_embargoed_book_is_shown_and_not_for_sale(shelves: Shelves) -> None:
    tomorrow = (shelves.clock.business_now() + timedelta(days=1)).date()
    shown = create(shelves, a_book(on_sale_on=tomorrow))
    assert shown["availability"] == {"status": "not_yet_on_sale", "available": 0}


@pytest.mark.parametrize("text", ["'; DROP TABLE editions; --", '" OR 1=1', "%_[a]\\", "☕️ \u202e"])
def test_text_is_kept_as_text(shelves: Shelves, text: str) -> None:
    shown = create(
        shelves,
        a_book(title=text, subtitle=text, contributors=({"name": text},), description=text),
    )
    assert (shown["title"], shown["contributors"][0]["name"]) == (text, text)
    assert replace(shelves, a_book(title=text), "*")["title"] == text
