"""Search by SQL Server's full text: the same questions, the same order of hits.

https://learn.microsoft.com/sql/t-sql/queries/contains-transact-sql
"""

from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Select,
    TextClause,
    Unicode,
    bindparam,
    func,
    literal,
    select,
    text,
    union_all,
)

from functions.inventory.read_model import RANKED_HITS, RELEVANT_HITS, Filters, Hits
from functions.inventory.store.popularity import isbn_of
from functions.inventory.store.search import Question, expression
from functions.inventory.store.tables import listings, search_documents
from functions.inventory.store.walk import residue_of, values_of

_STAR = '*"'


class SqlServerSearch:
    def ranked(self, connection: Connection, question: Question, filters: Filters) -> Hits:
        count, last = connection.execute(extent(question)).one()
        if not count:
            return Hits((), approximate=False)
        approximate = count > RANKED_HITS
        statement = ranking(question, filters, last - 1 if approximate else last)
        found = connection.scalars(statement, values_of(filters))
        return Hits(tuple(isbn_of(document) for document in found), approximate)

    def matching(self, connection: Connection, question: Question) -> tuple[Select[Any], bool]:
        count, _ = connection.execute(extent(question)).one()
        return first(question, search_documents.c.isbn, RANKED_HITS), count > RANKED_HITS


def extent(question: Question) -> Select[Any, Any]:
    hits = first(question, search_documents.c.id, RANKED_HITS + 1).subquery("hits")
    return select(func.count().label("found"), func.max(hits.c.id).label("last")).select_from(hits)


def first(question: Question, shown: Column[Any], limit: int) -> Select[Any]:
    return (
        select(shown)
        .where(_contains(expression(question.either, question.always, _STAR)))
        .order_by(search_documents.c.id)
        .limit(limit)
    )


def ranking(question: Question, filters: Filters, last: int) -> Select[Any]:
    worth = [(expression(question.either, question.always, _STAR), 1)]
    for also, weight in question.passes:
        either = [(*one, *also) for one in question.either]
        worth.append((expression(either, question.always, _STAR), weight))
    scored = union_all(
        *(
            select(search_documents.c.id, literal(weight).label("weight")).where(
                _contains(wanted), search_documents.c.id <= last
            )
            for wanted, weight in worth
        )
    ).subquery("scored")
    statement = (
        select(scored.c.id)
        .group_by(scored.c.id)
        .order_by(func.sum(scored.c.weight).desc(), scored.c.id)
        .limit(RELEVANT_HITS)
    )
    residue = residue_of(filters)
    if residue:
        statement = (
            statement.join(search_documents, search_documents.c.id == scored.c.id)
            .join(listings, listings.c.isbn == search_documents.c.isbn)
            .where(*(one.on(listings, chooses=False) for one in residue))
        )
    return statement


def _contains(wanted: str) -> TextClause:
    words = bindparam("wanted", wanted, type_=Unicode, unique=True)
    return text("CONTAINS(search_documents.words, :wanted)").bindparams(words)
