"""One statement for many rows, without what SQLAlchemy does for each of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Update
from sqlalchemy.sql.compiler import SQLCompiler


def execute_many(
    connection: Connection, statement: Insert | Update | Delete, rows: Sequence[Mapping[str, Any]]
) -> None:
    """What `connection.execute(statement, rows)` does, in less time; no result is given.

    All rows have the names of the first, and say everything: defaults that Python would compute are
    refused.
    """
    names = list(rows[0])
    compiled = statement.compile(connection, column_keys=names, for_executemany=True)
    assert isinstance(compiled, SQLCompiler)
    order = compiled.positiontup
    if order is None or compiled.insert_prefetch or compiled.update_prefetch:
        raise ValueError("the statement takes values that its rows do not name")
    columns = [_column(compiled, name, rows) for name in order]
    connection.exec_driver_sql(str(compiled), list(zip(*columns, strict=True)))


def _column(compiled: SQLCompiler, name: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The values of one parameter as the driver takes them."""
    own = name in rows[0]
    values = [row[name] for row in rows] if own else [compiled.params[name]] * len(rows)
    process: Any = compiled._bind_processors.get(name)
    return values if process is None else [process(value) for value in values]
