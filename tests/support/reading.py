"""Browsing, for tests."""

import json
from typing import Any

from functions.inventory.service.browse import Browse
from functions.inventory.store.search_sqlite import SqliteSearch
from functions.inventory.store.shelves import SqlShelves
from shared.cache.answers import Answers, UncachedAnswers
from shared.cache.port import Entry
from tests.support.inventory import Shelves


def browse_of(shelves: Shelves, answers: Answers | None = None) -> Browse:
    rows = SqlShelves(shelves.database, SqliteSearch())
    return Browse(rows, answers or UncachedAnswers(), shelves.clock, "http://cdn.test")


def read(entry: Entry) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(entry.body)
    return content
