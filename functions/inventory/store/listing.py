"""Pages of books, each a short walk along an index that is already in the page's order.

A filter with one value per edition (`language`, or `format` and `in_stock`) begins an index per
sort on `listings`; one with many (`category`, `author`) has a shelf of its own. What else narrows
is checked on the way. Where that could mean passing over a whole catalogue, because a filter fits
few books, those few are looked up and sorted instead.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from functions.inventory.read_model import Filters, Listed, Sort
from functions.inventory.store.tables import listings, stock
from functions.inventory.store.walk import (
    After,
    Condition,
    Order,
    Part,
    Walk,
    any_of,
    aside,
    conditions_of,
    last_of,
    leads_to,
    residue_of,
    values_of,
)
from shared.sql.lists import is_listed

FEW = 2_000
"""So many books are sorted rather than walked past."""

_ORDERS: dict[Sort, tuple[str, bool]] = {
    "title": ("sort_title", False),
    "-title": ("sort_title", True),
    "price": ("price_amount", False),
    "-price": ("price_amount", True),
    "newest": ("published", True),
    "bestselling": ("sold", True),
    "relevance": ("sold", True),
}
SHOWN = (
    listings.c.isbn,
    listings.c.work_id,
    listings.c.card,
    listings.c.cover,
    listings.c.cover_colour,
    listings.c.embargoed_until,
    stock.c.on_hand,
    stock.c.reserved,
)

FACTS = (
    listings.c.format,
    listings.c.language,
    listings.c.in_stock,
    listings.c.category_ids,
)


def page(
    connection: Connection, filters: Filters, sort: Sort, after: After | None, limit: int
) -> list[Listed]:
    """At most `limit` books in order, those behind `after`; words are not looked at."""
    walk = _plan(connection, filters, Order(*_ORDERS[sort]))
    values = {**values_of(filters), **last_of(after)}
    if after is None or walk.sorts:
        part: Part = "first" if after is None else "behind"
        return _rows(connection, _page(walk, part), {**values, "limit": limit})
    # One condition for both parts would make the database pass over all ties from their start.
    tied = _rows(connection, _page(walk, "tied"), {**values, "limit": limit})
    missing = limit - len(tied)
    if not missing:
        return tied
    return tied + _rows(connection, _page(walk, "beyond"), {**values, "limit": missing})


def sorted_page(
    connection: Connection,
    found: Select[Any],
    filters: Filters,
    sort: Sort,
    after: After | None,
    limit: int,
) -> list[Listed]:
    """`page` of what a search found: `found` gives ISBNs, `filters` what it did not look at."""
    order = Order(*_ORDERS[sort])
    hits = found.subquery("hits")
    statement = (
        _shown(listings.c[order.key])
        .join_from(hits, listings, listings.c.isbn == hits.c.isbn)
        .join(stock, stock.c.isbn == listings.c.isbn)
        .where(*(one.on(listings, chooses=False) for one in residue_of(filters)))
        .order_by(*order.of([aside(listings.c[order.key]), listings.c.isbn]))
        .limit(limit)
        .execution_options(**found.get_execution_options())
    )
    if after is not None:
        statement = statement.where(order.past(listings, "behind"))
    return _rows(connection, statement, {**values_of(filters), **last_of(after)})


def cards(connection: Connection, isbns: Sequence[int]) -> list[Listed]:
    """The listed books among `isbns`, in that order."""
    found = {row.isbn: row for row in _rows(connection, _CARDS, {"isbns": list(isbns)})}
    return [found[isbn] for isbn in isbns if isbn in found]


def facts(connection: Connection, filters: Filters, limit: int) -> list[Any]:
    """What facets count, of the best-selling books that the filters let through, words aside."""
    walk = _plan(connection, filters, Order(*_ORDERS["bestselling"]))
    return list(connection.execute(_facts(walk), {**values_of(filters), "limit": limit}))


def facts_found(connection: Connection, found: Select[Any], filters: Filters) -> list[Any]:
    """The same of what a search found."""
    hits = found.subquery("hits")
    statement = (
        select(*FACTS)
        .join_from(hits, listings, listings.c.isbn == hits.c.isbn)
        .where(*(one.on(listings, chooses=False) for one in residue_of(filters)))
    )
    grouped = _grouped(statement).execution_options(**found.get_execution_options())
    return list(connection.execute(grouped, values_of(filters)))


@lru_cache(maxsize=1024)
def _page(walk: Walk, part: Part) -> Select[Any]:
    source = walk.source
    shown = _shown(source.c[walk.order.key])
    if source is listings:
        joined = shown.join_from(listings, stock, stock.c.isbn == listings.c.isbn)
    else:
        joined = shown.join_from(source, listings, listings.c.isbn == source.c.isbn).join(
            stock, stock.c.isbn == source.c.isbn
        )
    return walk.narrowed(joined, part)


@lru_cache(maxsize=256)
def _facts(walk: Walk) -> Select[Any]:
    source = walk.source
    placed = select(source.c.isbn, source.c[walk.order.key].label("key"))
    # Without an offset SQLAlchemy leaves the order out of T-SQL's subqueries, but not the limit.
    hits = walk.narrowed(placed, "first").offset(0).subquery("hits")
    return _grouped(select(*FACTS).join_from(hits, listings, listings.c.isbn == hits.c.isbn))


def _grouped(statement: Select[Any]) -> Select[Any]:
    books = statement.subquery("books")
    return select(*books.c, func.count().label("books")).group_by(*books.c)


@lru_cache(maxsize=32)
def _fitting(condition: Condition) -> Select[Any]:
    """How many books a condition fits, counted as far as `FEW` and one."""
    others = [column for column in leads_to(condition.column) if column != condition.column]
    fitting = (
        select(listings.c.isbn)
        .where(condition.on(listings, chooses=True), *any_of(others))
        .limit(FEW + 1)
    )
    return select(func.count()).select_from(fitting.subquery("fitting"))


def _plan(connection: Connection, filters: Filters, order: Order) -> Walk:
    conditions = conditions_of(filters)
    if filters.contributor_id is not None:
        return Walk("contributor_id", filters.category_id is not None, conditions, order)
    if filters.category_id is not None:
        return Walk("category_id", False, conditions, order)
    first = "language" if filters.language is not None else "format"
    leads = leads_to(first)
    if _passes_over_some(conditions, leads, order.key):
        narrow = _fewest(connection, conditions, values_of(filters))
        if narrow is not None:
            return Walk(None, False, conditions, order, leads_to(narrow.column), sorts=True)
    return Walk(None, False, conditions, order, leads)


def _passes_over_some(conditions: Sequence[Condition], leads: Sequence[str], key: str) -> bool:
    """What an index begins with, and a range of its sort key, is walked without passing over any
    book that does not fit."""
    return any(one.column != key and one.column not in leads for one in conditions)


def _fewest(
    connection: Connection, conditions: Sequence[Condition], values: dict[str, Any]
) -> Condition | None:
    """The condition that fits the fewest books, if those are few."""
    counted = [(connection.scalar(_fitting(one), values) or 0, one) for one in conditions]
    count, fewest = min(counted, key=lambda pair: pair[0])
    return fewest if count <= FEW else None


def _shown(key: ColumnElement[Any]) -> Select[Any]:
    return select(*SHOWN, key.label("key"))


def _rows(connection: Connection, statement: Select[Any], values: dict[str, Any]) -> list[Listed]:
    return [Listed(*row) for row in connection.execute(statement, values)]


_CARDS = (
    _shown(listings.c.isbn)
    .join_from(listings, stock, stock.c.isbn == listings.c.isbn)
    .where(is_listed(listings.c.isbn, "isbns"))
)
