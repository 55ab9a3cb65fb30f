"""Lists, filters, cursors and books, against the plain rule applied to everything there is."""

import itertools
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from functions.inventory.model import BookPatch, NewBook, UnknownBook
from functions.inventory.read_model import (
    SORTS,
    AuthorQuery,
    Book,
    BookPage,
    BookQuery,
    UnknownAuthor,
)
from functions.inventory.words import title_key
from shared.kit.errors import BadInput
from tests.support.inventory import SOON, Shelves, a_book, isbn, lines
from tests.support.reading import Reader, read

TODAY = date(2026, 3, 1)
FORMATS = ("hardcover", "paperback", "ebook", "audiobook")
TITLES = ("The Óða", "An Apple", "apple", "Zebra", "L'Étranger", "Łódź", "Æsop", "The The")


def some_books(count: int = 60) -> list[NewBook]:
    """Many share a sort key, so that ties stand at the edges of pages."""
    return [
        a_book(
            number,
            title=TITLES[number % len(TITLES)],
            format=FORMATS[number % 4],
            language=("en", "de", "fr")[number // 2 % 3],
            price={"amount": 500 + 100 * (number % 5), "currency": "GBP"},
            stock=number % 3,
            published_on=None if number % 7 == 0 else date(2000 + number % 6, 1, 1),
            contributors=({"name": ("Jane Austen", "Łukasz Ørn")[number % 2]},),
            categories=(("crime",), ("fiction",), ())[number % 3],
            description=f"Words about {number}",
        )
        for number in range(1, count + 1)
    ]


def shown_key(book: dict[str, Any], sort: str) -> Any:
    keys: dict[str, Callable[[], Any]] = {
        "title": lambda: title_key(book["title"]),
        "price": lambda: book["price"]["amount"],
        "newest": lambda: book["published_on"] or "0001-01-01",
        "bestselling": lambda: 0,
    }
    return keys[sort.removeprefix("-")](), int(book["isbn"])


def all_pages(browse: Reader, limit: int = 7, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = read(browse.books(BookQuery(limit=limit, cursor=cursor, **query)))
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        assert len(page["items"]) == limit


@pytest.mark.parametrize("sort", [sort for sort in SORTS if sort != "relevance"])
@pytest.mark.parametrize(
    "narrowed",
    [
        {},
        {"language": "de"},
        {"format": "ebook", "in_stock": True},
        {"category": "fiction"},
        {"author": "lukasz orn"},
        {"author": "Jane Austen", "category": "crime"},
        {"min_price": 600, "max_price": 800},
        {"published_from": date(2001, 1, 1), "published_to": date(2003, 1, 1)},
        {"category": "fiction", "min_price": 700, "language": "fr", "in_stock": True},
    ],
    ids=str,
)
def test_pages_hold_every_book_that_fits_once_and_in_order(
    shelves: Shelves, sort: Any, narrowed: dict[str, Any]
) -> None:
    shelves.put(*some_books())
    browse = Reader(shelves)
    everything = all_pages(browse, 100)
    assert len(everything) == 60

    def fits(book: dict[str, Any]) -> bool:
        slugs = {one["id"] for one in book["categories"]}
        if "crime" in slugs:
            slugs.add("fiction")
        names = {title_key(one["name"]) for one in book["contributors"]}
        day = book["published_on"]
        rules = {
            "language": lambda value: book["language"] == value,
            "format": lambda value: book["format"] == value,
            "in_stock": lambda value: (book["availability"]["available"] > 0) == value,
            "category": lambda value: value in slugs,
            "author": lambda value: title_key(value) in names,
            "min_price": lambda value: book["price"]["amount"] >= value,
            "max_price": lambda value: book["price"]["amount"] <= value,
            "published_from": lambda value: day is not None and day >= value.isoformat(),
            "published_to": lambda value: day is not None and day <= value.isoformat(),
        }
        return all(rules[name](value) for name, value in narrowed.items())

    wanted = sorted(
        filter(fits, everything),
        key=lambda book: shown_key(book, sort),
        reverse=sort in ("-title", "-price", "newest", "bestselling"),
    )
    assert wanted
    shown = all_pages(browse, sort=sort, **narrowed)
    assert [book["isbn"] for book in shown] == [book["isbn"] for book in wanted]


@pytest.mark.parametrize("sort", ["title", "-price", "newest"])
def test_paging_shows_once_what_was_there_throughout_while_others_come_and_go(
    shelves: Shelves, sort: Any
) -> None:
    shelves.put(*some_books(40))
    browse = Reader(shelves)
    lasting = {isbn(number) for number in range(1, 41) if number % 4}
    seen: list[str] = []
    cursor = None
    for turn in itertools.count():
        page = read(browse.books(BookQuery(limit=3, sort=sort, cursor=cursor)))
        seen += [book["isbn"] for book in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        leaving, coming = 4 * (turn + 1), 100 + turn
        if leaving <= 40:
            shelves.catalogue.withdraw(isbn(leaving), ["*"])
        shelves.put(*(book for book in some_books(coming) if book.isbn == isbn(coming)))
    assert len(seen) == len(set(seen))
    assert lasting <= set(seen)


def test_a_copy_that_is_sold_moves_a_book_up_among_the_bestselling(shelves: Shelves) -> None:
    shelves.put(*(a_book(number) for number in (1, 2, 3)))
    browse = Reader(shelves)
    for order, number, copies in (("o-1", 2, 2), ("o-2", 1, 1)):
        until = shelves.clock.business + timedelta(hours=1)
        shelves.stock.reserve(order, lines((number, copies)), until)
        shelves.stock.confirm(order)
    listed = [book["isbn"] for book in all_pages(browse, sort="bestselling")]
    assert listed == [isbn(2), isbn(1), isbn(3)]


def test_a_cursor_serves_only_the_query_it_was_made_for(shelves: Shelves) -> None:
    shelves.put(*some_books(10))
    browse = Reader(shelves)
    cursor = read(browse.books(BookQuery(limit=2, sort="price")))["next_cursor"]
    assert read(browse.books(BookQuery(limit=5, sort="price", cursor=cursor)))["items"]
    for other in ({"sort": "title"}, {"sort": "price", "language": "de"}, {"q": "apple"}):
        with pytest.raises(BadInput, match="cursor"):
            browse.books(BookQuery(cursor=cursor, **other))
    for damaged in (cursor[:-2], cursor[1:], "A" * 40, "%%%", "\N{SNOWMAN}"):
        with pytest.raises(BadInput, match="cursor"):
            browse.books(BookQuery(sort="price", cursor=damaged))


def test_a_filter_that_names_nothing_known_finds_nothing(shelves: Shelves) -> None:
    shelves.put(a_book())
    browse = Reader(shelves)
    for narrowed in ({"category": "no-such"}, {"author": "Nobody"}, {"author": "9999"}):
        page = read(browse.books(BookQuery(facets=True, **narrowed)))
        assert (page["items"], page["next_cursor"], page["facets"]["total"]) == ([], None, 0)


def test_an_author_is_found_by_the_id_that_books_show(shelves: Shelves) -> None:
    shelves.put(*some_books(6))
    browse = Reader(shelves)
    person = all_pages(browse)[0]["contributors"][0]
    by_id = all_pages(browse, author=str(person["id"]))
    assert by_id == all_pages(browse, author=person["name"])
    assert read(browse.author(person["id"]))["books"] == len(by_id) == 3
    with pytest.raises(UnknownAuthor):
        browse.author(10_000)


def test_chosen_fields_are_shown_and_no_others(shelves: Shelves) -> None:
    shelves.put(a_book(description="Long"))
    browse = Reader(shelves)
    light = read(browse.books(BookQuery(fields="title, price")))["items"][0]
    assert set(light) == {"isbn", "title", "price"}
    full = read(browse.books(BookQuery(fields="description,other_formats")))["items"][0]
    assert full == {"isbn": isbn(1), "description": "Long", "other_formats": []}


def test_a_book_is_shown_in_full_with_its_other_formats(shelves: Shelves) -> None:
    shelves.put(
        a_book(1, series={"title": "Novels", "volume": "2"}, categories=("crime",)),
        a_book(2, format="ebook", title="Pride and Prejudice 1"),
    )
    browse = Reader(shelves)
    entry = browse.book(isbn(1))
    book = Book.model_validate_json(entry.body)
    assert [(one.isbn, one.format) for one in book.other_formats] == [(isbn(2), "ebook")]
    assert book.series is not None
    assert (book.series.title, book.series.volume) == ("Novels", "2")
    assert [one.id for one in book.categories] == ["crime"]
    assert (book.availability.status, book.availability.available) == ("in_stock", 10)
    with pytest.raises(UnknownBook):
        browse.book(isbn(404))


def test_an_entity_tag_moves_with_all_that_is_shown_and_with_nothing_else(
    shelves: Shelves,
) -> None:
    shelves.put(a_book(1, title="Emma"), a_book(2, title="Dune"))
    browse = Reader(shelves)
    assert browse.book(isbn(1)).etag == browse.availability(isbn(1)).etag == '"m1-s1"'
    shelves.put(a_book(3, title="Emma", format="ebook", stock=2))
    tags = [browse.book(isbn(1)).etag]
    assert re.fullmatch(r'"m1-s1[0-9]{10}"', tags[0])
    shelves.stock.reserve("r1", lines((3, 1)), SOON)
    tags.append(browse.book(isbn(1)).etag)
    shelves.catalogue.patch(isbn(3), BookPatch({"price": {"amount": 1, "currency": "GBP"}}), ["*"])
    tags.append(browse.book(isbn(1)).etag)
    shelves.catalogue.withdraw(isbn(3), ["*"])
    tags.append(browse.book(isbn(1)).etag)
    assert len(set(tags)) == 4
    shelves.stock.reserve("r2", lines((2, 1)), SOON)
    assert browse.book(isbn(1)).etag == tags[-1] == '"m1-s1"'


def test_what_cannot_be_sold_says_why(shelves: Shelves) -> None:
    tomorrow = TODAY + timedelta(days=1)
    shelves.put(a_book(1), a_book(2, stock=0), a_book(3, on_sale_on=tomorrow))
    shelves.catalogue.withdraw(isbn(1), ["*"])
    browse = Reader(shelves)
    levels = [read(browse.availability(isbn(number))) for number in (1, 2, 3)]
    assert [(one["status"], one["available"]) for one in levels] == [
        ("withdrawn", 0),
        ("out_of_stock", 0),
        ("not_yet_on_sale", 0),
    ]
    withdrawn = Book.model_validate_json(browse.book(isbn(1)).body)
    assert withdrawn.title == "Pride and Prejudice 1"
    assert [book["isbn"] for book in all_pages(browse, sort="title")] == [isbn(2), isbn(3)]


def test_a_book_goes_on_sale_with_the_first_reader_of_its_day(shelves: Shelves) -> None:
    shelves.put(a_book(on_sale_on=TODAY + timedelta(days=1)))
    browse = Reader(shelves)
    before = browse.book(isbn(1)).etag
    assert all_pages(browse, in_stock=True) == []
    assert len(all_pages(browse, in_stock=False)) == 1
    shelves.clock.advance_business(timedelta(days=1))
    assert [book["availability"]["status"] for book in all_pages(browse, in_stock=True)] == [
        "in_stock"
    ]
    assert browse.book(isbn(1)).etag != before


def test_facets_count_what_each_value_would_leave(shelves: Shelves) -> None:
    shelves.put(*some_books())
    browse = Reader(shelves)
    for narrowed in ({}, {"language": "de"}, {"q": "apple"}, {"category": "fiction"}):
        facets = read(browse.books(BookQuery(facets=True, limit=1, **narrowed)))["facets"]
        assert facets["total"] == len(all_pages(browse, 100, **narrowed))
        assert not facets["at_least"]
        for name in ("category", "format", "language", "in_stock"):
            for value in facets[name]:
                wanted = narrowed | {name: value["value"]}
                assert value["count"] == len(all_pages(browse, 100, **wanted)), (narrowed, value)


def test_the_tree_of_categories_counts_each_book_once_on_every_level(shelves: Shelves) -> None:
    shelves.put(*some_books(9), a_book(50, categories=("crime", "fiction")))
    browse = Reader(shelves)
    [fiction] = read(browse.categories())["items"]
    assert (fiction["id"], fiction["books"], fiction["thema"]) == ("fiction", 7, "F")
    assert [(one["id"], one["books"]) for one in fiction["children"]] == [("crime", 4)]
    shelves.catalogue.withdraw(isbn(50), ["*"])
    assert read(browse.categories())["items"][0]["books"] == 6


def test_authors_are_listed_by_family_name_and_found_by_either_name(shelves: Shelves) -> None:
    names = ["Ursula K. Le Guin", "Zoë Guinn", "Guin Abel", "Jane Austen", "Émile Zola"]
    shelves.put(
        *(a_book(place, contributors=({"name": name},)) for place, name in enumerate(names, 1))
    )
    browse = Reader(shelves)

    def found(beginning: str | None) -> list[str]:
        listed: list[str] = []
        cursor = None
        while True:
            page = read(browse.authors(AuthorQuery(q=beginning, limit=1, cursor=cursor)))
            listed += [author["name"] for author in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return listed

    assert found(None) == [
        "Guin Abel",
        "Jane Austen",
        "Ursula K. Le Guin",
        "Zoë Guinn",
        "Émile Zola",
    ]
    assert found("GUIN") == ["Ursula K. Le Guin", "Zoë Guinn", "Guin Abel"]
    assert found("emile") == ["Émile Zola"]
    assert found("le gu") == ["Ursula K. Le Guin"]
    assert found("l") == ["Ursula K. Le Guin"]
    shelves.put(a_book(6, contributors=({"name": "Lena Ab"}, {"name": "Abe Ab Le"})))
    later = Reader(shelves)
    assert [one["name"] for one in read(later.authors(AuthorQuery(q="le")))["items"]] == [
        "Abe Ab Le",
        "Lena Ab",
        "Ursula K. Le Guin",
    ]
    assert found("***") == []
    with pytest.raises(BadInput, match="cursor"):
        browse.authors(AuthorQuery(cursor="nonsense"))


def test_answers_have_the_shape_that_is_promised(shelves: Shelves) -> None:
    shelves.put(*some_books(5))
    browse = Reader(shelves)
    page = BookPage.model_validate_json(browse.books(BookQuery(facets=True, q="apple")).body)
    assert page.facets is not None
    assert page.approximate is False
    assert json.loads(browse.books(BookQuery()).body).keys() == {"items", "next_cursor"}
