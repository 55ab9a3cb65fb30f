"""Consignments, what their carrier tells, and the messages of both."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Long, Utc, exact

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "shipped_orders",
        sa.Column("order_id", exact(64), nullable=False),
        sa.Column("consignments", sa.Integer(), nullable=False),
        sa.Column("dispatched", sa.Integer(), nullable=False),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.Column("voided_at", Utc(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "dispatched = 0 OR voided_at IS NULL", name=op.f("ck_shipped_orders_dispatched")
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_shipped_orders")),
    )
    op.execute(
        "INSERT INTO shipped_orders"
        " (order_id, consignments, dispatched, delivered, voided_at, version)"
        " SELECT order_id, 0, 0, 0, at, 1 FROM voids"
    )
    op.drop_table("voids")
    op.create_table(
        "shipments",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", exact(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("consignments", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=True),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("weight_grams", sa.Integer(), nullable=False),
        sa.Column("promised_by", sa.Date(), nullable=True),
        sa.Column("expected", sa.Date(), nullable=True),
        sa.Column("carrier", sa.Unicode(length=60), nullable=True),
        sa.Column("carrier_id", exact(64), nullable=True),
        sa.Column("tracker", exact(64), nullable=True),
        sa.Column("tracking_number", sa.Unicode(length=60), nullable=True),
        sa.Column("tracking_url", sa.Unicode(length=400), nullable=True),
        sa.Column("label_url", sa.Unicode(length=400), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("dispatched_at", Utc(), nullable=True),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.Column("due_at", Utc(), nullable=True),
        sa.Column("not_before", Utc(), nullable=True),
        sa.Column("claimed_by", sa.String(length=32), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("silent", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["shipped_orders.order_id"], name=op.f("fk_shipments_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipments")),
        sa.UniqueConstraint("order_id", "number", name=op.f("uq_shipments_order_id_number")),
    )
    _filtered_index("ix_shipments_due", "shipments", ["due_at"], "due_at IS NOT NULL")
    _filtered_index(
        "ix_shipments_carrier_id",
        "shipments",
        ["carrier_id"],
        "carrier_id IS NOT NULL",
        unique=True,
    )
    op.create_table(
        "shipment_contents",
        sa.Column("shipment_id", sa.String(length=32), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("isbn", Long, nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", Long, nullable=False),
        sa.Column("weight_grams", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shipment_id"], ["shipments.id"], name=op.f("fk_shipment_contents_shipment_id")
        ),
        sa.PrimaryKeyConstraint("shipment_id", "line", name=op.f("pk_shipment_contents")),
    )
    op.create_table(
        "scans",
        sa.Column("sequence", Long, nullable=False),
        sa.Column("shipment_id", sa.String(length=32), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("message", sa.Unicode(length=200), nullable=False),
        sa.Column("place", sa.Unicode(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["shipment_id"], ["shipments.id"], name=op.f("fk_scans_shipment_id")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_scans")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_scans_shipment_id_at", "scans", ["shipment_id", "at"], unique=False)
    op.create_table(
        "carrier_events",
        sa.Column("id", exact(64), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("received_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_events")),
    )
    op.create_index(
        op.f("ix_carrier_events_received_at"), "carrier_events", ["received_at"], unique=False
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
    )
    op.create_index(op.f("ix_inbox_received_at"), "inbox", ["received_at"], unique=False)
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
    _filtered_index("ix_outbox_unsent", "outbox", ["aggregate", "sequence"], "sent_at IS NULL")


def _filtered_index(
    name: str, table: str, columns: list[str], where: str, unique: bool = False
) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, columns, unique=unique, sqlite_where=condition, mssql_where=condition
    )
