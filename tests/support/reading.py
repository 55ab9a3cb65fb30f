"""Browsing, for tests."""

import asyncio
import json
from typing import Any

from functions.inventory.read_model import AuthorQuery, BookQuery
from functions.inventory.service import readings
from functions.inventory.service.browse import Browse
from functions.inventory.service.readings import Reading
from functions.inventory.store.search_sqlite import SqliteSearch
from functions.inventory.store.shelves import SqlShelves
from shared.cache.answers import Answers, UncachedAnswers
from shared.cache.port import Entry
from shared.kit.isbn import Isbn
from shared.kit.threads import Threads
from tests.support.inventory import Shelves


def browse_of(shelves: Shelves, answers: Answers | None = None) -> Browse:
    rows = SqlShelves(shelves.database, SqliteSearch())
    answers = answers or UncachedAnswers(Threads("shelves", 4))
    return Browse(rows, answers, shelves.clock, "http://cdn.test")


class Reader:
    """Asks one thing after the other, each as the routes do, in an event loop of its own."""

    def __init__(self, shelves: Shelves, answers: Answers | None = None) -> None:
        self._browse = browse_of(shelves, answers)

    def _read(self, reading: Reading) -> Entry:
        return self._browse.at_hand(reading) or asyncio.run(self._browse.read(reading))

    def books(self, query: BookQuery) -> Entry:
        return self._read(readings.books(query))

    def book(self, isbn: Isbn) -> Entry:
        return self._read(readings.book(isbn))

    def availability(self, isbn: Isbn) -> Entry:
        return self._read(readings.availability(isbn))

    def authors(self, query: AuthorQuery) -> Entry:
        return self._read(readings.authors(query))

    def author(self, number: int) -> Entry:
        return self._read(readings.author(number))

    def categories(self) -> Entry:
        return self._read(readings.categories())


def read(entry: Entry) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(entry.body)
    return content
