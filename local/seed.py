"""Fills an empty catalogue with the books in `local/catalogue/`.

It can be interrupted: the next run adds what is missing, and changes nothing that is there. A
catalogue with other books in it is not a starting catalogue, and left alone.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from functions.inventory.model import NewBook, NewCategory, StoredEdition
from functions.inventory.service.catalogue import Catalogue
from functions.inventory.store.transactions import SqlTransactions
from shared.config.settings import Settings, SettingsError
from shared.kit.clock import MachineClock
from shared.kit.isbn import Isbn
from shared.sql.database import Database

T = TypeVar("T")

CATALOGUE = Path(__file__).parent / "catalogue"
_CHUNK = 200
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


def main(arguments: Sequence[str] | None = None) -> int:
    top = argparse.ArgumentParser(prog="python -m local.seed", description=__doc__)
    top.parse_args(arguments)
    try:
        settings = Settings.from_env()
        database = Database(settings.require("SQL_INVENTORY"), in_bulk=True)
        cdn = settings.require("CDN_BASE_URL")
        currency = settings.require("SHOP_CURRENCY")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    catalogue = Catalogue(SqlTransactions(database, MachineClock()), currency, cdn)
    print(f"{seed_books(catalogue)} books were added to the catalogue.")
    database.dispose()
    return 0


def _book(work: Mapping[str, Any], edition: Mapping[str, Any]) -> NewBook:
    said = {**work, **edition}
    said["dimensions"] = {name: said.pop(name) for name in _OF_EDITION if name in said}
    if len(said["published_on"]) == len("2001"):
        said["published_on"] += "-01-01"
    return NewBook.model_validate_json(json.dumps(said))


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
