"""In how many documents each word stands, counted up for a thousand documents at once."""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects import sqlite

from functions.inventory.store.search_terms import term_columns
from functions.inventory.store.tables import search_terms
from shared.sql.lists import is_listed
from shared.sql.many import execute_columns, execute_many

_KNOWN = select(search_terms.c.term).where(is_listed(search_terms.c.term, "words"))
_MORE = (
    update(search_terms)
    .where(search_terms.c.term == bindparam("key"))
    .values(documents=search_terms.c.documents + bindparam("more"))
)
_NEW = insert(search_terms)
_NEW_ON_SQLITE = sqlite.insert(search_terms)
_NEW_OR_MORE = _NEW_ON_SQLITE.on_conflict_do_update(
    index_elements=[search_terms.c.term],
    set_={"documents": search_terms.c.documents + _NEW_ON_SQLITE.excluded.documents},
).execution_options(sqlite_only=True)


def count_words(connection: Connection, added: Mapping[str, int]) -> None:
    # In order, neighbours fall into the same pages.
    if connection.dialect.name == "sqlite":
        if added:
            execute_columns(connection, _NEW_OR_MORE, term_columns(sorted(added), added))
    else:
        count_words_one_way_or_the_other(connection, added)


def count_words_one_way_or_the_other(connection: Connection, added: Mapping[str, int]) -> None:
    """In statements that SQL Server knows too: its MERGE is no safe twin of an upsert."""
    words = sorted(added)
    known = set(connection.scalars(_KNOWN, {"words": words}))
    if known:
        more = [{"key": word, "more": added[word]} for word in words if word in known]
        execute_many(connection, _MORE, more)
    if new := [word for word in words if word not in known]:
        execute_columns(connection, _NEW, term_columns(new, added))
