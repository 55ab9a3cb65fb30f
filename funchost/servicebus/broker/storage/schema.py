"""The broker's database: one file, written by one process at a time."""

import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = [
    "DATABASE_NAME",
    "SEQUENCE_BITS",
    "connect",
    "connect_reader",
    "create_schema",
    "stored_definition",
]

DATABASE_NAME = "servicebus.db"

_BUSY_SECONDS = 10
_VERSION = 2
_CHECKPOINT_PAGES = 4000

SEQUENCE_BITS = 44
"""A message's id is its container's number, shifted by this, plus its sequence number: the table is
clustered by container and by order within it, and a range of ids is one entity's messages."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS ownership (
    only INTEGER PRIMARY KEY CHECK (only = 1), owner TEXT NOT NULL, epoch INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS namespace (
    only INTEGER PRIMARY KEY CHECK (only = 1), definition TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS container (
    number INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    requires_session INTEGER NOT NULL,
    declared INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY,
    container INTEGER NOT NULL,
    state INTEGER NOT NULL,
    session TEXT,
    due INTEGER,
    lock INTEGER,
    deliveries INTEGER NOT NULL,
    expires INTEGER
) STRICT;

CREATE INDEX IF NOT EXISTS message_ready ON message (container)
    WHERE state = 0 AND session IS NULL;
CREATE INDEX IF NOT EXISTS message_session ON message (container, state, session)
    WHERE session IS NOT NULL;
CREATE INDEX IF NOT EXISTS message_due ON message (due) WHERE due IS NOT NULL;

CREATE TABLE IF NOT EXISTS body (
    id INTEGER PRIMARY KEY,
    enqueued_sequence INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    scheduled_at INTEGER,
    time_to_live INTEGER,
    session_id TEXT,
    dead_letter_source TEXT,
    hops INTEGER NOT NULL,
    encoded BLOB NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS duplicate (
    container INTEGER NOT NULL, message_id TEXT NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (container, message_id)
) STRICT;
CREATE INDEX IF NOT EXISTS duplicate_until ON duplicate (until);

CREATE TABLE IF NOT EXISTS session_state (
    container INTEGER NOT NULL, session TEXT NOT NULL, state BLOB NOT NULL,
    updated_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (container, session)
) STRICT;

CREATE TABLE IF NOT EXISTS changed_rules (
    container INTEGER PRIMARY KEY, declared TEXT NOT NULL, rules TEXT NOT NULL
) STRICT;
"""
# `message` holds what changes while a message is waiting and is kept narrow for that; `body` is
# written once. In `message`, `session` is set only where the entity requires sessions, since only
# there it decides the order; `due` is when the state ends by itself: a lock, a schedule, a time to
# live.


def connect(file: Path) -> sqlite3.Connection:
    """To be used in the calling thread alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_reader(file: Path) -> sqlite3.Connection:
    """Sees what is committed, writes nothing, and may be used in any one thread at a time."""
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def stored_definition(file: Path) -> str | None:
    """The entities of the broker that served this file last, as JSON; None where none has."""
    if not file.exists():
        return None
    with closing(connect_reader(file)) as connection:
        try:
            row = connection.execute("SELECT definition FROM namespace").fetchone()
        except sqlite3.OperationalError:
            # The process that made the file died before it had made the tables.
            return None
    return None if row is None else row[0]


def create_schema(connection: sqlite3.Connection) -> None:
    """Inside the caller's transaction. Raises sqlite3.DatabaseError for a file of a later version
    of this program."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise sqlite3.DatabaseError(
            f"{DATABASE_NAME} has version {version}; this program knows up to {_VERSION}"
        )
    if version == 1:
        connection.execute(
            "ALTER TABLE session_state ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0"
        )
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
