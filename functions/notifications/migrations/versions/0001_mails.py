"""Mails, what people switched off, and the outbox."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Long, Utc, exact

revision = "0001"
down_revision = None


def upgrade() -> None:
    _mails()
    op.create_table(
        "switches",
        sa.Column("subscriber", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("off_since", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber", "kind", name=op.f("pk_switches")),
    )
    _messages()


def _filtered_index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, mssql_where=condition)


def _mails() -> None:
    op.create_table(
        "mails",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("about", exact(64), nullable=False),
        sa.Column("shipment_id", exact(64), nullable=True),
        sa.Column("subscriber", sa.String(length=64), nullable=False),
        sa.Column("customer_id", exact(255), nullable=True),
        sa.Column("facts", sa.UnicodeText(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Unicode(length=100), nullable=True),
        sa.Column("provider_id", sa.Unicode(length=200), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("due_at", Utc(), nullable=False),
        sa.Column("look_at", Utc(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
    )
    op.create_index(op.f("ix_mails_about"), "mails", ["about"])
    op.create_index(op.f("ix_mails_created_at"), "mails", ["created_at"])
    _filtered_index("ix_mails_look_at", "mails", ["look_at"], "state = 'waiting'")
    _filtered_index("ix_mails_shipment_id", "mails", ["shipment_id"], "shipment_id IS NOT NULL")
    _filtered_index("ix_mails_customer_id", "mails", ["customer_id"], "customer_id IS NOT NULL")


def _messages() -> None:
    op.create_table(
        "outbox",
        sa.Column("sequence", Long, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("aggregate", sa.String(length=64), nullable=False),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("session", sa.String(length=64), nullable=True),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(length=32), nullable=True),
        sa.Column("claimed_until", Utc(), nullable=True),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_outbox")),
        sa.UniqueConstraint("id", name=op.f("uq_outbox_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_outbox_sent_at"), "outbox", ["sent_at"])
    _filtered_index("ix_outbox_unsent", "outbox", ["aggregate", "sequence"], "sent_at IS NULL")
