"""Column types that mean the same on SQLite and on SQL Server."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, String, TypeDecorator, Unicode
from sqlalchemy.dialects.mssql import DATETIME2, NVARCHAR

Long = BigInteger().with_variant(Integer, "sqlite")
"""64 bits. SQLite makes a primary key an alias of the row's own id only if it is called INTEGER."""


def exact(length: int) -> Unicode:
    """Text for keys: equal only where every sign is, as SQLite compares anyway.

    SQL Server's usual collations hold `A` and `a`, or `æ` and `ae`, for the same.
    """
    binary = NVARCHAR(length, collation="Latin1_General_100_BIN2")
    return Unicode(length).with_variant(binary, "mssql")


class Utc(TypeDecorator[datetime]):
    """An aware UTC time, to the microsecond.

    SQLite keeps it as text of fixed width, so that it sorts and compares as a time does; SQL Server
    as DATETIME2(6). A naive datetime is refused.
    """

    impl = String(26)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "mssql":
            return dialect.type_descriptor(DATETIME2(6))  # type: ignore[no-untyped-call]
        return dialect.type_descriptor(String(26))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        moment = value.astimezone(UTC).replace(tzinfo=None)
        return moment if dialect.name == "mssql" else moment.isoformat(" ", "microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC)
