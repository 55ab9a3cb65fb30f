"""The shape of a question about listings, apart from its values: a statement is made once for each.

Making a statement takes longer than running it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import Any, Literal, get_args

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    exists,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from functions.inventory.model import Format
from functions.inventory.read_model import Filters
from functions.inventory.store.tables import (
    NO_DATE,
    category_listings,
    contributor_listings,
    listings,
)

End = Literal["is", "from", "to"]
_ENDS: tuple[End, ...] = ("from", "to")
_ALL: dict[str, Sequence[Any]] = {"format": get_args(Format), "in_stock": (0, 1)}
_FIRST_DATE = NO_DATE + timedelta(days=1)
Part = Literal["first", "tied", "beyond", "behind"]


class aside(FunctionElement[Any]):  # noqa: N801
    """A column that must not choose the index; SQLite's unary plus says so."""

    inherit_cache = True
    name = "aside"

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(aside)
def _plain(element: aside, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(aside, "sqlite")
def _plus(element: aside, compiler: Any, **options: Any) -> str:
    return "+" + str(compiler.process(element.clauses, **options))


@dataclass(frozen=True, slots=True)
class After:
    """The sort key and ISBN of the last book shown."""

    key: str | int | date
    isbn: int


@dataclass(frozen=True, slots=True)
class Condition:
    """One column's value (`is`), or its range with both ends inside (`from`, `to`)."""

    column: str
    ends: tuple[End, ...] = ("is",)

    @property
    def is_range(self) -> bool:
        return self.ends != ("is",)

    def on(self, source: FromClause, *, chooses: bool) -> ColumnElement[bool]:
        column = source.c[self.column]
        side: ColumnElement[Any] = column if chooses else aside(column)
        compared = {"is": side.__eq__, "from": side.__ge__, "to": side.__le__}
        return and_(
            *(
                compared[end](bindparam(f"{self.column}_{end}", type_=column.type))
                for end in self.ends
            )
        )


@dataclass(frozen=True, slots=True)
class Order:
    """Ties are broken by ISBN, in the same direction, so that an index can be walked both ways."""

    key: str
    descending: bool

    def of(self, places: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
        """Sorted by these: a key and an ISBN."""
        return [place.desc() if self.descending else place.asc() for place in places]

    def past(self, source: FromClause, part: Part) -> ColumnElement[bool]:
        """The rows behind the last one shown: with the same key, with another, or both."""
        key, isbn = source.c[self.key], source.c.isbn
        last_key = bindparam("last_key", type_=key.type)
        last_isbn = bindparam("last_isbn", type_=isbn.type)
        beyond = key < last_key if self.descending else key > last_key
        tied = and_(key == last_key, isbn < last_isbn if self.descending else isbn > last_isbn)
        if part == "tied":
            return tied
        return and_(beyond) if part == "beyond" else or_(beyond, tied)


@dataclass(frozen=True, slots=True)
class Walk:
    """The shape of a question: which rows, in which order, and with what its index begins.

    Of listings an index begins with the language, or with the format and `in_stock`: where one of
    these two is not asked for, the walks of all its values are merged. `sorts`: the books that fit
    are few, and are looked up by an index that begins with `leads`, whatever its order.
    """

    owner: Literal["category_id", "contributor_id"] | None
    in_category: bool
    conditions: tuple[Condition, ...]
    order: Order
    leads: tuple[str, ...] = ()
    sorts: bool = False

    @property
    def source(self) -> Table:
        if self.owner is None:
            return listings
        return category_listings if self.owner == "category_id" else contributor_listings

    def narrowed(self, statement: Select[Any], part: Part) -> Select[Any]:
        """At most `limit` rows of a statement of books, in order. It has the source, and among its
        columns the ISBN and the sort key, as `key`.
        """
        source, key = self.source, self.order.key
        # Ties have one value of the key, which finds them better than the range it lies in.
        choosers = self.leads if self.sorts or part == "tied" else (*self.leads, key)
        for one in self.conditions:
            statement = statement.where(one.on(source, chooses=one.column in choosers))
        if self.owner is not None:
            statement = statement.where(source.c[self.owner] == bindparam(self.owner))
        if self.in_category:
            statement = statement.where(
                exists().where(
                    category_listings.c.category_id == bindparam("category_id"),
                    category_listings.c.isbn == source.c.isbn,
                )
            )
        if part != "first":
            statement = statement.where(self.order.past(source, part))
        given = {one.column for one in self.conditions}
        free = [column for column in self.leads if column in _ALL and column not in given]
        places: list[ColumnElement[Any]] = [source.c[key], source.c.isbn]
        if self.sorts:
            statement = statement.where(*any_of(free))
            places[0] = aside(places[0])
        elif free:
            ways = product(*(_each_of(column) for column in free))
            merged = union_all(*(statement.where(*way) for way in ways)).subquery("merged")
            statement = select(*merged.c)
            places = [merged.c.key, merged.c.isbn]
        ordered = statement.order_by(*self.order.of(places))
        return ordered.limit(bindparam("limit", type_=Integer))


def leads_to(column: str) -> tuple[str, ...]:
    """With what the index begins that has a listing's column, up to that column."""
    if column == "language":
        return ("language",)
    return tuple(dict.fromkeys((*_ALL, column)))


def any_of(columns: Iterable[str]) -> list[ColumnElement[bool]]:
    """True of every listing, so that an index that begins with these columns is of use."""
    return [
        listings.c[column].in_([literal(value) for value in _ALL[column]]) for column in columns
    ]


def _each_of(column: str) -> list[ColumnElement[bool]]:
    return [listings.c[column] == value for value in _ALL[column]]


def conditions_of(filters: Filters) -> tuple[Condition, ...]:
    given = values_of(filters)
    found = [
        Condition(column)
        for column in ("language", "format", "in_stock")
        if f"{column}_is" in given
    ]
    for column in ("price_amount", "published"):
        ends = tuple(end for end in _ENDS if f"{column}_{end}" in given)
        if ends:
            found.append(Condition(column, ends))
    return tuple(found)


def values_of(filters: Filters) -> dict[str, Any]:
    first = filters.published_from
    if first is None and filters.published_to is not None:
        first = _FIRST_DATE
    values = {
        "category_id": filters.category_id,
        "contributor_id": filters.contributor_id,
        "language_is": filters.language,
        "format_is": filters.format,
        "in_stock_is": None if filters.in_stock is None else int(filters.in_stock),
        "price_amount_from": filters.min_price,
        "price_amount_to": filters.max_price,
        "published_from": first,
        "published_to": filters.published_to,
    }
    return {name: value for name, value in values.items() if value is not None}


def last_of(after: After | None) -> dict[str, Any]:
    return {} if after is None else {"last_key": after.key, "last_isbn": after.isbn}


def residue_of(filters: Filters) -> tuple[Condition, ...]:
    """What full text cannot check by its tags."""
    return tuple(one for one in conditions_of(filters) if one.column not in ("language", "format"))
