"""Shipping to test on: a database with its schema, a clock that is moved by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from functions.shipping.migrations import LOCATION
from functions.shipping.service.addresses import AddressBook
from functions.shipping.store.transactions import SqlTransactions
from shared.kit.clock import ManualClock
from shared.sql.database import Database
from shared.sql.migrations import upgrade
from tests.support.inventory import START


@dataclass
class ShippingBench:
    database: Database
    clock: ManualClock
    addresses: AddressBook


@contextmanager
def shipping_bench(folder: Path) -> Iterator[ShippingBench]:
    database = Database(f"sqlite:///{(folder / 'shipping.db').as_posix()}")
    upgrade(database, LOCATION)
    clock = ManualClock(START)
    yield ShippingBench(database, clock, AddressBook(SqlTransactions(database, clock)))
    database.dispose()
