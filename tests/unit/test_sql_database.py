"""The database's promises: transactions, snapshots, and what passes by itself."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.sql.connections import KeptConnections
from shared.sql.database import Database
from shared.sql.faults import (
    DatabaseBusy,
    DatabaseFull,
    is_busy,
    is_deadlock,
    is_full,
    is_transient,
)
from shared.sql.sqlite_file import begin_writing


@pytest.fixture
def pauses() -> list[float]:
    """How long a database waited before it tried again."""
    return []


@pytest.fixture
def database(tmp_path: Path, pauses: list[float]) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'some.db'}", pause=pauses.append)
    with opened.write() as connection:
        connection.execute(text("CREATE TABLE counter (value INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    yield opened
    opened.dispose()


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT value FROM counter")).scalar_one())


def add(connection: Connection) -> None:
    connection.execute(text("UPDATE counter SET value = value + 1"))


def add_and_fail(connection: Connection) -> None:
    add(connection)
    raise ZeroDivisionError


def test_a_block_that_raises_changes_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        database.run(add_and_fail)
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        add_and_fail(connection)
    with database.read() as connection:
        assert count(connection) == 0


def test_the_file_is_in_write_ahead_mode_with_foreign_keys(database: Database) -> None:
    with database.write() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 1


def test_a_careful_shop_waits_for_the_disk(tmp_path: Path) -> None:
    careful = Database(f"sqlite:///{tmp_path / 'some.db'}", fsync_full=True)
    with careful.write() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
    careful.dispose()


@pytest.mark.parametrize(
    ("in_bulk", "pages", "cache"), [(False, 1_000, -32_768), (True, 100_000, -131_072)]
)
def test_only_a_writer_in_bulk_lets_the_log_grow(
    tmp_path: Path, in_bulk: bool, pages: int, cache: int
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'some.db'}", in_bulk=in_bulk)
    with database.session() as connection:
        assert connection.execute(text("PRAGMA wal_autocheckpoint")).scalar() == pages
        assert connection.execute(text("PRAGMA cache_size")).scalar() == cache
    database.dispose()


@pytest.mark.parametrize("in_bulk", [False, True])
def test_a_writer_in_bulk_brings_its_log_in_before_it_goes(
    database: Database, tmp_path: Path, in_bulk: bool
) -> None:
    with database.read() as connection:  # whose connection stays open, so the log stays too
        count(connection)
    file = tmp_path / "some.db"
    writer = Database(f"sqlite:///{file}", in_bulk=in_bulk)
    with writer.write() as connection:
        connection.execute(text("CREATE TABLE another (value INTEGER NOT NULL)"))
    before = file.stat().st_size
    writer.dispose()
    assert (file.stat().st_size > before) == in_bulk


def test_reads_of_one_block_see_one_state(database: Database) -> None:
    with database.read() as reading:
        before = count(reading)
        with database.write() as writing:
            add(writing)
        assert count(reading) == before
    with database.read() as reading:
        assert count(reading) == before + 1


def test_connections_stay_open_from_block_to_block_until_they_are_disposed_of(
    database: Database,
) -> None:
    def driver(block: AbstractContextManager[Connection]) -> object:
        with block as connection:
            count(connection)
            return connection.connection.driver_connection

    first = driver(database.write())
    assert driver(database.write()) is first
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        add_and_fail(connection)
    with database.write() as connection:
        assert count(connection) == 0, "what a block left behind is gone"
    readers = {id(driver(database.read())) for _ in range(9)}
    assert len(readers) <= 4
    database.dispose()
    assert driver(database.write()) is not first


def test_a_reader_who_finds_none_free_is_told_that_the_shop_is_busy(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'some.db'}")
    connections = KeptConnections(engine, size=1, wait_seconds=0.0)
    with connections.connect(), pytest.raises(DatabaseBusy), connections.connect():
        pass
    with connections.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    connections.dispose()


def test_whoever_waits_longest_for_a_connection_has_it_next(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'some.db'}")
    connections = KeptConnections(engine, size=1, wait_seconds=60.0)
    came: list[int] = []

    def come(place: int) -> None:
        with connections.connect():
            came.append(place)

    with ThreadPoolExecutor(3) as threads:
        with connections.connect():
            for place in range(3):
                threads.submit(come, place)
                while connections.waiting <= place:
                    time.sleep(0.001)
        # Who brings one back and wants one again is the last.
        come(3)
    assert came == [0, 1, 2, 3]
    connections.dispose()


def test_writers_of_one_process_queue_and_lose_nothing(database: Database) -> None:
    def write() -> None:
        for _ in range(50):
            database.run(add)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.primary() as connection:
        assert count(connection) == 400


def test_another_process_that_writes_is_waited_for_and_given_up_in_the_end(
    database: Database, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "some.db", check_same_thread=False)) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        with (
            closing(sqlite3.connect(tmp_path / "some.db", timeout=0)) as impatient,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            begin_writing(impatient, seconds=0.0)
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(database.run, add)
            assert not writing.done()
            other.execute("COMMIT")
            writing.result()
    with database.read() as connection:
        assert count(connection) == 1


def test_reads_go_to_the_replica_and_decisions_to_the_primary(tmp_path: Path) -> None:
    for name, value in (("primary", 1), ("replica", 2)):
        with sqlite3.connect(tmp_path / f"{name}.db") as made:
            made.execute("CREATE TABLE counter (value INTEGER NOT NULL)")
            made.execute("INSERT INTO counter VALUES (?)", [value])
        made.close()
    database = Database(
        f"sqlite:///{tmp_path / 'primary.db'}", f"sqlite:///{tmp_path / 'replica.db'}"
    )
    with database.read() as replica, database.primary() as primary:
        assert (count(replica), count(primary)) == (2, 1)
    database.dispose()


def test_a_database_in_memory_is_refused_since_processes_could_not_share_it() -> None:
    with pytest.raises(ValueError, match="must be a file"), Database("sqlite://").read():
        pass


def server_fault(state: str, number: int) -> OperationalError:
    """As pyodbc reports it: the state, then a message that ends in the server's number."""
    message = f"[{state}] [Microsoft][ODBC Driver 18 for SQL Server] Oh ({number}) (SQLExecDirectW)"
    return OperationalError("SELECT 1", {}, Exception(state, message))


def test_azure_sql_faults_are_told_apart() -> None:
    deadlock = server_fault("40001", 1205)
    paused = server_fault("HY000", 40613)
    locked = server_fault("HY000", 1222)
    syntax = server_fault("42000", 102)
    assert [is_deadlock(one) for one in (deadlock, paused, locked, syntax)] == [True, *[False] * 3]
    assert [is_transient(one) for one in (deadlock, paused, locked, syntax)] == [
        True,
        True,
        False,
        False,
    ]
    assert [is_busy(one) for one in (deadlock, paused, locked, syntax)] == [True, True, True, False]
    assert is_busy(PoolTimeout())


@pytest.mark.parametrize("number", [1105, 9002, 40544])
def test_a_server_without_room_is_told_apart(number: int) -> None:
    assert is_full(server_fault("42000", number))
    assert not is_full(server_fault("42000", 102))
    assert not is_full(PoolTimeout())


@pytest.mark.parametrize("way", ["write", "run"])
def test_a_file_that_cannot_grow_is_told_and_nothing_is_changed(
    database: Database, way: str
) -> None:
    def grow(connection: Connection) -> None:
        add(connection)
        connection.execute(text("PRAGMA max_page_count = 1"))  # as many as there are
        connection.execute(text("CREATE TABLE more (text)"))
        connection.execute(text("INSERT INTO more VALUES (:long)"), {"long": "x" * 100_000})

    def write() -> None:
        with database.write() as connection:
            grow(connection)

    with pytest.raises(DatabaseFull) as full:
        write() if way == "write" else database.run(grow)
    assert (full.value.status, full.value.kind) == (503, "no-room")
    with database.primary() as connection:
        assert count(connection) == 0


def failing(times: int, fault: Exception, database: Database) -> int:
    """Runs work that fails so many times; gives how often it was run."""
    tries = 0

    def work(connection: Connection) -> int:
        nonlocal tries
        tries += 1
        add(connection)
        if tries <= times:
            raise fault
        return tries

    return database.run(work)


def test_a_deadlock_victim_is_run_again_whole(database: Database, pauses: list[float]) -> None:
    assert failing(2, server_fault("40001", 1205), database) == 3
    assert len(pauses) == 2
    with database.read() as connection:
        assert count(connection) == 1


def test_a_deadlock_that_stays_becomes_busy(database: Database) -> None:
    with pytest.raises(DatabaseBusy) as busy:
        failing(99, server_fault("40001", 1205), database)
    assert (busy.value.status, busy.value.headers["Retry-After"]) == (503, "1")


def test_other_errors_are_raised_at_once(database: Database, pauses: list[float]) -> None:
    with pytest.raises(OperationalError):
        failing(1, server_fault("42000", 102), database)
    assert pauses == []


def test_an_error_does_not_quote_what_was_to_be_stored(database: Database) -> None:
    statement = text("INSERT INTO counter VALUES (CASE WHEN :email = '' THEN 1 END)")
    with pytest.raises(IntegrityError) as error, database.write() as connection:
        connection.execute(statement, {"email": "anna@example.org"})
    assert "anna" not in str(error.value)
