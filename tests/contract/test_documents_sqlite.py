"""What only the embedded store of documents promises."""

import sqlite3
from datetime import timedelta
from pathlib import Path

from shared.documents.sqlite import SqliteDocuments
from shared.kit.clock import ManualClock


def rows(file: Path) -> int:
    connection = sqlite3.connect(file)
    try:
        return int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])
    finally:
        connection.close()


async def test_the_dead_are_taken_away_by_those_who_write(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "documents.db"
    store = SqliteDocuments(file, "carts", clock)
    for number in range(25):
        await store.create(f"cart-{number}", {}, ttl=60)
    await store.create("kept", {}, ttl=None)
    clock.advance_business(timedelta(seconds=60))
    assert rows(file) == 26
    for number in range(2):
        await store.create(f"new-{number}", {}, ttl=60)
    assert rows(file) == 3
    await store.close()


async def test_containers_of_one_file_do_not_see_each_other(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "documents.db"
    carts, wishes = (SqliteDocuments(file, name, clock) for name in ("carts", "wishes"))
    await carts.create("a", {"n": 1}, ttl=None)
    assert await wishes.read("a") is None
    await wishes.create("a", {"n": 2}, ttl=None)
    found = await carts.read("a")
    assert found is not None
    assert found.content == {"n": 1}
    await carts.close()
    await wishes.close()
