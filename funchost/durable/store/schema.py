"""The tables of a task hub, and connections to them.

`messages` is what has happened to an instance and has not been seen by an episode yet; a row lives
from its sender's commit to the commit of the episode that takes it. `delayed` holds timers and
signals that are due later. `activities` holds those that are to run. These three are small however
many instances have ended, and every query of the engine goes by their keys or by partial indexes on
live instances: that is what keeps its cost flat.

Moments are microseconds of business time; only `owners.expires` is machine time, in seconds.
"""

import sqlite3
import time
from pathlib import Path

__all__ = ["BUSY_SECONDS", "begin_writing", "connect", "connect_for_reading", "hub_file"]

BUSY_SECONDS = 10
_LOOK_EVERY_SECONDS = 0.002
_VERSION = 2
_SCHEMA = """
CREATE TABLE instances (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  version TEXT,
  status INTEGER NOT NULL,
  input TEXT,
  output TEXT,
  custom_status TEXT,
  problem TEXT,
  parent TEXT,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  finished INTEGER,
  history_length INTEGER NOT NULL DEFAULT 0,
  revision INTEGER NOT NULL DEFAULT 1,
  owner TEXT,
  epoch INTEGER NOT NULL DEFAULT 0,
  deaths INTEGER NOT NULL DEFAULT 0,
  trials INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX instances_owned ON instances (owner) WHERE owner IS NOT NULL;
CREATE INDEX instances_finished ON instances (finished) WHERE finished IS NOT NULL;

CREATE TABLE history (
  instance TEXT NOT NULL,
  first INTEGER NOT NULL,
  events TEXT NOT NULL,
  PRIMARY KEY (instance, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  instance TEXT NOT NULL,
  execution_id TEXT,
  event TEXT NOT NULL
) STRICT;
CREATE INDEX messages_of_instance ON messages (instance);

CREATE TABLE delayed (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  due INTEGER NOT NULL,
  instance TEXT NOT NULL,
  execution_id TEXT,
  event TEXT NOT NULL
) STRICT;
CREATE INDEX delayed_due ON delayed (due);
CREATE INDEX delayed_of_instance ON delayed (instance);

CREATE TABLE activities (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  instance TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  task_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  input TEXT,
  owner TEXT,
  deaths INTEGER NOT NULL DEFAULT 0,
  trials INTEGER NOT NULL DEFAULT 0,
  traceparent TEXT
) STRICT;
CREATE INDEX activities_owned ON activities (owner);
CREATE INDEX activities_of_instance ON activities (instance);

CREATE TABLE entities (
  instance TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  state TEXT,
  is_present INTEGER NOT NULL DEFAULT 0,
  locked_by TEXT,
  last_operation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE owners (
  owner TEXT PRIMARY KEY,
  expires REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""


def hub_file(state: Path, hub: str) -> Path:
    """Hubs are named without regard to case, as files on some systems are."""
    return state / "durable" / f"{hub.lower()}.db"


def connect(file: Path, *, is_synchronous_full: bool = False) -> sqlite3.Connection:
    """For writing, in whichever one thread; makes the tables where there are none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = _open(file)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute(f"PRAGMA synchronous = {'FULL' if is_synchronous_full else 'NORMAL'}")
        begin_writing(connection)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in _SCHEMA.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
        elif version == 1:
            connection.execute("ALTER TABLE activities ADD COLUMN traceparent TEXT")
        if version < _VERSION:
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
        if version > _VERSION:
            raise sqlite3.DatabaseError(
                f"{file.name} was written by a newer version of this host (schema {version})"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def begin_writing(connection: sqlite3.Connection) -> None:
    """Takes the write lock, of a connection from `connect`. SQLite itself looks ever less often for
    a lock that another process holds, up to ten times a second, and so may miss it for long. Raises
    sqlite3.OperationalError after BUSY_SECONDS."""
    last = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > last:
                raise
        time.sleep(_LOOK_EVERY_SECONDS)


def connect_for_reading(file: Path) -> sqlite3.Connection:
    connection = _open(file)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _open(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.execute("PRAGMA cache_size = -16000")
    return connection
