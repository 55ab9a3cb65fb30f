"""Microsoft's own driver, signed in to a server that speaks its protocol and knows no SQL.

What only SQL Server can tell, the contract suites ask of the one that `TEST_MSSQL` names.
"""

from collections.abc import Iterator

import pytest
from azure.core.credentials import AccessToken
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError

from shared.sql.database import Database
from shared.sql.engines import STATEMENT_SECONDS, sql_server
from shared.sql.faults import DatabaseBusy, is_busy, is_transient
from shared.sql.odbc import driver, prepared
from tests.support.faulty_proxy import faulty_proxy
from tests.support.odbc import needs_unixodbc
from tests.support.tds_server import Fault, TdsServer, tds_server

pytestmark = needs_unixodbc

UPDATE = "UPDATE stock SET reserved = 1"
DEADLOCK = Fault(1205, "Transaction (Process ID 5) was deadlocked. Rerun the transaction.", 13)
PAUSED = Fault(40613, "Database 'orders' is not currently available.", 17)
LOCKED = Fault(1222, "Lock request time out period exceeded.")
NOT_TAKEN_IN = Fault(18456, "Login failed for user 'shop'.", 14)


@pytest.fixture
def server() -> Iterator[TdsServer]:
    with tds_server() as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def database(server: TdsServer, pauses: list[float]) -> Iterator[Database]:
    database = Database(server.url(), pause=pauses.append)
    yield database
    database.dispose()


def update(connection: Connection) -> str:
    connection.execute(text(UPDATE))
    return "done"


class Times:
    """The fault for the first so many of a statement."""

    def __init__(self, count: int, fault: Fault, statement: str) -> None:
        self.left, self.fault, self.statement = count, fault, statement

    def __call__(self, said: str) -> Fault | None:
        if said != self.statement or not self.left:
            return None
        self.left -= 1
        return self.fault


def test_a_reader_says_that_it_only_reads(server: TdsServer) -> None:
    database = Database(server.url(), server.url())
    for block in (database.read, database.primary, database.write):
        with block() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == "1"
    assert [login.read_only for login in server.logins] == [True, False]
    assert {(login.user, login.database) for login in server.logins} == {("shop", "orders")}
    database.dispose()


def test_without_a_reader_the_primary_is_read(server: TdsServer, database: Database) -> None:
    for block in (database.read, database.primary):
        with block() as connection:
            connection.execute(text("SELECT 1"))
    assert [login.read_only for login in server.logins] == [False]


@pytest.mark.parametrize("where", [UPDATE, "COMMIT"])
def test_a_deadlock_victim_runs_again_from_its_begin(
    server: TdsServer, database: Database, pauses: list[float], where: str
) -> None:
    server.faults = Times(2, DEADLOCK, where)
    assert database.run(update) == "done"
    assert server.statements.count(UPDATE) == 3
    assert server.statements[-3:] == ["SELECT 1", UPDATE, "COMMIT"]
    assert len(pauses) == 2


def test_a_deadlock_that_stays_is_given_up(server: TdsServer, database: Database) -> None:
    server.faults = Times(99, DEADLOCK, UPDATE)
    with pytest.raises(DatabaseBusy):
        database.run(update)
    assert server.statements.count(UPDATE) == 4


def test_a_paused_database_is_waited_for(
    server: TdsServer, database: Database, pauses: list[float]
) -> None:
    server.refusals = [PAUSED] * 3
    assert database.run(update) == "done"
    assert len(server.logins) == 4
    assert pauses == sorted(pauses)


def test_a_reader_of_a_paused_database_is_told_at_once(
    server: TdsServer, database: Database, pauses: list[float]
) -> None:
    server.refusals = [PAUSED]
    with pytest.raises(DatabaseBusy), database.read():
        pass
    assert pauses == []


def test_a_wrong_password_is_an_error_that_does_not_show_it(
    server: TdsServer, database: Database, pauses: list[float]
) -> None:
    server.refusals = [NOT_TAKEN_IN] * 9
    with pytest.raises(DBAPIError, match="18456") as refused:
        database.run(update)
    assert "s3cret" not in str(refused.value)
    assert (len(server.logins), pauses) == (1, [])


def test_a_lock_that_stays_taken_is_busy_and_not_tried_again(
    server: TdsServer, database: Database
) -> None:
    server.faults = Times(9, LOCKED, UPDATE)
    with pytest.raises(DatabaseBusy):
        database.run(update)
    assert server.statements.count(UPDATE) == 1


def test_a_transaction_whose_connection_breaks_runs_again_on_another(
    server: TdsServer, pauses: list[float]
) -> None:
    with faulty_proxy(server.port) as network:
        database = Database(server.url(network.port), pause=pauses.append)
        tries = 0

        def work(connection: Connection) -> int:
            nonlocal tries
            tries += 1
            if tries == 1:
                network.cut()
            connection.execute(text(UPDATE))
            return tries

        assert database.run(work) == 2
        assert len(server.logins) == 2
        database.dispose()


def test_a_connection_that_broke_in_the_pool_is_replaced(server: TdsServer) -> None:
    with faulty_proxy(server.port) as network:
        database = Database(server.url(network.port))
        with database.primary():
            pass
        network.cut()
        with database.primary() as connection:
            connection.execute(text("SELECT 1"))
        assert len(server.logins) == 2
        database.dispose()


def test_a_server_that_says_nothing_at_sign_in_is_given_up(server: TdsServer) -> None:
    with faulty_proxy(server.port) as network:
        network.is_silent = True
        engine = sql_server(make_url(server.url(network.port)), login_seconds=1)
        with pytest.raises(DBAPIError) as error:
            engine.connect()
        assert is_transient(error.value)
        engine.dispose()


def test_a_statement_that_nobody_answers_is_given_up_and_its_server_told(
    server: TdsServer,
) -> None:
    server.is_silent = lambda statement: statement == UPDATE
    engine = sql_server(make_url(server.url()), statement_seconds=1)
    with engine.connect() as connection, pytest.raises(DBAPIError) as error:
        connection.execute(text(UPDATE))
    assert is_busy(error.value)
    assert server.attentions == 1
    engine.dispose()


def test_only_a_change_of_the_schema_may_take_as_long_as_it_needs(database: Database) -> None:
    def limit(connection: Connection) -> object:
        driver = connection.connection.driver_connection
        assert driver is not None
        return driver.timeout

    with database.session() as connection:
        assert limit(connection) == 0
    with database.write() as connection:
        assert limit(connection) == STATEMENT_SECONDS


def test_a_url_without_a_user_signs_in_by_a_token(server: TdsServer) -> None:
    tokens = iter(range(1, 9))
    seconds = [1_000.0]

    def token() -> AccessToken:
        return AccessToken(f"token {next(tokens)}", int(seconds[0] + 3600))

    engine = sql_server(make_url(server.url(user="")), token=token, now=lambda: seconds[0])
    for _ in range(3):
        engine.connect().close()
    seconds[0] += 3500
    engine.connect().close()
    assert [login.token for login in server.logins] == ["token 1", "token 2"]
    assert {login.user for login in server.logins} == {""}
    engine.dispose()


def test_the_wheel_brings_the_driver_that_the_system_lacks() -> None:
    found = driver("ODBC Driver 99 for SQL Server")
    assert "mssql_python_odbc" in found


def test_what_the_url_says_stays() -> None:
    url = make_url("mssql+pyodbc://@db.example/shop?Driver=/opt/lib.so&ApplicationIntent=ReadWrite")
    said = prepared(url, read_only=True).query
    assert said == {"driver": "/opt/lib.so", "ApplicationIntent": "ReadWrite"}
