"""What editions refer to, found by name or made: contributors, series, categories, works.

Every function takes a whole batch and asks once for each kind.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from functions.inventory.model import BookDetails, NewCategory
from functions.inventory.store.tables import categories, contributors, editions, series, works
from functions.inventory.words import name_key, sort_name, title_key
from shared.kit.isbn import Isbn
from shared.sql.lists import is_listed
from shared.sql.many import execute_many

_RACES = 5
_SAID_OF_WORKS = select(
    works.c.id,
    works.c.original_language,
    works.c.first_published,
    works.c.series_id,
    works.c.series_volume,
).where(is_listed(works.c.id, "ids"))
_MATCHING = (
    select(works.c.match_key, func.min(works.c.id))
    .where(is_listed(works.c.match_key, "names"))
    .group_by(works.c.match_key)
)
_BY_CODE = tuple(
    select(categories.c.id, categories.c.slug, code.label("reference"))
    .where(is_listed(code, "names"))
    .order_by(categories.c.id.desc())
    for code in (categories.c.bisac, categories.c.thema, categories.c.slug)
)
_BY_KEY = {
    key: select(key, key.table.c.id, name).where(is_listed(key, "names"))
    for key, name in (
        (contributors.c.name_key, contributors.c.name),
        (series.c.title_key, series.c.title),
    )
}
_NEW = {table: insert(table) for table in (contributors, series, works)}


class Named(NamedTuple):
    """A contributor or a series; once it is stored, the spelling of its name stays."""

    id: int
    name: str


def contributors_named(connection: Connection, names: Iterable[str]) -> dict[str, Named]:
    """By `name_key`; those that are new are made."""
    return _found_or_made(
        connection,
        contributors.c.name_key,
        {name_key(name): name for name in names},
        lambda key, name: {"name": name, "name_key": key, "sort_name": sort_name(name)},
    )


def series_of(connection: Connection, books: Iterable[BookDetails]) -> dict[str, Named]:
    """By `name_key` of the title; those that are new are made."""
    return _found_or_made(
        connection,
        series.c.title_key,
        {name_key(book.series.title): book.series.title for book in books if book.series},
        lambda key, title: {"title": title, "title_key": key},
    )


def category_slugs(connection: Connection, references: Iterable[str]) -> dict[str, str]:
    """The slug for each slug, Thema or BISAC code that is known."""
    return {name: row.slug for name, row in _categories(connection, references).items()}


def category_ids(connection: Connection, references: Iterable[str]) -> dict[str, int]:
    return {name: row.id for name, row in _categories(connection, references).items()}


def put_categories(connection: Connection, tree: Sequence[NewCategory]) -> None:
    """Adds what is new by its slug, parents before children, and leaves the rest alone."""
    known = category_ids(connection, [one.slug for one in tree])
    for one in tree:
        if one.slug not in known:
            row = {
                "slug": one.slug,
                "name": one.name,
                "parent_id": None if one.parent is None else known[one.parent],
                "thema": one.thema,
                "bisac": one.bisac,
            }
            result = connection.execute(insert(categories), row)
            assert result.inserted_primary_key is not None
            known[one.slug] = result.inserted_primary_key[0]


def match_key(details: BookDetails, title: str) -> str:
    """Editions with the same key are taken for the same work; `title` is the `title_key`."""
    return f"{name_key(details.contributors[0].name)}|{title}"[:400]


def matching_works(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    """The oldest work for each match key that has one."""
    return dict(map(tuple, connection.execute(_MATCHING, {"names": sorted(set(keys))})))


def make_works(
    connection: Connection, books: Mapping[str, BookDetails], placed: Mapping[str, Named]
) -> dict[str, int]:
    """One work for each match key, none of which has one yet; `placed` as for `work_values`."""
    if not books:
        return {}
    rows = [
        {"title": book.title, "match_key": key, **work_values(book, placed)}
        for key, book in books.items()
    ]
    execute_many(connection, _NEW[works], rows)
    return matching_works(connection, books)


def work_values(details: BookDetails, placed: Mapping[str, Named]) -> dict[str, Any]:
    """What an edition says of its work; `placed` has its series, by `name_key`."""
    place = details.series
    return {
        "original_language": details.original_language,
        "first_published": details.first_published,
        "series_id": None if place is None else placed[name_key(place.title)].id,
        "series_volume": None if place is None else place.volume,
    }


def update_works(
    connection: Connection,
    said: Sequence[tuple[int, BookDetails]],
    placed: Mapping[str, Named],
    *,
    only_fill: bool,
) -> set[int]:
    """Brings works in line with what was said of them, and returns those that changed.

    `placed` as for `work_values`. With `only_fill`, what a work knows already stays.
    """
    if not said:
        return set()
    rows = connection.execute(_SAID_OF_WORKS, {"ids": sorted({work_id for work_id, _ in said})})
    known = {row["id"]: dict(row) for row in rows.mappings()}
    changed = {}
    for work_id, details in said:
        work = known[work_id]
        values = work_values(details, placed)
        if only_fill:
            values = _unknown(work, values)
        if any(work[name] != value for name, value in values.items()):
            work.update(values)
            changed[work_id] = {name: work[name] for name in values}
    for work_id, values in changed.items():
        connection.execute(update(works).where(works.c.id == work_id).values(values))
    return set(changed)


def retitle_works(connection: Connection, said: Sequence[tuple[int, Isbn, BookDetails]]) -> None:
    """A work with one edition is called what that edition is called."""
    others = select(editions.c.isbn).where(
        editions.c.work_id == works.c.id, editions.c.isbn != bindparam("only")
    )
    connection.execute(
        update(works).where(works.c.id == bindparam("work"), ~others.exists()),
        [
            {
                "work": work_id,
                "only": int(isbn),
                "title": details.title,
                "match_key": match_key(details, title_key(details.title)),
            }
            for work_id, isbn, details in said
        ],
    )


def _unknown(work: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    filled = {name: value for name, value in values.items() if work[name] is None}
    if work["series_id"] is not None:
        filled.pop("series_volume", None)  # the volume belongs to the series that stays
    return {name: value for name, value in filled.items() if value is not None}


def _categories(connection: Connection, references: Iterable[str]) -> dict[str, Any]:
    names = sorted(set(references))
    found: dict[str, Any] = {}
    for statement in _BY_CODE if names else ():
        found.update(
            {row.reference: row for row in connection.execute(statement, {"names": names})}
        )
    return found


def _found_or_made(
    connection: Connection,
    key: Column[Any],
    names: Mapping[str, str],
    row: Callable[[str, str], dict[str, Any]],
) -> dict[str, Named]:
    found = _by_key(connection, key, names)
    for _ in range(_RACES):
        missing = {one: name for one, name in names.items() if one not in found}
        if not missing:
            break
        with suppress(IntegrityError):  # another writer made one meanwhile: it is found now
            rows = [row(one, name) for one, name in missing.items()]
            execute_many(connection, _NEW[key.table], rows)
        found |= _by_key(connection, key, missing)
    return found


def _by_key(connection: Connection, column: Column[Any], keys: Iterable[str]) -> dict[str, Named]:
    names = sorted(set(keys))
    rows = connection.execute(_BY_KEY[column], {"names": names}) if names else ()
    return {key: Named(number, name) for key, number, name in rows}
