"""Alembic without its files around it: a folder of revisions, run on a connection of our own."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Dialect, text

from shared.sql.database import Database
from shared.sql.faults import DatabaseBusy

LOCK_SCHEMA = """
SET NOCOUNT ON;
DECLARE @result int;
EXEC @result = sp_getapplock @Resource = 'schema', @LockMode = 'Exclusive',
    @LockOwner = 'Session', @LockTimeout = 120000;
SELECT @result;
"""
UNLOCK_SCHEMA = "EXEC sp_releaseapplock @Resource = 'schema', @LockOwner = 'Session'"


def upgrade(database: Database, location: Path) -> str | None:
    """Brings the schema to the newest revision in `location` and returns that revision.

    Several processes may call this at once: one does the work, the others wait and find it done.
    On SQLite the whole upgrade is one transaction, on SQL Server each revision; a kill leaves the
    schema as it was before.
    """
    with database.session() as connection, _alone(connection):
        _run(MigrationContext.configure(connection, opts=_options(location)))
        return current(connection)


def current(connection: Connection) -> str | None:
    """The revision of the schema; None where no migration ever ran."""
    return MigrationContext.configure(connection).get_current_revision()


def newest(location: Path) -> str | None:
    """The last revision in the folder."""
    return ScriptDirectory(str(location)).get_current_head()


def offline_sql(location: Path, dialect: Dialect) -> str:
    """What `upgrade` would send to an empty database of that dialect, as one script."""
    script = io.StringIO()
    options = {**_options(location), "as_sql": True, "output_buffer": script}
    _run(MigrationContext.configure(dialect=dialect, opts=options))
    return script.getvalue()


def _options(location: Path) -> dict[str, Any]:
    folder = ScriptDirectory(str(location))

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return folder._upgrade_revs("head", revision)

    return {"fn": steps, "transactional_ddl": True, "transaction_per_migration": True}


def _run(context: MigrationContext) -> None:
    with Operations.context(context):
        context.run_migrations()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keeps other upgrades of the same database out.

    SQLite's write lock does, over one transaction. SQL Server is asked for a lock by name; it is
    the session's, not a transaction's, for full-text DDL must stand outside of any.
    """
    if connection.dialect.name != "mssql":
        with connection.begin():
            yield
        return
    with connection.begin():
        if connection.execute(text(LOCK_SCHEMA)).scalar_one() < 0:
            raise DatabaseBusy  # another upgrade has been running for two minutes
    try:
        yield
        connection.commit()
    finally:
        connection.rollback()
        with connection.begin():
            connection.execute(text(UNLOCK_SCHEMA))
