"""Authors and categories: found by what readers call them, and listed."""

from typing import Any

from sqlalchemy import Column, Connection, Integer, Select, bindparam, func, or_, select

from functions.inventory.read_model import Author, AuthorPlace, Category
from functions.inventory.store.tables import (
    categories,
    category_counts,
    contributor_listings,
    contributors,
)
from functions.inventory.words import name_key, words

_LAST = "\U0010ffff"
_BY_NAME = select(contributors.c.id).where(contributors.c.name_key == bindparam("name_key"))
_BY_SLUG = select(categories.c.id).where(categories.c.slug == bindparam("slug"))
_BOOKS = (
    select(func.count())
    .select_from(contributor_listings)
    .where(contributor_listings.c.contributor_id == contributors.c.id)
    .scalar_subquery()
    .label("books")
)
_ONE = select(contributors.c.id, contributors.c.name, _BOOKS).where(
    contributors.c.id == bindparam("id")
)


def _walk(place: Column[str], other: Column[str] | None) -> Select[Any]:
    """Names whose `place` begins as asked, but not those whose `other` does."""
    statement = (
        select(contributors.c.id, contributors.c.name, place.label("place"), _BOOKS)
        .where(place >= bindparam("from_place"), place < bindparam("last"))
        .where(or_(place > bindparam("from_place"), contributors.c.id > bindparam("from_id")))
        .order_by(place, contributors.c.id)
        .limit(bindparam("limit", type_=Integer))
    )
    if other is None:
        return statement
    return statement.where(or_(other < bindparam("first"), other >= bindparam("last")))


_WALKS = (
    _walk(contributors.c.sort_name, None),
    _walk(contributors.c.name_key, contributors.c.sort_name),
)
_TREE = (
    select(
        categories.c.id,
        categories.c.slug,
        categories.c.name,
        categories.c.parent_id,
        categories.c.thema,
        categories.c.bisac,
        func.coalesce(category_counts.c.books, 0).label("books"),
    )
    .outerjoin_from(categories, category_counts, category_counts.c.category_id == categories.c.id)
    .order_by(categories.c.name, categories.c.id)
)


def contributor_id(connection: Connection, author: str) -> int | None:
    """By number, or by the name in full, however it is spelt."""
    named = connection.scalar(_BY_NAME, {"name_key": name_key(author)})
    if named is not None:
        return int(named)
    if author.isascii() and author.isdigit() and len(author) < 10:
        return connection.scalar(select(contributors.c.id).where(contributors.c.id == int(author)))
    return None


def category_id(connection: Connection, slug: str) -> int | None:
    return connection.scalar(_BY_SLUG, {"slug": slug})


def author(connection: Connection, number: int) -> Author | None:
    row = connection.execute(_ONE, {"id": number}).one_or_none()
    return None if row is None else Author(id=row.id, name=row.name, books=row.books)


def authors(
    connection: Connection, beginning: str, after: AuthorPlace | None, limit: int
) -> list[tuple[Author, AuthorPlace]]:
    """Those whose family name begins so, in order; then those whose name does.

    Each comes with its place, behind which the next page begins.
    """
    first = " ".join(words(beginning))
    if beginning and not first:
        return []
    stage, place, number = after or (0, first, 0)
    found: list[tuple[Author, AuthorPlace]] = []
    while stage < (len(_WALKS) if first else 1) and len(found) < limit:
        values = {
            "first": first,
            "last": first + _LAST,
            "from_place": place,
            "from_id": number,
            "limit": limit - len(found),
        }
        found += (
            (Author(id=row.id, name=row.name, books=row.books), (stage, row.place, row.id))
            for row in connection.execute(_WALKS[stage], values)
        )
        stage, place, number = stage + 1, first, 0
    return found


def category_tree(connection: Connection) -> tuple[list[Category], dict[int, Category]]:
    """The roots, and every category by its number."""
    rows = list(connection.execute(_TREE))
    found = {
        row.id: Category(
            id=row.slug,
            name=row.name,
            thema=row.thema,
            bisac=row.bisac,
            books=row.books,
            children=[],
        )
        for row in rows
    }
    roots: list[Category] = []
    for row in rows:
        siblings = roots if row.parent_id is None else found[row.parent_id].children
        siblings.append(found[row.id])
    return roots, found
