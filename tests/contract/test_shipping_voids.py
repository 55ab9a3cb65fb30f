"""Orders that are not to be sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from functions.shipping.migrations import LOCATION
from functions.shipping.ports import Transactions
from functions.shipping.service.voids import OrderVoids
from functions.shipping.store.tables import voids
from functions.shipping.store.transactions import SqlTransactions
from shared.kit.clock import ManualClock
from shared.sql.database import Database
from shared.sql.migrations import upgrade

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{(tmp_path / 'shipping.db').as_posix()}")
    upgrade(database, LOCATION)
    yield database
    database.dispose()


def test_a_tombstone_is_left_once_and_keeps_its_time(database: Database) -> None:
    clock = ManualClock(START)
    transactions: Transactions = SqlTransactions(database, clock)
    orders = OrderVoids(transactions)
    assert orders.void("a")
    clock.advance_business(timedelta(hours=1))
    assert orders.void("a")
    with database.primary() as connection:
        assert connection.execute(select(voids.c.order_id, voids.c.at)).all() == [("a", START)]
    assert transactions.look(lambda it: it.voids.stands("a"))
    assert not transactions.look(lambda it: it.voids.stands("A"))


def test_many_voids_of_one_order_at_once_agree(database: Database) -> None:
    orders = OrderVoids(SqlTransactions(database, ManualClock(START)))
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: orders.void("a"), range(8))) == [True] * 8
    with database.primary() as connection:
        assert connection.execute(select(voids.c.order_id)).all() == [("a",)]
