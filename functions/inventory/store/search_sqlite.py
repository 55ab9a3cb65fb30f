"""Search by SQLite's FTS5.

Its index gives hits in the order of their ids, which begin with how well a book sells: so the
best-selling hits of a broad word are read without reading the others.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    literal,
    select,
    union_all,
)

from functions.inventory.read_model import RANKED_HITS, RELEVANT_HITS, Filters, Hits
from functions.inventory.store.full_text import BOOK_SEARCH
from functions.inventory.store.popularity import ISBNS, isbn_of
from functions.inventory.store.search import Question, expression
from functions.inventory.store.tables import listings
from functions.inventory.store.walk import Condition, residue_of, values_of

_STAR = '" *'


class SqliteSearch:
    def ranked(self, connection: Connection, question: Question, filters: Filters) -> Hits:
        everything = expression(question.either, question.always, _STAR)
        count, last = connection.execute(_EXTENT, {"match": everything}).one()
        if not count:
            return Hits((), approximate=False)
        approximate = count > RANKED_HITS
        either = ((),) if question.alone else question.either
        worth_more = [
            expression([(*one, *also) for one in either], question.always, _STAR)
            for also, _ in question.passes
        ]
        found = connection.scalars(
            _ranking(tuple(weight for _, weight in question.passes), residue_of(filters)),
            {
                **{
                    f"match_{place}": match for place, match in enumerate([everything, *worth_more])
                },
                **values_of(filters),
                "last": last - 1 if approximate else last,
            },
        )
        return Hits(tuple(isbn_of(document) for document in found), approximate)

    def matching(self, connection: Connection, question: Question) -> tuple[Select[Any], bool]:
        everything = expression(question.either, question.always, _STAR)
        count, _ = connection.execute(_EXTENT, {"match": everything}).one()
        found = (
            select((BOOK_SEARCH.c.rowid % ISBNS).label("isbn"))
            .where(_matches(literal(everything)))
            .order_by(BOOK_SEARCH.c.rowid)
            .limit(RANKED_HITS)
            .execution_options(sqlite_only=True)
        )
        return found, count > RANKED_HITS


def _matches(expression: ColumnElement[Any]) -> ColumnElement[bool]:
    return BOOK_SEARCH.c.book_search.bool_op("MATCH")(expression)


_FIRST = (
    select(BOOK_SEARCH.c.rowid)
    .where(_matches(bindparam("match")))
    .order_by(BOOK_SEARCH.c.rowid)
    .limit(RANKED_HITS + 1)
    .subquery("first")
)
_EXTENT = (
    select(func.count(), func.max(_FIRST.c.rowid))
    .select_from(_FIRST)
    .execution_options(sqlite_only=True)
)


@lru_cache(maxsize=256)
def _ranking(weights: tuple[int, ...], residue: tuple[Condition, ...]) -> Select[Any]:
    scored = union_all(
        *(
            select(BOOK_SEARCH.c.rowid.label("id"), literal(weight).label("weight")).where(
                _matches(bindparam(f"match_{place}")),
                BOOK_SEARCH.c.rowid <= bindparam("last", type_=BigInteger),
            )
            for place, weight in enumerate((1, *weights))
        )
    ).subquery("scored")
    statement = (
        select(scored.c.id)
        .group_by(scored.c.id)
        .order_by(func.sum(scored.c.weight).desc(), scored.c.id)
        .limit(RELEVANT_HITS)
    )
    if residue:
        statement = statement.join(listings, listings.c.isbn == scored.c.id % ISBNS).where(
            *(one.on(listings, chooses=False) for one in residue)
        )
    return statement.execution_options(sqlite_only=True)
