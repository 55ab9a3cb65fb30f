"""The tables that each service with events has in its own database."""

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table

from shared.sql.types import Long, Utc


def outbox_table(metadata: MetaData) -> Table:
    """`claimed_until` is machine time: a claim is a lease."""
    table = Table(
        "outbox",
        metadata,
        Column("sequence", Long, primary_key=True),
        Column("id", String(64), nullable=False, unique=True),
        Column("aggregate", String(64), nullable=False),
        Column("destination", String(64), nullable=False),
        Column("session", String(64)),
        Column("type", String(64), nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("created_at", Utc, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("claimed_by", String(32)),
        Column("claimed_until", Utc),
        Column("sent_at", Utc, index=True),
        sqlite_autoincrement=True,
    )
    unsent = table.c.sent_at.is_(None)
    Index(
        "ix_outbox_unsent",
        table.c.aggregate,
        table.c.sequence,
        sqlite_where=unsent,
        mssql_where=unsent,
    )
    return table


def inbox_table(metadata: MetaData) -> Table:
    return Table(
        "inbox",
        metadata,
        Column("id", String(64), primary_key=True),
        Column("received_at", Utc, nullable=False, index=True),
    )
