"""Shipping's tables."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Unicode,
    UniqueConstraint,
)

from shared.messaging.tables import inbox_table, outbox_table
from shared.sql.metadata import service_metadata
from shared.sql.types import Long, Utc, exact

metadata = service_metadata()

address_books = Table(
    "address_books",
    metadata,
    Column("customer_id", exact(255), primary_key=True),
    Column("default_id", String(32)),
    Column("version", Integer, nullable=False),
)
"""One row for each customer who ever had an address. Each writer changes it first, so that writers
of one customer follow each other."""

addresses = Table(
    "addresses",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("customer_id", ForeignKey("address_books.customer_id"), nullable=False),
    Column("name", Unicode(100), nullable=False),
    Column("line1", Unicode(100), nullable=False),
    Column("line2", Unicode(100)),
    Column("city", Unicode(100), nullable=False),
    Column("region", Unicode(100)),
    Column("postcode", String(40), nullable=False),
    Column("country", String(2), nullable=False),
    Column("created_at", Utc, nullable=False),
    Index("ix_addresses_customer_id_created_at", "customer_id", "created_at"),
)

shipped_orders = Table(
    "shipped_orders",
    metadata,
    Column("order_id", exact(64), primary_key=True),
    Column("consignments", Integer, nullable=False),
    Column("dispatched", Integer, nullable=False),
    Column("delivered", Integer, nullable=False),
    Column("voided_at", Utc),
    Column("version", Integer, nullable=False),
    CheckConstraint("dispatched = 0 OR voided_at IS NULL", name="dispatched"),
)
"""One row for each order that was placed; each writer of its consignments changes it first. One
that is voided without having any is a tombstone: no consignment is made for it."""

shipments = Table(
    "shipments",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("order_id", ForeignKey("shipped_orders.order_id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("consignments", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", String(20)),
    Column("method", String(20), nullable=False),
    Column("country", String(2), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("weight_grams", Integer, nullable=False),
    Column("promised_by", Date),
    Column("expected", Date),
    Column("carrier", Unicode(60)),
    Column("carrier_id", exact(64)),
    Column("tracker", exact(64)),
    Column("tracking_number", Unicode(60)),
    Column("tracking_url", Unicode(400)),
    Column("label_url", Unicode(400)),
    Column("created_at", Utc, nullable=False),
    Column("dispatched_at", Utc),
    Column("ended_at", Utc),
    Column("due_at", Utc),
    Column("not_before", Utc),
    Column("claimed_by", String(32)),
    Column("tries", Integer, nullable=False),
    Column("silent", Integer, nullable=False),
    UniqueConstraint("order_id", "number"),
)
"""One row for each consignment. `due_at` is business time, None where the carrier need not be asked
any more; `not_before` is machine time, a claim's end or a backoff's. `tries` counts failures in a
row, `silent` looks without news. `ended_at`: delivered, failed or returned."""

_is_due = shipments.c.due_at.is_not(None)
Index("ix_shipments_due", shipments.c.due_at, sqlite_where=_is_due, mssql_where=_is_due)
_is_told = shipments.c.carrier_id.is_not(None)
Index(
    "ix_shipments_carrier_id",
    shipments.c.carrier_id,
    unique=True,
    sqlite_where=_is_told,
    mssql_where=_is_told,
)

shipment_contents = Table(
    "shipment_contents",
    metadata,
    Column("shipment_id", ForeignKey("shipments.id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("isbn", Long, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price", Long, nullable=False),
    Column("weight_grams", Integer, nullable=False),
)

scans = Table(
    "scans",
    metadata,
    Column("sequence", Long, primary_key=True),
    Column("shipment_id", ForeignKey("shipments.id"), nullable=False),
    Column("at", Utc, nullable=False),
    Column("status", String(60), nullable=False),
    Column("message", Unicode(200), nullable=False),
    Column("place", Unicode(100), nullable=False),
    Index("ix_scans_shipment_id_at", "shipment_id", "at"),
    sqlite_autoincrement=True,
)
"""What the carrier saw, whether it moved the consignment or not."""

carrier_events = Table(
    "carrier_events",
    metadata,
    Column("id", exact(64), primary_key=True),
    Column("type", String(64), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("outcome", String(20)),
    Column("received_at", Utc, nullable=False, index=True),
)
"""The carrier's inbox; `outcome` is None until the event is applied."""

outbox = outbox_table(metadata)
inbox = inbox_table(metadata)
