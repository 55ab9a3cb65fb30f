"""The schema that migrations make, on SQLite and as T-SQL."""

import importlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, MetaData, create_engine, text

from functions.databases import SCHEMAS, Schema
from functions.inventory.migrations import LOCATION
from shared.sql.database import Database
from shared.sql.migrations import LOCK_SCHEMA, UNLOCK_SCHEMA, current, newest, offline_sql, upgrade
from tests.support.inventory import Shelves
from tests.support.tsql import azure_sql, parse

OTHERS = ("alembic_version", "book_search", "sqlite_")
"""What has no table in the metadata: Alembic's own, and the full-text index with its shadows."""


@pytest.fixture
def sql() -> None:
    """Here files are looked into."""


def schema(engine: Engine) -> dict[str, list[str]]:
    """Each table and index with the parts of its definition, in no order.

    SQLite puts a column that was added later behind the rest, in the last line.
    """
    with engine.connect() as connection:
        made = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index')")
        )
        return {
            name: sorted(filter(None, (part.strip(" )") for part in re.split(r"[\n\t,]", sql))))
            for name, sql in made
            if sql and not name.startswith(OTHERS)
        }


def metadata_of(schema: Schema) -> MetaData:
    tables = importlib.import_module(f"functions.{schema.service}.store.tables")
    assert isinstance(tables.metadata, MetaData)
    return tables.metadata


every_schema = pytest.mark.parametrize("made", SCHEMAS, ids=lambda made: made.service)


@every_schema
def test_migrations_make_exactly_the_tables_that_the_stores_use(
    made: Schema, tmp_path: Path
) -> None:
    wanted = create_engine(f"sqlite:///{tmp_path / 'wanted.db'}")
    metadata_of(made).create_all(wanted)
    database = Database(f"sqlite:///{tmp_path / 'migrated.db'}")
    upgrade(database, made.migrations)
    database.dispose()
    migrated = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    assert schema(migrated) == schema(wanted)
    wanted.dispose()
    migrated.dispose()


@every_schema
def test_migrations_are_tsql(made: Schema) -> None:
    script = offline_sql(made.migrations, azure_sql())
    for batch in script.split("\nGO\n"):
        parse(batch)
    assert "CREATE TABLE" in script
    assert "IMAGE" not in script


def test_the_lock_around_migrations_is_tsql() -> None:
    parse(LOCK_SCHEMA)
    parse(UNLOCK_SCHEMA)


def test_a_second_upgrade_finds_nothing_to_do(shelves: Shelves) -> None:
    assert upgrade(shelves.database, LOCATION) == newest(LOCATION)
    with shelves.database.primary() as connection:
        assert current(connection) == newest(LOCATION)


UPGRADE = """
import sys
from functions.inventory.migrations import LOCATION
from shared.sql.database import Database
from shared.sql.migrations import upgrade
print(upgrade(Database(sys.argv[1]), LOCATION))
"""


def start_upgrade(folder: Path) -> "subprocess.Popen[str]":
    url = f"sqlite:///{(folder / 'inventory.db').as_posix()}"
    return subprocess.Popen([sys.executable, "-c", UPGRADE, url], text=True, stdout=subprocess.PIPE)


def test_processes_that_start_at_once_upgrade_a_new_database_together(tmp_path: Path) -> None:
    upgrades = [start_upgrade(tmp_path) for _ in range(3)]
    assert [one.communicate()[0].strip() for one in upgrades] == [newest(LOCATION)] * 3
    assert [one.returncode for one in upgrades] == [0, 0, 0]


def test_an_upgrade_that_was_killed_is_done_again_from_the_start(tmp_path: Path) -> None:
    killed = start_upgrade(tmp_path)
    file = tmp_path / "inventory.db"
    while not file.exists():
        os.sched_yield()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    again = start_upgrade(tmp_path)
    assert again.communicate()[0].strip() == newest(LOCATION)
