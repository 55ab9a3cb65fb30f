"""Editions that were just added, as readers' tables need them, without reading them again."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from functions.inventory.model import NewBook
from functions.inventory.store.bulk_indexing import CATEGORY, ancestry, with_ancestors
from functions.inventory.store.cards import BookRecord
from functions.inventory.store.references import Named
from functions.inventory.store.tables import categories
from functions.inventory.words import name_key
from shared.sql.lists import is_listed

_IN_ORDER = (
    select(*CATEGORY)
    .where(is_listed(categories.c.id, "ids"))
    .order_by(categories.c.name, categories.c.id)
)


class _Edition(NamedTuple):
    isbn: int
    work_id: int
    title: str
    sort_title: str
    subtitle: str | None
    description: str | None
    format: str
    language: str
    published_on: date | None
    on_sale_on: date | None
    price_amount: int
    price_currency: str
    on_hand: int
    series_id: int | None
    series_title: str | None
    series_volume: str | None
    cover: None = None
    cover_colour: None = None
    withdrawn: int = 0
    reserved: int = 0
    sold: int = 0


class _Person(NamedTuple):
    id: int
    name: str
    role: str


class Links(NamedTuple):
    """What editions refer to: contributors and series by `name_key`, categories by each name that
    is used of them."""

    people: Mapping[str, Named]
    shelves: Mapping[str, int]
    series: Mapping[str, Named]


def added_records(
    connection: Connection, books: Iterable[tuple[NewBook, int, str]], links: Links
) -> list[BookRecord]:
    """Of books, each with its work, which says of its series what the book says, and with the key
    of its title.
    """
    ids = sorted(set(links.shelves.values()))
    ordered = {row.id: row for row in connection.execute(_IN_ORDER, {"ids": ids}).all()}
    known = with_ancestors(connection, ordered.values())
    places = {number: place for place, number in enumerate(ordered)}
    shelved: dict[tuple[str, ...], tuple[list[Any], list[Any]]] = {}
    found = []
    for book, work_id, title in books:
        if book.categories not in shelved:
            numbers = {links.shelves[name] for name in book.categories}
            own = [ordered[number] for number in sorted(numbers, key=places.__getitem__)]
            shelved[book.categories] = own, ancestry(own, known)
        people = [_Person(*links.people[name_key(one.name)], one.role) for one in book.contributors]
        edition = _edition(book, work_id, title, links)
        found.append(BookRecord(edition, people, *shelved[book.categories]))
    return found


def _edition(book: NewBook, work_id: int, title: str, links: Links) -> _Edition:
    place = book.series
    series = None if place is None else links.series[name_key(place.title)]
    return _Edition(
        int(book.isbn),
        work_id,
        book.title,
        title,
        book.subtitle,
        book.description,
        book.format,
        book.language,
        book.published_on,
        book.on_sale_on,
        book.price.amount,
        book.price.currency,
        book.stock,
        None if series is None else series.id,
        None if series is None else series.name,
        None if place is None else place.volume,
    )
