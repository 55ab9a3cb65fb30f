"""Proof that what ran on SQLite is also T-SQL: each statement is compiled again and parsed."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlglot
from sqlalchemy import ClauseElement, Connection, Engine, event
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc
from sqlalchemy.sql.ddl import ExecutableDDLElement

from shared.sql.many import COMPILED_FROM

SQLITE_ONLY = "sqlite_only"
"""The execution option of a statement whose SQL Server twin stands beside it."""


_BEYOND_THE_PARSER = re.compile(r"\s*CREATE FULLTEXT (CATALOG|INDEX) ")


def azure_sql() -> MSDialect_pyodbc:
    """The dialect as it is after it met Azure SQL: DATE, NVARCHAR(max), no IMAGE."""
    dialect = MSDialect_pyodbc()
    dialect.server_version_info = (16, 0)
    dialect._setup_version_attributes()
    return dialect


@functools.cache
def parse(sql: str) -> None:
    """Raises sqlglot's ParseError with the place where it is not T-SQL."""
    for statement in sqlglot.parse(sql, read="tsql", error_level=sqlglot.ErrorLevel.RAISE):
        if isinstance(statement, sqlglot.exp.Command):
            assert _BEYOND_THE_PARSER.match(sql), f"not understood: {sql}"
        for query in statement.find_all(sqlglot.exp.Query) if statement else ():
            ordered = query.args.get("order") or not query.args.get("offset")
            assert ordered, f"T-SQL knows OFFSET only behind ORDER BY: {sql}"


@contextmanager
def every_statement_is_tsql() -> Iterator[set[str]]:
    """Collects what is executed inside, and checks all of it at the end."""
    dialect = azure_sql()
    seen: set[str] = set()
    shapes: set[object] = set()

    def note(
        _connection: Connection,
        statement: Any,
        many: Sequence[Mapping[str, Any]],
        one: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> None:
        if isinstance(statement, ExecutableDDLElement) or str(statement).startswith("CREATE "):
            return  # migrations are checked as one script
        if isinstance(statement, ClauseElement) and not options.get(SQLITE_ONLY):
            parameters = [*many] or [one]
            shape = _shape(statement, parameters)
            if shape not in shapes:
                shapes.add(shape)
                seen.add(_compiled(dialect, statement, parameters))

    def note_many(
        _connection: Connection,
        _cursor: Any,
        _sql: str,
        _parameters: Any,
        context: Any,
        _executemany: bool,
    ) -> None:
        if made := context.execution_options.get(COMPILED_FROM):
            statement, names = made
            if statement.get_execution_options().get(SQLITE_ONLY):
                return
            rows = [dict.fromkeys(names)] * 2
            if (shape := _shape(statement, rows)) not in shapes:
                shapes.add(shape)
                seen.add(_compiled(dialect, statement, rows))

    event.listen(Engine, "before_execute", note)
    event.listen(Engine, "before_cursor_execute", note_many)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_execute", note)
        event.remove(Engine, "before_cursor_execute", note_many)
    for sql in seen:
        parse(sql)


def _compiled(
    dialect: MSDialect_pyodbc, statement: ClauseElement, parameters: Sequence[Mapping[str, Any]]
) -> str:
    compiled = statement.compile(
        dialect=dialect, column_keys=sorted(parameters[0]), for_executemany=len(parameters) > 1
    )
    return str(compiled.construct_expanded_state(dict(parameters[0])).statement)


def _shape(statement: ClauseElement, parameters: Sequence[Mapping[str, Any]]) -> object:
    """Alike for statements that differ in their values only, as SQLAlchemy's own cache sees it."""
    key = statement._generate_cache_key()
    return object() if key is None else (key.key, frozenset(parameters[0]), len(parameters) > 1)
