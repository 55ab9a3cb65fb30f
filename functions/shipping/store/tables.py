"""Shipping's tables."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Unicode

from shared.sql.metadata import service_metadata
from shared.sql.types import Utc, exact

metadata = service_metadata()

address_books = Table(
    "address_books",
    metadata,
    Column("customer_id", exact(200), primary_key=True),
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

voids = Table(
    "voids",
    metadata,
    Column("order_id", exact(64), primary_key=True),
    Column("at", Utc, nullable=False),
)
"""Tombstones: for an order that has one no shipment is made."""
