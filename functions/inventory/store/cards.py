"""A book as its readers see it, put together from the tables that writers keep."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Connection, bindparam, select

from functions.inventory.store.tables import (
    categories,
    contributors,
    edition_categories,
    edition_contributors,
    editions,
    series,
    stock,
    works,
)

_EDITION = (
    select(
        editions,
        works.c.original_language,
        works.c.first_published,
        works.c.series_id,
        works.c.series_volume,
        series.c.title.label("series_title"),
        stock.c.on_hand,
        stock.c.reserved,
        stock.c.sold,
        stock.c.version.label("stock_version"),
    )
    .select_from(
        editions.join(works, works.c.id == editions.c.work_id)
        .join(stock, stock.c.isbn == editions.c.isbn)
        .outerjoin(series, series.c.id == works.c.series_id)
    )
    .where(editions.c.isbn == bindparam("isbn"))
)
_CONTRIBUTORS = (
    select(contributors.c.id, contributors.c.name, edition_contributors.c.role)
    .join_from(
        edition_contributors,
        contributors,
        contributors.c.id == edition_contributors.c.contributor_id,
    )
    .where(edition_contributors.c.isbn == bindparam("isbn"))
    .order_by(edition_contributors.c.position)
)
_CATEGORIES = (
    select(categories.c.id, categories.c.slug, categories.c.name, categories.c.parent_id)
    .join_from(edition_categories, categories, categories.c.id == edition_categories.c.category_id)
    .where(edition_categories.c.isbn == bindparam("isbn"))
    .order_by(categories.c.name, categories.c.id)
)
_ANCESTOR = select(
    categories.c.id, categories.c.slug, categories.c.name, categories.c.parent_id
).where(categories.c.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class BookRecord:
    """An edition with all that belongs to it; `ancestry` is its categories and their ancestors."""

    edition: Any
    contributors: Sequence[Any]
    categories: Sequence[Any]
    ancestry: Sequence[Any]


def read_book(connection: Connection, isbn: int) -> BookRecord | None:
    edition = connection.execute(_EDITION, {"isbn": isbn}).one_or_none()
    if edition is None:
        return None
    own = list(connection.execute(_CATEGORIES, {"isbn": isbn}))
    return BookRecord(
        edition,
        list(connection.execute(_CONTRIBUTORS, {"isbn": isbn})),
        own,
        _with_ancestors(connection, own),
    )


def card(edition: Any, contributors: Iterable[Any], categories: Iterable[Any]) -> str:
    """JSON of what lists show of a book, but for images and availability."""
    content = {
        "isbn": f"{edition.isbn:013d}",
        "title": edition.title,
        "subtitle": edition.subtitle,
        "contributors": [
            {"id": person.id, "name": person.name, "role": person.role} for person in contributors
        ],
        "series": None
        if edition.series_id is None
        else {
            "id": edition.series_id,
            "title": edition.series_title,
            "volume": edition.series_volume,
        },
        "published_on": None if edition.published_on is None else edition.published_on.isoformat(),
        "language": edition.language,
        "format": edition.format,
        "price": {"amount": edition.price_amount, "currency": edition.price_currency},
        "categories": [{"id": one.slug, "name": one.name} for one in categories],
        "work_id": edition.work_id,
    }
    return to_json(content).decode()


def _with_ancestors(connection: Connection, own: list[Any]) -> list[Any]:
    found = {category.id: category for category in own}
    waiting = [category.parent_id for category in own]
    while waiting:
        parent = waiting.pop()
        if parent is not None and parent not in found:
            found[parent] = connection.execute(_ANCESTOR, {"id": parent}).one()
            waiting.append(found[parent].parent_id)
    return list(found.values())
