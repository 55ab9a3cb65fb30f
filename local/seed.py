"""Fills an empty catalogue with the books in `local/catalogue/`, and draws their covers.

Both can be interrupted: the next run adds what is missing, and changes nothing that is there. A
catalogue with other books in it is not a starting catalogue, and left alone.
"""

import argparse
import json
import multiprocessing
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from functions.inventory.covers.draw import MEDIA_TYPE, CoverSpec, placeholder_colour, render
from functions.inventory.model import Cover, NewBook, NewCategory, StoredEdition
from functions.inventory.service.catalogue import Catalogue
from functions.inventory.store.transactions import SqlTransactions
from shared.blobs.folder import FolderBlobs
from shared.blobs.port import IMMUTABLE, BlobStore, content_name
from shared.config.settings import Settings, SettingsError
from shared.kit.clock import MachineClock
from shared.kit.isbn import Isbn
from shared.sql.database import Database

T = TypeVar("T")

CATALOGUE = Path(__file__).parent / "catalogue"
_CHUNK = 200
_COVERS_AT_ONCE = 40
_OF_EDITION = ("height_mm", "width_mm", "thickness_mm", "weight_g")


def starting_categories() -> list[NewCategory]:
    said = json.loads((CATALOGUE / "categories.json").read_text("utf-8"))
    return [
        NewCategory(
            slug=one["id"],
            name=one["name"],
            parent=one["parent"],
            thema=one.get("thema"),
            bisac=one.get("bisac"),
        )
        for one in said
    ]


def starting_books() -> Iterator[NewBook]:
    """Editions of one work name its first one, so that they stay together whatever their titles."""
    for file in sorted(CATALOGUE.glob("*.json")):
        if file.name != "categories.json":
            for work in json.loads(file.read_text("utf-8")):
                first, *others = work.pop("editions")
                yield _book(work, first)
                for edition in others:
                    yield _book(work, {**edition, "work_of": first["isbn"]})


def seed_books(catalogue: Catalogue) -> int:
    """How many were added."""
    books = list(starting_books())
    stored = _stored(catalogue, [book.isbn for book in books])
    if catalogue.size() > len(stored):
        return 0
    catalogue.put_categories(starting_categories())
    missing = [book for book in books if book.isbn not in stored]
    for chunk in _chunks(missing, _CHUNK):
        report = catalogue.put_many(chunk, "the starting catalogue", None)
        if report.refused:
            raise ValueError(f"the starting catalogue has a mistake: {report.refused[0]}")
    return len(missing)


def seed_covers(catalogue: Catalogue, blobs: BlobStore) -> int:
    """Draws one cover for each work of the starting catalogue that has none; how many."""
    works: dict[int, dict[Isbn, StoredEdition]] = defaultdict(dict)
    for isbn, edition in _stored(catalogue, [book.isbn for book in starting_books()]).items():
        if edition.cover is None:
            works[edition.work_id][isbn] = edition
    # A child that is forked from a process with threads may never wake up.
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=spawning) as painters:
        for chunk in _chunks(list(works.items()), _COVERS_AT_ONCE):
            specs = [_cover_spec(work_id, editions) for work_id, editions in chunk]
            drawn = painters.map(render, specs)
            covers: dict[Isbn, Cover] = {}
            for (_, editions), spec, pictures in zip(chunk, specs, drawn, strict=True):
                cover = Cover(_put(blobs, pictures), placeholder_colour(spec))
                covers |= dict.fromkeys(editions, cover)
            catalogue.put_covers(covers)
    return len(works)


def main(arguments: Sequence[str] | None = None) -> int:
    top = argparse.ArgumentParser(prog="python -m local.seed", description=__doc__)
    top.add_argument("--blobs", type=Path, required=True, metavar="DIR", help="where covers go")
    top.add_argument("--only", choices=["books", "covers"], help="default: books, then covers")
    options = top.parse_args(arguments)
    try:
        settings = Settings.from_env()
        database = Database(settings.require("SQL_INVENTORY"))
        cdn = settings.require("CDN_BASE_URL")
        currency = settings.require("SHOP_CURRENCY")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    catalogue = Catalogue(SqlTransactions(database, MachineClock()), currency, cdn)
    if options.only != "covers":
        print(f"{seed_books(catalogue)} books were added to the catalogue.")
    if options.only != "books":
        print(f"{seed_covers(catalogue, FolderBlobs(options.blobs, cdn))} covers were drawn.")
    database.dispose()
    return 0


def _book(work: Mapping[str, Any], edition: Mapping[str, Any]) -> NewBook:
    said = {**work, **edition}
    said["dimensions"] = {name: said.pop(name) for name in _OF_EDITION if name in said}
    if len(said["published_on"]) == len("2001"):
        said["published_on"] += "-01-01"
    return NewBook.model_validate_json(json.dumps(said))


def _cover_spec(work_id: int, editions: Mapping[Isbn, StoredEdition]) -> CoverSpec:
    details = next(iter(editions.values())).details
    return CoverSpec(
        title=details.title,
        contributors=tuple(person.name for person in details.contributors),
        seed=str(work_id),
        series=None if details.series is None else details.series.title,
    )


def _put(blobs: BlobStore, pictures: Mapping[str, bytes]) -> str:
    """What the names of the pictures begin with."""
    name = content_name(pictures["large"])
    for size, picture in pictures.items():
        blobs.put(f"covers/{name}-{size}.webp", picture, MEDIA_TYPE, IMMUTABLE)
    return name


def _stored(catalogue: Catalogue, isbns: Iterable[Isbn]) -> dict[Isbn, StoredEdition]:
    stored: dict[Isbn, StoredEdition] = {}
    for chunk in _chunks(isbns, _CHUNK):
        stored |= catalogue.stored(chunk)
    return stored


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, size)):
        yield chunk


if __name__ == "__main__":
    sys.exit(main())
