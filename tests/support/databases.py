"""Where the databases of a test lie: files of SQLite's in its folder, or the SQL Server that
`TEST_MSSQL` names, a SQLAlchemy URL (`mssql+pyodbc://sa:password@127.0.0.1/master?...`).

There each process of the tests makes databases of its own, one for each name, brings them to the
newest schema once, empties them before each test and drops them in the end.
"""

import atexit
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, Connection, make_url, text

from shared.sql.database import Database
from shared.sql.engines import sql_server
from shared.sql.migrations import upgrade

SERVER = os.environ.get("TEST_MSSQL")
KINDS = ("sqlite", *(["mssql"] if SERVER else []))
_INDEXING_SECONDS = 60

EMPTY = """
DECLARE @sql nvarchar(max) = N'';
SELECT @sql += N'ALTER TABLE ' + QUOTENAME(name) + N' NOCHECK CONSTRAINT ALL;'
    FROM sys.tables WHERE name <> 'alembic_version';
SELECT @sql += N'DELETE FROM ' + QUOTENAME(name) + N';'
    FROM sys.tables WHERE name <> 'alembic_version';
SELECT @sql += N'ALTER TABLE ' + QUOTENAME(name) + N' WITH CHECK CHECK CONSTRAINT ALL;'
    FROM sys.tables WHERE name <> 'alembic_version';
SELECT @sql += N'DBCC CHECKIDENT (''' + QUOTENAME(OBJECT_NAME(object_id)) + N''', RESEED, 0);'
    FROM sys.identity_columns
    WHERE last_value IS NOT NULL AND OBJECT_SCHEMA_NAME(object_id) = 'dbo';
EXEC sp_executesql @sql;
"""
MAKE = "CREATE DATABASE [{name}]"
AS_IN_AZURE = (
    "ALTER DATABASE [{name}] SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE",
    "ALTER DATABASE [{name}] SET ALLOW_SNAPSHOT_ISOLATION ON",
)
"""Azure SQL's defaults; a server in a container has others."""
DROP = "DROP DATABASE IF EXISTS [{name}]"
NOT_INDEXED = """
SELECT COALESCE(SUM(CAST(OBJECTPROPERTYEX(object_id, 'TableFulltextPendingChanges') AS int)
    + CAST(OBJECTPROPERTYEX(object_id, 'TableFulltextPopulateStatus') AS int)), 0)
FROM sys.fulltext_indexes
"""


@dataclass
class _Server:
    address: URL
    run: str = field(default_factory=lambda: f"test_{uuid4().hex[:12]}")
    made: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)

    def url(self, name: str) -> str:
        """Empty at its first use in a test."""
        database = f"{self.run}_{name}"
        url = self.address.set(database=database).render_as_string(hide_password=False)
        if database not in self.made:
            if not self.made:
                atexit.register(self.drop)
            self._do(MAKE, *AS_IN_AZURE, database=database)
            self.made.add(database)
        elif database not in self.emptied:
            opened = Database(url)
            opened.run(lambda connection: connection.execute(text(EMPTY)))
            opened.dispose()
        self.emptied.add(database)
        return url

    def drop(self) -> None:
        for database in self.made:
            self._do(DROP, database=database)

    def _do(self, *statements: str, database: str) -> None:
        engine = sql_server(self.address)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.format(name=database))
        engine.dispose()


_server = _Server(make_url(SERVER)) if SERVER else None
_in_use: list[_Server] = []


@contextmanager
def of_kind(kind: str) -> Iterator[None]:
    """Inside the block databases lie in files, or on the server."""
    if kind == "sqlite":
        yield
        return
    assert _server is not None, "TEST_MSSQL names the server"
    _server.emptied.clear()
    _in_use.append(_server)
    try:
        yield
    finally:
        _in_use.remove(_server)


def database_url(folder: Path, name: str) -> str:
    if _in_use:
        return _in_use[-1].url(name)
    return f"sqlite:///{(folder / f'{name}.db').as_posix()}"


def open_database(folder: Path, name: str, migrations: Path) -> Database:
    """With the newest schema; the caller disposes of it."""
    database = Database(database_url(folder, name))
    upgrade(database, migrations)
    return database


def indexed(database: Database) -> None:
    """Returns when all text can be found: SQL Server indexes it some time after the commit."""
    if not _in_use:
        return

    def waits(connection: Connection) -> bool:
        return bool(connection.scalar(text(NOT_INDEXED)))

    deadline = time.monotonic() + _INDEXING_SECONDS
    while database.run(waits):
        assert time.monotonic() < deadline, "the text is not indexed"
        time.sleep(0.05)  # the server tells nobody
