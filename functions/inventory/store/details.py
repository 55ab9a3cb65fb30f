"""What was last said of editions, as an admin would say it again."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select

from functions.inventory.model import (
    BookDetails,
    Contributor,
    Dimensions,
    SeriesPlace,
    StoredEdition,
)
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
from shared.kit.isbn import Isbn
from shared.kit.money import Money
from shared.sql.lists import is_listed

_EDITIONS = (
    select(
        editions,
        works.c.original_language,
        works.c.first_published,
        works.c.series_volume,
        series.c.title.label("series_title"),
        stock.c.version.label("stock_version"),
    )
    .join_from(editions, works)
    .join(stock, stock.c.isbn == editions.c.isbn)
    .outerjoin(series, series.c.id == works.c.series_id)
    .where(is_listed(editions.c.isbn, "isbns"))
)
_PEOPLE = (
    select(edition_contributors.c.isbn, contributors.c.name, edition_contributors.c.role)
    .join_from(edition_contributors, contributors)
    .where(is_listed(edition_contributors.c.isbn, "isbns"))
    .order_by(edition_contributors.c.isbn, edition_contributors.c.position)
)
_SHELVES = (
    select(edition_categories.c.isbn, categories.c.slug)
    .join_from(edition_categories, categories)
    .where(is_listed(edition_categories.c.isbn, "isbns"))
    .order_by(categories.c.slug)
)


def read_details(connection: Connection, isbns: Collection[Isbn]) -> dict[Isbn, StoredEdition]:
    """At most a thousand; those that are unknown are left out. Categories are named by slug."""
    numbers = {"isbns": [int(isbn) for isbn in isbns]}
    rows = connection.execute(_EDITIONS, numbers).all()
    if not rows:
        return {}
    people = defaultdict(list)
    for isbn, name, role in connection.execute(_PEOPLE, numbers).all():
        people[isbn].append(Contributor.model_construct(name=name, role=role))
    shelves = defaultdict(list)
    for isbn, slug in connection.execute(_SHELVES, numbers).all():
        shelves[isbn].append(slug)
    return {
        Isbn(f"{row.isbn:013d}"): StoredEdition(
            details=_details(row, people[row.isbn], shelves[row.isbn]),
            version=row.version,
            stock_version=row.stock_version,
            withdrawn=bool(row.withdrawn),
            work_id=row.work_id,
            cover=row.cover,
        )
        for row in rows
    }


def _details(row: Any, people: list[Contributor], shelves: list[str]) -> BookDetails:
    """Not checked again: what was once accepted stays readable when the rules get stricter."""
    place = None
    if row.series_title is not None:
        place = SeriesPlace.model_construct(title=row.series_title, volume=row.series_volume)
    return BookDetails.model_construct(
        title=row.title,
        subtitle=row.subtitle,
        contributors=tuple(people),
        format=row.format,
        language=row.language,
        price=Money.model_construct(amount=row.price_amount, currency=row.price_currency),
        description=row.description,
        series=place,
        categories=tuple(shelves),
        publisher=row.publisher,
        imprint=row.imprint,
        published_on=row.published_on,
        on_sale_on=row.on_sale_on,
        pages=row.pages,
        dimensions=Dimensions.model_construct(
            height_mm=row.height_mm,
            width_mm=row.width_mm,
            thickness_mm=row.thickness_mm,
            weight_g=row.weight_g,
        ),
        original_language=row.original_language,
        first_published=row.first_published,
    )
