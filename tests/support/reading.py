"""Browsing, for tests."""

import asyncio
import json
from typing import Any

from functions.inventory.read_model import AuthorQuery, BookQuery
from functions.inventory.service.browse import Browse
from functions.inventory.store.search_sqlite import SqliteSearch
from functions.inventory.store.shelves import SqlShelves
from shared.cache.answers import Answers, UncachedAnswers
from shared.cache.port import Entry
from shared.kit.isbn import Isbn
from shared.kit.threads import Threads
from tests.support.inventory import Shelves


def browse_of(shelves: Shelves, answers: Answers | None = None) -> Browse:
    rows = SqlShelves(shelves.database, SqliteSearch())
    threads = Threads("shelves", 4)
    answers = answers or UncachedAnswers(threads)
    return Browse(rows, answers, threads, shelves.clock, "http://cdn.test")


class Reader:
    """Asks one thing after the other, each in an event loop of its own."""

    def __init__(self, shelves: Shelves, answers: Answers | None = None) -> None:
        self._browse = browse_of(shelves, answers)

    def books(self, query: BookQuery) -> Entry:
        return asyncio.run(self._browse.books(query))

    def book(self, isbn: Isbn) -> Entry:
        return asyncio.run(self._browse.book(isbn))

    def availability(self, isbn: Isbn) -> Entry:
        return asyncio.run(self._browse.availability(isbn))

    def authors(self, query: AuthorQuery) -> Entry:
        return asyncio.run(self._browse.authors(query))

    def author(self, number: int) -> Entry:
        return asyncio.run(self._browse.author(number))

    def categories(self) -> Entry:
        return asyncio.run(self._browse.categories())


def read(entry: Entry) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(entry.body)
    return content
