"""Statements that are made once, without what SQLAlchemy does for each of them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, Insert, Table, Update, insert
from sqlalchemy.sql.compiler import SQLCompiler

COMPILED_FROM = "compiled_from"
"""The execution option that tells observers the statement, and the names of its parameters."""


@lru_cache(maxsize=256)
def inserting(table: Table) -> Insert:
    """Of a row that is given to `execute`."""
    return insert(table)


def execute_many(
    connection: Connection, statement: Insert | Update | Delete, rows: Sequence[Mapping[str, Any]]
) -> None:
    """What `connection.execute(statement, rows)` does, in less time; no result is given.

    All rows have the names of the first, and say everything: defaults that Python would compute are
    refused. A statement that is a constant is put into words once.
    """
    names = tuple(rows[0])
    values = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
    columns = zip(*map(values, rows), strict=True)
    execute_columns(connection, statement, dict(zip(names, columns, strict=True)))


def execute_columns(
    connection: Connection,
    statement: Insert | Update | Delete,
    columns: Mapping[str, Sequence[Any]],
) -> None:
    """`execute_many` of rows that are given as the values of each column, in the same order."""
    names = tuple(columns)
    compiled = _compiled(statement, connection.dialect, names)
    count = len(columns[names[0]])
    given = [_column(compiled, name, columns, count) for name in compiled.positiontup or ()]
    connection.exec_driver_sql(
        str(compiled),
        list(zip(*given, strict=True)),
        execution_options={COMPILED_FROM: (statement, names)},
    )


@lru_cache(maxsize=256)
def _compiled(
    statement: Insert | Update | Delete, dialect: Dialect, names: tuple[str, ...]
) -> SQLCompiler:
    compiled = statement.compile(dialect=dialect, column_keys=list(names), for_executemany=True)
    assert isinstance(compiled, SQLCompiler)
    if not compiled.positiontup or compiled.insert_prefetch or compiled.update_prefetch:
        raise ValueError("the statement takes values that its rows do not name")
    return compiled


def _column(
    compiled: SQLCompiler, name: str, columns: Mapping[str, Sequence[Any]], count: int
) -> Sequence[Any]:
    """The values of one parameter as the driver takes them."""
    values = columns.get(name)
    if values is None:
        values = [compiled.params[name]] * count
    process: Any = compiled._bind_processors.get(name)
    if process is None:
        return values
    if values.count(values[0]) == count:
        return [process(values[0])] * count
    return [process(value) for value in values]
