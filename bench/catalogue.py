"""A catalogue of any size that looks like a bookshop's: skewed, plausible, the same every time.

Words follow Zipf's law and new ones keep coming as the catalogue grows; a few authors, categories
and languages hold most books; few books make most sales. Everything goes through the functions that
index real books, but in bulk: a million editions take minutes.
"""

import itertools
import math
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Table, create_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from functions.inventory.store import indexing
from functions.inventory.store.cards import BookRecord
from functions.inventory.store.full_text import SQLITE_FULL_TEXT, SQLITE_IN_BULK
from functions.inventory.store.search_terms import term_columns
from functions.inventory.store.tables import metadata
from functions.inventory.words import fold, title_key
from shared.kit.isbn import from_ten

TODAY = date(2026, 11, 22)
_NOW = "2026-11-22 00:00:00.000000"
_BATCH = 5_000
_FORMATS = {"paperback": 45, "ebook": 25, "hardcover": 20, "audiobook": 10}
_LANGUAGES = {
    "en": 740,
    "de": 70,
    "fr": 60,
    "es": 50,
    "it": 25,
    "nl": 15,
    "pt": 14,
    "pl": 10,
    "sv": 6,
    "da": 4,
    "cy": 3,
    "ga": 2,
    "is": 1,
}
_BRANCHES = {
    "Fiction": "Classics Crime Thrillers Romance Fantasy Horror Historical Adventure Humour Poetry",
    "Science": "Physics Biology Chemistry Mathematics Astronomy Medicine Computing Engineering",
    "History": "Ancient Medieval Modern Military Maritime Biography Archaeology",
    "Arts": "Music Painting Photography Architecture Film Theatre Fashion",
    "Living": "Cookery Gardening Travel Sport Health Crafts Parenting",
    "Society": "Politics Economics Law Philosophy Religion Education Language",
    "Children": "Picture Stories Activity Teenage",
}
_ONSETS = [
    "b",
    "br",
    "c",
    "ch",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "qu",
    "r",
    "s",
    "sh",
    "sl",
    "st",
    "t",
    "th",
    "tr",
    "v",
    "w",
]
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ee", "oo", "ou"]
_CODAS = ["", "", "l", "m", "n", "nd", "r", "rk", "s", "st", "t", "th", "ck"]


class Words:
    """Zipf-distributed words; the vocabulary grows with the catalogue, as Heaps' law has it."""

    def __init__(self, random_source: random.Random, editions: int) -> None:
        self._random = random_source
        size = min(300_000, int(40 * math.sqrt(editions * 40)))
        made: dict[str, None] = dict.fromkeys(["the", "of", "and", "a", "in", "to", "love"])
        while len(made) < size:
            made[self.invented()] = None
        self.vocabulary = list(made)
        self._weights = list(
            itertools.accumulate(1 / (rank + 2.7) for rank in range(len(self.vocabulary)))
        )
        self._waiting: Iterator[str] = iter(())

    def invented(self) -> str:
        pick = self._random.choice
        return "".join(
            pick(_ONSETS) + pick(_VOWELS) + pick(_CODAS)
            for _ in range(self._random.choice((1, 2, 2, 3)))
        )

    def take(self, count: int) -> list[str]:
        taken = list(itertools.islice(self._waiting, count))
        if len(taken) < count:
            self._waiting = iter(
                self._random.choices(self.vocabulary, cum_weights=self._weights, k=200_000)
            )
            taken += itertools.islice(self._waiting, count - len(taken))
        return taken


class Generator:
    def __init__(self, editions: int, seed: int = 20261122) -> None:
        self.size = editions
        self._random = random.Random(seed)
        self._words = Words(self._random, editions)
        self.categories = list(_category_rows())
        self._parents = {row["id"]: row["parent_id"] for row in self.categories}
        self._by_id = {row["id"]: SimpleNamespace(**row) for row in self.categories}
        leaves = [row["id"] for row in self.categories if row["parent_id"] is not None]
        self._random.shuffle(leaves)
        self._leaves = leaves
        self._leaf_weights = _zipf(len(leaves))
        self.people = self._people(max(30, editions // 3))
        self._person_weights = _zipf(len(self.people), 0.8)
        self.series = [
            {
                "id": number,
                "title": f"The {self._title()} Series {number}",
                "title_key": f"{number}",
            }
            for number in range(1, max(2, editions // 50))
        ]
        self.publishers = [f"{self._words.invented().title()} Press" for _ in range(200)]
        self.documents: Counter[str] = Counter()

    def batches(self) -> Iterator[dict[str, list[dict[str, Any]]]]:
        """Rows by table, a few thousand editions at a time."""
        number = work_id = 0
        while number < self.size:
            rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _ROW_TABLES}
            first = number
            while number < self.size and number - first < _BATCH:
                work_id += 1
                number += self._work(work_id, number, rows)
            yield rows

    def _work(self, work_id: int, number: int, rows: dict[str, list[dict[str, Any]]]) -> int:
        pick = self._random
        title = self._title()
        people = self._choose(self.people, self._person_weights, pick.choice((1, 1, 1, 1, 2, 2, 3)))
        own = self._choose(self._leaves, self._leaf_weights, pick.choice((1, 1, 2)))
        in_series = pick.choice(self.series) if pick.random() < 0.12 else None
        volume = str(pick.randint(1, 12)) if in_series else None
        language = _pick(pick, _LANGUAGES)
        description = self._description()
        popularity = int(pick.paretovariate(0.75)) - 1 if pick.random() < 0.6 else 0
        formats = pick.sample(list(_FORMATS), k=min(pick.choice((1, 1, 2, 3)), self.size - number))
        if len(formats) == 1:
            formats = [_pick(pick, _FORMATS)]
        first_published = int(2026 - pick.expovariate(1 / 18))
        rows["works"].append(
            {
                "id": work_id,
                "title": title,
                "original_language": language,
                "first_published": first_published,
                "series_id": in_series["id"] if in_series else None,
                "series_volume": volume,
                "match_key": f"{work_id}",
            }
        )
        for place, form in enumerate(formats):
            published = date(max(first_published, 1500), 1, 1) + timedelta(
                days=pick.randint(0, 900)
            )
            edition = SimpleNamespace(
                isbn=_isbn(number + place),
                work_id=work_id,
                title=title,
                subtitle=self._title() if pick.random() < 0.3 else None,
                sort_title=title_key(title),
                description=description,
                format=form,
                language=language,
                publisher=pick.choice(self.publishers),
                imprint=None,
                published_on=None if pick.random() < 0.03 else min(published, TODAY),
                on_sale_on=TODAY + timedelta(days=40) if pick.random() < 0.004 else None,
                pages=pick.randint(60, 900),
                price_amount=max(99, round(pick.lognormvariate(7.0, 0.5) / 100) * 100 - 1),
                price_currency="GBP",
                cover=None,
                cover_colour="#345678",
                withdrawn=0,
                version=1,
                original_language=language,
                first_published=first_published,
                series_id=in_series["id"] if in_series else None,
                series_volume=volume,
                series_title=in_series["title"] if in_series else None,
                on_hand=0 if pick.random() < 0.15 else pick.randint(1, 60),
                reserved=0,
                sold=popularity // (place + 1),
            )
            self._add(edition, people, own, rows)
        return len(formats)

    def _add(
        self,
        edition: SimpleNamespace,
        people: list[dict[str, Any]],
        own: list[int],
        rows: dict[str, list[dict[str, Any]]],
    ) -> None:
        named = [
            SimpleNamespace(
                id=person["id"], name=person["name"], role="author" if place < 2 else "editor"
            )
            for place, person in enumerate(people)
        ]
        own = sorted(own, key=lambda one: (self._by_id[one].name, one))
        parents = [self._parents[one] for one in reversed(own)]
        ancestry = dict.fromkeys([*own, *filter(None, parents)])
        book = BookRecord(
            edition,
            named,
            [self._by_id[one] for one in own],
            [self._by_id[one] for one in ancestry],
        )
        isbn = edition.isbn
        rows["editions"].append({name: getattr(edition, name) for name in _EDITION_FIELDS})
        rows["stock"].append(
            {
                "isbn": isbn,
                "on_hand": edition.on_hand,
                "reserved": 0,
                "sold": edition.sold,
                "version": 1,
            }
        )
        rows["stock_ledger"].append(
            {"isbn": isbn, "kind": "received", "delta": edition.on_hand, "reason": "generated"}
        )
        rows["edition_contributors"] += [
            {"isbn": isbn, "position": place, "contributor_id": one.id, "role": one.role}
            for place, one in enumerate(named)
        ]
        rows["edition_categories"] += [{"isbn": isbn, "category_id": one} for one in own]
        listing = indexing.listing_row(book, TODAY)
        rows["listings"].append(listing)
        for shelf, owner, owners in indexing.SHELVES:
            repeated = {one.name: listing[one.name] for one in shelf.c if one.name != owner}
            rows[shelf.name] += [
                {owner: int(number), **repeated} for number in listing[owners].split()
            ]
        document, words = indexing.search_document(book)
        rows["search_documents"].append(document)
        self.documents.update(words)

    def _title(self) -> str:
        chosen = self._words.take(self._random.choice((1, 2, 2, 3, 3, 4, 5)))
        return " ".join(word.capitalize() for word in dict.fromkeys(chosen))

    def _description(self) -> str:
        return " ".join(self._words.take(self._random.randint(15, 45))).capitalize() + "."

    def _people(self, count: int) -> list[dict[str, Any]]:
        given = [self._words.invented().title() for _ in range(400)]
        family = [self._words.invented().title() for _ in range(max(50, count // 12))]
        people = []
        for number in range(1, count + 1):
            first, last = self._random.choice(given), self._random.choice(family)
            name = f"{first} {last}"
            people.append(
                {
                    "id": number,
                    "name": name,
                    "name_key": f"{fold(name)} {number}",
                    "sort_name": f"{fold(last)}, {fold(first)}",
                }
            )
        return people

    def _choose(self, things: Sequence[Any], weights: list[float], count: int) -> list[Any]:
        chosen = self._random.choices(range(len(things)), cum_weights=weights, k=count)
        return [things[place] for place in dict.fromkeys(chosen)]


_ROW_TABLES = (
    "works",
    "editions",
    "stock",
    "stock_ledger",
    "edition_contributors",
    "edition_categories",
    "listings",
    "category_listings",
    "contributor_listings",
    "search_documents",
)
_EDITION_FIELDS = tuple(
    column.name
    for column in metadata.tables["editions"].columns
    if column.name
    not in ("height_mm", "width_mm", "thickness_mm", "weight_g", "created_at", "updated_at")
)


def make(file: Path, editions: int) -> None:
    """Writes a whole inventory database to `file`, which must not exist."""
    engine = create_engine("sqlite://")
    generator = Generator(editions)
    connection = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-200000"):
        connection.execute(f"PRAGMA {pragma}")
    for table in metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(engine)))
    connection.execute("BEGIN")
    counts: Counter[int] = Counter()
    for name in ("categories", "series"):
        _insert(connection, metadata.tables[name], getattr(generator, name))
    _insert(connection, metadata.tables["contributors"], generator.people)
    for rows in generator.batches():
        counts.update(row["category_id"] for row in rows["category_listings"])
        for name, made in rows.items():
            _insert(connection, metadata.tables[name], made)
    _insert(
        connection,
        metadata.tables["category_counts"],
        [{"category_id": one, "books": books} for one, books in counts.items()],
    )
    columns = term_columns(sorted(generator.documents), generator.documents)
    terms = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    _insert(connection, metadata.tables["search_terms"], terms)
    connection.execute("COMMIT")
    for table in metadata.sorted_tables:
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            connection.execute(str(CreateIndex(index).compile(engine)))
    for statement in (*SQLITE_FULL_TEXT, *SQLITE_IN_BULK):
        connection.execute(statement)
    connection.execute("INSERT INTO book_search(book_search) VALUES ('rebuild')")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _insert(connection: sqlite3.Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    defaults = {name: _NOW for name in ("created_at", "updated_at", "at") if name in table.columns}
    names = [*rows[0], *defaults]
    marks = ", ".join("?" * len(names))
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
    fixed = tuple(defaults.values())
    connection.executemany(statement, (tuple(map(_plain, row.values())) + fixed for row in rows))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _category_rows() -> Iterator[dict[str, Any]]:
    number = 0
    for branch, leaves in _BRANCHES.items():
        number += 1
        parent = number
        yield _category(number, branch, None)
        for leaf in leaves.split():
            number += 1
            yield _category(number, leaf, parent)


def _category(number: int, name: str, parent: int | None) -> dict[str, Any]:
    return {"id": number, "slug": name.lower(), "name": name, "parent_id": parent}


def _isbn(number: int) -> int:
    """Scattered over all ISBN-13 that begin with 978, never the same twice below 10**9."""
    return int(from_ten(f"{number * 387_420_489 % 10**9:09d}"))


def _zipf(size: int, exponent: float = 1.0) -> list[float]:
    return list(itertools.accumulate(1 / (rank + 3) ** exponent for rank in range(size)))


def _pick(source: random.Random, weighted: dict[str, int]) -> str:
    return source.choices(list(weighted), weights=list(weighted.values()))[0]
