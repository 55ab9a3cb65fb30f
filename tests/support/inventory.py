"""Shelves to test on: a database with its schema, a clock that is moved by hand, the services."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from functions.inventory.migrations import LOCATION
from functions.inventory.model import Line, NewBook, NewCategory
from functions.inventory.service.catalogue import Catalogue
from functions.inventory.service.stock import Stock
from functions.inventory.store.check_stock import check_stock
from functions.inventory.store.tables import outbox
from functions.inventory.store.transactions import SqlTransactions
from shared.kit.clock import ManualClock
from shared.kit.idempotency import Delivery
from shared.kit.isbn import Isbn, from_ten
from shared.sql.database import Database
from tests.support.databases import database_url, indexed, open_database

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON = START + timedelta(minutes=45)


@dataclass
class Shelves:
    database: Database
    clock: ManualClock
    catalogue: Catalogue
    stock: Stock

    def put(self, *books: NewBook) -> None:
        report = self.catalogue.put_many(books, "test", None)
        assert not report.refused
        indexed(self.database)

    def announced(self, *kinds: str) -> list[tuple[str, str, dict[str, Any]]]:
        """The kind, the subject and the data of what waits to be sent, in order; all kinds where
        none is named."""
        with self.database.primary() as connection:
            rows = connection.execute(
                select(outbox.c.type, outbox.c.aggregate, outbox.c.body).order_by(outbox.c.sequence)
            ).all()
        return [
            (row.type, row.aggregate, json.loads(row.body)["data"])
            for row in rows
            if row.type in kinds or not kinds
        ]

    def scalar(self, statement: Any) -> Any:
        with self.database.primary() as connection:
            return connection.scalar(statement)

    def check(self) -> None:
        with self.database.primary() as connection:
            assert check_stock(connection) == []


def database_in(folder: Path) -> Database:
    return Database(database_url(folder, "inventory"))


@contextmanager
def open_shelves(folder: Path) -> Iterator[Shelves]:
    database = open_database(folder, "inventory", LOCATION)
    clock = ManualClock(START)
    transactions = SqlTransactions(database, clock)
    catalogue = Catalogue(transactions, "GBP", "http://cdn.test")
    catalogue.put_categories(
        [
            NewCategory(slug="fiction", name="Fiction", thema="F", bisac="FIC000000"),
            NewCategory(slug="crime", name="Crime", parent="fiction", thema="FF"),
        ]
    )
    yield Shelves(database, clock, catalogue, Stock(transactions))
    database.dispose()


def isbn(number: int) -> Isbn:
    return from_ten(f"{number:09d}")


def a_book(number: int = 1, **said: Any) -> NewBook:
    """A paperback with ten copies; `said` replaces what it says."""
    return NewBook.model_validate(
        {
            "isbn": isbn(number),
            "title": f"Pride and Prejudice {number}",
            "contributors": ({"name": "Jane Austen"},),
            "format": "paperback",
            "language": "en",
            "price": {"amount": 899, "currency": "GBP"},
            "stock": 10,
            **said,
        }
    )


def lines(*quantities: tuple[int, int]) -> list[Line]:
    return [Line(isbn=isbn(number), quantity=quantity) for number, quantity in quantities]


def delivery(key: str, *content: str) -> Delivery:
    return Delivery.of("tester", "a route", key, *content)
