"""Payments, refunds, calls to Stripe, the ledger, the Stripe inbox and the outbox."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Long, Utc, exact

revision = "0001"
down_revision = None


def upgrade() -> None:
    _payments()
    _refunds()
    _calls_and_ledger()
    _messages()


def _filtered_index(name: str, table: str, column: str, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, [column], unique=unique, sqlite_where=condition, mssql_where=condition
    )


def _payments() -> None:
    op.create_table(
        "payments",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("order_number", sa.String(length=64), nullable=True),
        sa.Column("amount", Long, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("intent", exact(64), nullable=True),
        sa.Column("client_secret", exact(255), nullable=True),
        sa.Column("declined", sa.String(length=64), nullable=True),
        sa.Column("cancel_asked", sa.SmallInteger(), nullable=False),
        sa.Column("received", Long, nullable=False),
        sa.Column("refunding", Long, nullable=False),
        sa.Column("refunded", Long, nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("moved_at", Utc(), nullable=False),
        sa.Column("checked_at", Utc(), nullable=False),
        sa.Column("reconciled_at", Utc(), nullable=True),
        sa.Column("mismatch", sa.Unicode(length=400), nullable=True),
        sa.CheckConstraint(
            "refunded >= 0 AND refunded <= refunding", name=op.f("ck_payments_refunded")
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_payments")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_payments_payment_id")),
    )
    _filtered_index("ix_payments_intent", "payments", "intent", "intent IS NOT NULL", unique=True)
    _filtered_index(
        "ix_payments_open", "payments", "checked_at", "state IN ('requested', 'pending')"
    )
    _filtered_index("ix_payments_unreconciled", "payments", "moved_at", "reconciled_at IS NULL")


def _refunds() -> None:
    op.create_table(
        "refunds",
        sa.Column("id", exact(64), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("intent", exact(64), nullable=False),
        sa.Column("amount", Long, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.Unicode(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("provider_id", exact(64), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("counts", sa.SmallInteger(), nullable=False),
        sa.Column("requested_at", Utc(), nullable=False),
        sa.Column("moved_at", Utc(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["payments.order_id"], name=op.f("fk_refunds_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
    )
    op.create_index(op.f("ix_refunds_order_id"), "refunds", ["order_id"], unique=False)
    _filtered_index(
        "ix_refunds_waiting", "refunds", "moved_at", "state IN ('requested', 'pending')"
    )
    _filtered_index(
        "ix_refunds_provider_id", "refunds", "provider_id", "provider_id IS NOT NULL", unique=True
    )


def _calls_and_ledger() -> None:
    op.create_table(
        "stripe_calls",
        sa.Column("key", exact(160), nullable=False),
        sa.Column("purpose", exact(150), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("stripe_object", exact(64), nullable=True),
        sa.Column("error", sa.Unicode(length=400), nullable=True),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_stripe_calls")),
    )
    op.create_index(op.f("ix_stripe_calls_order_id"), "stripe_calls", ["order_id"], unique=False)
    op.create_index("ix_stripe_calls_purpose_number", "stripe_calls", ["purpose", "number"])
    op.create_table(
        "ledger",
        sa.Column("posting", exact(120), nullable=False),
        sa.Column("account", sa.String(length=20), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("amount", Long, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("posting", "account", name=op.f("pk_ledger")),
    )
    op.create_index(op.f("ix_ledger_order_id"), "ledger", ["order_id"], unique=False)


def _messages() -> None:
    op.create_table(
        "stripe_events",
        sa.Column("id", exact(64), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("about", exact(64), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("received_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_events")),
    )
    op.create_index(op.f("ix_stripe_events_about"), "stripe_events", ["about"], unique=False)
    op.create_index(
        op.f("ix_stripe_events_received_at"), "stripe_events", ["received_at"], unique=False
    )
    _filtered_index("ix_stripe_events_unapplied", "stripe_events", "received_at", "outcome IS NULL")
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
    op.create_index(op.f("ix_outbox_sent_at"), "outbox", ["sent_at"], unique=False)
    unsent = sa.text("sent_at IS NULL")
    op.create_index(
        "ix_outbox_unsent",
        "outbox",
        ["aggregate", "sequence"],
        unique=False,
        sqlite_where=unsent,
        mssql_where=unsent,
    )
