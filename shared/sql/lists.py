"""Lists of any length in one parameter: the statement stays the same, and is put into words once.

SQL Server takes at most 2,100 parameters, and both databases keep statements by their text.
"""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Dialect,
    String,
    TableValuedAlias,
    TypeDecorator,
    UnicodeText,
    bindparam,
    column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Json(TypeDecorator[Collection[Any]]):
    impl = UnicodeText
    cache_ok = True

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> str:
        return json.dumps(list(value or ()))


class _Listed(FunctionElement[Any]):
    inherit_cache = True


def is_listed(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """True where the parameter of this name, a list of numbers or texts, has the column's value."""
    listed = _Listed(bindparam(name, type_=_Json))
    listed.type = column.type
    return column.bool_op("IN")(listed)


class _Pairs(FunctionElement[Any]):
    inherit_cache = True


def pairs(name: str) -> TableValuedAlias:
    """The rows of the parameter of this name, a list of pairs of numbers: `one` and `other`."""
    listed = _Pairs(bindparam(name, type_=_Json))
    return listed.table_valued(column("one", BigInteger), column("other", BigInteger))


@compiles(_Listed)
def _in_sqlite(element: _Listed, compiler: SQLCompiler, **how: Any) -> str:
    """https://www.sqlite.org/json1.html#jeach"""
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **how)}))"  # noqa: S608


@compiles(_Listed, "mssql")
def _in_sql_server(element: _Listed, compiler: SQLCompiler, **how: Any) -> str:
    """https://learn.microsoft.com/en-us/sql/t-sql/functions/openjson-transact-sql

    Texts in the column's collation, since two could not be compared, and never cut.
    """
    kind = element.type.dialect_impl(compiler.dialect)
    name = compiler.dialect.type_compiler_instance.process(kind)
    value = "value"
    if isinstance(kind, String):
        name = "NVARCHAR(4000)"
        value = f"value COLLATE {kind.collation}" if kind.collation else value
    values = compiler.process(element.clauses, **how)
    return f"(SELECT {value} FROM OPENJSON({values}) WITH (value {name} '$'))"  # noqa: S608


@compiles(_Pairs)
def _pairs_in_sqlite(element: _Pairs, compiler: SQLCompiler, **how: Any) -> str:
    values = compiler.process(element.clauses, **how)
    return (
        "(SELECT json_extract(value, '$[0]') AS one, json_extract(value, '$[1]') AS other"  # noqa: S608
        f" FROM json_each({values}))"
    )


@compiles(_Pairs, "mssql")
def _pairs_in_sql_server(element: _Pairs, compiler: SQLCompiler, **how: Any) -> str:
    values = compiler.process(element.clauses, **how)
    return (
        "(SELECT one, other FROM"  # noqa: S608
        f" OPENJSON({values}) WITH (one BIGINT '$[0]', other BIGINT '$[1]'))"
    )
