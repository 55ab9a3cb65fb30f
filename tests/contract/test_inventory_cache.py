"""What one process writes, readers of another see at once, though both keep answers."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from functions.inventory.model import BookPatch
from functions.inventory.read_model import BookQuery
from functions.inventory.store.change_log import SqlChangeLog, SqliteWatch
from shared.cache.answers import CachedAnswers
from shared.cache.changes import Changes
from shared.cache.memory import MemoryCache
from shared.cache.port import Cache
from shared.cache.redis import RedisCache
from shared.kit.threads import Threads
from tests.support.inventory import Shelves, a_book, database_in, isbn, lines
from tests.support.reading import Reader, read
from tests.support.real_redis import real_redis

WRITER = """
import sys
from datetime import date
from sqlalchemy import update
from functions.inventory.store.bulk_indexing import index_editions
from functions.inventory.store.tables import editions
from shared.sql.database import Database

with Database(sys.argv[1]).write() as connection:
    number = int(sys.argv[2])
    connection.execute(update(editions).where(editions.c.isbn == number), {"price_amount": 1})
    index_editions(connection, [number], date(2026, 3, 1))
"""


@pytest.fixture
def sql() -> None:
    """Here other processes open the file."""


@contextmanager
def cached(shelves: Shelves, folder: Path, cache: Cache) -> Iterator[Reader]:
    """As a worker has it: its own connections, its own look at the log."""
    url = f"sqlite:///{(folder / 'inventory.db').as_posix()}"
    database = database_in(folder)
    watch = SqliteWatch(url)
    changes = Changes(SqlChangeLog(database, watch))
    here = Shelves(database, shelves.clock, shelves.catalogue, shelves.stock)
    now = lambda: shelves.clock.machine.timestamp()  # noqa: E731
    yield Reader(here, CachedAnswers(cache, changes, Threads("shelves", 4), now))
    watch.close()
    database.dispose()


def price(browse: Reader) -> int:
    amount: int = read(browse.book(isbn(1)))["price"]["amount"]
    return amount


def test_a_write_of_another_process_is_seen_by_the_next_read(
    shelves: Shelves, tmp_path: Path
) -> None:
    shelves.put(a_book())
    with cached(shelves, tmp_path, MemoryCache()) as browse:
        assert price(browse) == 899
        listed = browse.books(BookQuery(sort="price"))
        url = f"sqlite:///{(tmp_path / 'inventory.db').as_posix()}"
        subprocess.run([sys.executable, "-c", WRITER, url, isbn(1)], check=True)
        assert price(browse) == 1
        assert browse.books(BookQuery(sort="price")).etag != listed.etag


def test_every_kind_of_write_is_seen(shelves: Shelves, tmp_path: Path) -> None:
    shelves.put(a_book(1), a_book(2, format="ebook", title="Pride and Prejudice 1"))
    until = shelves.clock.business + timedelta(hours=1)
    with cached(shelves, tmp_path, MemoryCache()) as browse:

        def available() -> int:
            count: int = read(browse.availability(isbn(1)))["available"]
            return count

        assert available() == 10
        shelves.stock.reserve("o-1", lines((1, 3)), until)
        assert available() == 7
        shelves.stock.release("o-1")
        assert available() == 10
        other = read(browse.book(isbn(2)))["other_formats"]
        assert other[0]["price"]["amount"] == 899
        patch = BookPatch.model_validate({"price": {"amount": 5, "currency": "GBP"}})
        shelves.catalogue.patch(isbn(1), patch, ["*"])
        assert read(browse.book(isbn(2)))["other_formats"][0]["price"]["amount"] == 5
        assert len(read(browse.books(BookQuery()))["items"]) == 2
        shelves.catalogue.withdraw(isbn(2), ["*"])
        assert len(read(browse.books(BookQuery()))["items"]) == 1
        assert read(browse.availability(isbn(2)))["status"] == "withdrawn"


def test_a_list_follows_a_sale_within_a_second(shelves: Shelves, tmp_path: Path) -> None:
    shelves.put(a_book(stock=1))
    with cached(shelves, tmp_path, MemoryCache()) as browse:
        assert len(read(browse.books(BookQuery(in_stock=True)))["items"]) == 1
        shelves.stock.reserve("o", lines((1, 1)), shelves.clock.business + timedelta(hours=1))
        shelves.clock.advance(timedelta(seconds=0.8))
        assert read(browse.books(BookQuery(in_stock=True)))["items"] == []


def test_workers_share_answers_in_redis_and_still_see_each_others_writes(
    shelves: Shelves, tmp_path: Path
) -> None:
    shelves.put(a_book())
    with (
        real_redis(tmp_path) as redis,
        Redis.from_url(redis.url) as looking,
        cached(shelves, tmp_path, RedisCache(redis.url)) as one,
        cached(shelves, tmp_path, RedisCache(redis.url)) as other,
    ):
        assert price(one) == 899
        filled = writes(looking)
        assert filled > 0
        assert price(other) == 899
        assert writes(looking) == filled
        patch = BookPatch.model_validate({"price": {"amount": 7, "currency": "GBP"}})
        shelves.catalogue.patch(isbn(1), patch, ["*"])
        assert price(other) == price(one) == 7
        redis.kill()
        assert price(one) == 7


def writes(redis: Redis) -> int:
    """How many answers were put there, ever."""
    return int(redis.info("commandstats").get("cmdstat_hset", {"calls": 0})["calls"])


@pytest.mark.parametrize("day", [1, 400])
def test_answers_of_another_day_are_not_shown(shelves: Shelves, tmp_path: Path, day: int) -> None:
    on_sale = shelves.clock.business.date() + timedelta(days=day)
    shelves.put(a_book(on_sale_on=on_sale))
    with cached(shelves, tmp_path, MemoryCache()) as browse:
        assert read(browse.availability(isbn(1)))["status"] == "not_yet_on_sale"
        shelves.clock.advance_business(timedelta(days=day))
        assert read(browse.availability(isbn(1)))["status"] == "in_stock"
