"""Authors and categories: found by what readers call them, and listed."""

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    not_,
    or_,
    select,
)

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


def _walk(place: Column[str], *conditions: ColumnElement[bool]) -> Select[Any]:
    return (
        select(contributors.c.id, contributors.c.name, place.label("place"), _BOOKS)
        .where(place >= bindparam("from_place"), *conditions)
        .where(or_(place > bindparam("from_place"), contributors.c.id > bindparam("from_id")))
        .order_by(place, contributors.c.id)
        .limit(bindparam("limit", type_=Integer))
    )


def _begins(place: Column[str]) -> ColumnElement[bool]:
    return and_(place >= bindparam("first"), place < bindparam("last"))


_NAME, _SORT_NAME = contributors.c.name_key, contributors.c.sort_name
_WALKS = (
    _walk(_SORT_NAME, _SORT_NAME < bindparam("last")),
    _walk(_NAME, _NAME < bindparam("last"), not_(_begins(_SORT_NAME))),
    # It reads every name there is, in an index, which takes a tenth of a second for 400,000.
    _walk(_NAME, _NAME.like(bindparam("inside")), not_(_begins(_NAME)), not_(_begins(_SORT_NAME))),
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
    """Those whose family name begins so, in order; then those whose name does; then those in whose
    name any word does.

    Each comes with its place, behind which the next page begins.
    """
    first = " ".join(words(beginning))
    if beginning and not first:
        return []
    starts = (first, first, "") if first else ("",)
    place: str | None
    stage, place, number = after or (0, None, 0)
    found: list[tuple[Author, AuthorPlace]] = []
    while stage < len(starts) and len(found) < limit:
        values = {
            "first": first,
            "last": first + _LAST,
            "inside": f"% {first}%",
            "from_place": starts[stage] if place is None else place,
            "from_id": number,
            "limit": limit - len(found),
        }
        found += (
            (Author(id=row.id, name=row.name, books=row.books), (stage, row.place, row.id))
            for row in connection.execute(_WALKS[stage], values)
        )
        stage, place, number = stage + 1, None, 0
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
