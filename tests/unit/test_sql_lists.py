"""A list of any length is one parameter."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, MetaData, String, Table, create_engine, insert, select

from shared.sql.lists import is_listed, pairs
from shared.sql.types import exact
from tests.support.tsql import azure_sql, parse

SIGNS = ['"', "\\", "'", "é", "𝒜", "", "a,b", "[1]", "null", "7"]
THINGS = Table(
    "things",
    MetaData(),
    Column("number", BigInteger, primary_key=True),
    Column("name", exact(20)),
    Column("code", String(4)),
)


@pytest.mark.parametrize(
    ("column", "asked", "found"),
    [
        (THINGS.c.number, range(0, 10_000, 2), [0, 2, 4, 6, 8]),
        (THINGS.c.number, [], []),
        (THINGS.c.name, SIGNS, list(range(10))),
        (THINGS.c.name, ["É", "7 ", 7], []),
    ],
)
def test_rows_are_found_by_numbers_and_by_texts(
    tmp_path: Path, column: Column[Any], asked: list[Any], found: list[int]
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'things.db'}")
    statement = select(THINGS.c.number).where(is_listed(column, "those")).order_by("number")
    with engine.begin() as connection:
        THINGS.create(connection)
        rows = [{"number": number, "name": sign} for number, sign in enumerate(SIGNS)]
        connection.execute(insert(THINGS), rows)
        assert list(connection.scalars(statement, {"those": asked})) == found
    engine.dispose()


@pytest.mark.parametrize(
    ("column", "read"),
    [
        (THINGS.c.number, "value FROM OPENJSON(?) WITH (value BIGINT '$')"),
        (THINGS.c.code, "value FROM OPENJSON(?) WITH (value NVARCHAR(4000) '$')"),
        (
            THINGS.c.name,
            "value COLLATE Latin1_General_100_BIN2 FROM OPENJSON(?)"
            " WITH (value NVARCHAR(4000) '$')",
        ),
    ],
)
def test_sql_server_reads_texts_in_the_columns_collation(column: Column[Any], read: str) -> None:
    compiled = (
        select(THINGS.c.number).where(is_listed(column, "those")).compile(dialect=azure_sql())
    )
    sql = str(compiled).replace(":those", "?")
    assert sql.endswith(f"IN (SELECT {read})")
    parse(sql)


def test_pairs_are_rows_in_their_order(tmp_path: Path) -> None:
    given = pairs("given").alias("given")
    statement = select(given.c.one, given.c.other)
    asked = [(7, 9_780_000_000_002), (1, -1), (7, 9_780_000_000_002)]
    engine = create_engine(f"sqlite:///{tmp_path / 'any.db'}")
    with engine.connect() as connection:
        assert connection.execute(statement, {"given": asked}).all() == asked
        assert connection.execute(statement, {"given": []}).all() == []
    engine.dispose()


def test_sql_server_reads_pairs_as_numbers_of_64_bits() -> None:
    given = pairs("given").alias("given")
    compiled = select(given.c.one).compile(dialect=azure_sql())
    assert "OPENJSON(:given) WITH (one BIGINT '$[0]', other BIGINT '$[1]')" in str(compiled)
    parse(str(compiled).replace(":given", "?"))
