"""Orders, their lines, what happened to them, refunds; keys, outbox and inbox."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Long, Utc, exact

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(
        op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
    )
    op.create_index(op.f("ix_inbox_received_at"), "inbox", ["received_at"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=12), nullable=False),
        sa.Column("checkout_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("customer_id", exact(255), nullable=True),
        sa.Column("cart_id", sa.String(length=64), nullable=True),
        sa.Column("open_cart", sa.String(length=64), nullable=True),
        sa.Column("replaces", sa.String(length=32), nullable=True),
        sa.Column("email", sa.Unicode(length=320), nullable=True),
        sa.Column("email_key", exact(320), nullable=True),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("delivery", sa.UnicodeText(), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("postcode", sa.Unicode(length=20), nullable=False),
        sa.Column("shipping_method", sa.String(length=20), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("items_total", Long, nullable=False),
        sa.Column("shipping_total", Long, nullable=False),
        sa.Column("tax_total", Long, nullable=False),
        sa.Column("total", Long, nullable=False),
        sa.Column("captured", Long, nullable=False),
        sa.Column("refund_requested", Long, nullable=False),
        sa.Column("refunded", Long, nullable=False),
        sa.Column("payment_state", sa.String(length=12), nullable=False),
        sa.Column("cancel_requested", sa.SmallInteger(), nullable=False),
        sa.Column("end_reason", sa.String(length=20), nullable=True),
        sa.Column("differences", sa.UnicodeText(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.Column("pay_until", Utc(), nullable=False),
        sa.Column("placed_at", Utc(), nullable=True),
        sa.Column("looked_after_at", Utc(), nullable=False),
        sa.CheckConstraint(
            "refunded >= 0 AND refunded <= refund_requested AND refund_requested <= captured",
            name=op.f("ck_orders_refunds_fit"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("checkout_hash", name=op.f("uq_orders_checkout_hash")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
    )
    op.create_index(
        "ix_orders_cart_id_created_at", "orders", ["cart_id", "created_at"], unique=False
    )
    op.create_index(
        "ix_orders_customer_id_created_at_id",
        "orders",
        ["customer_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_orders_email_key"), "orders", ["email_key"], unique=False)
    op.create_index(
        "ix_orders_status_looked_after_at", "orders", ["status", "looked_after_at"], unique=False
    )
    op.create_index(
        "uq_orders_open_cart",
        "orders",
        ["open_cart"],
        unique=True,
        sqlite_where=sa.text("open_cart IS NOT NULL"),
        mssql_where=sa.text("open_cart IS NOT NULL"),
    )
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
    op.create_index(
        "ix_outbox_unsent",
        "outbox",
        ["aggregate", "sequence"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL"),
        mssql_where=sa.text("sent_at IS NULL"),
    )
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("line", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("isbn", Long, nullable=False),
        sa.Column("title", sa.Unicode(length=500), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("quantity", sa.SmallInteger(), nullable=False),
        sa.Column("asked_price", Long, nullable=True),
        sa.Column("unit_price", Long, nullable=False),
        sa.Column("tax_rate", sa.Integer(), nullable=False),
        sa.Column("tax", Long, nullable=False),
        sa.Column("weight_grams", sa.Integer(), nullable=False),
        sa.Column("refunded_quantity", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "refunded_quantity >= 0 AND refunded_quantity <= quantity",
            name=op.f("ck_order_lines_refunds_fit"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_lines_order_id")),
        sa.PrimaryKeyConstraint("order_id", "line", name=op.f("pk_order_lines")),
    )
    op.create_table(
        "order_timeline",
        sa.Column("sequence", Long, nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.UnicodeText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_order_timeline_order_id")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_order_timeline")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_order_timeline_order_id"), "order_timeline", ["order_id"], unique=False
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("amount", Long, nullable=False),
        sa.Column("reason", sa.Unicode(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refunds_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
    )
    op.create_index(op.f("ix_refunds_order_id"), "refunds", ["order_id"], unique=False)
