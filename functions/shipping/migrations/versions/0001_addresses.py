"""Customers' addresses."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Utc, exact

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "address_books",
        sa.Column("customer_id", exact(255), nullable=False),
        sa.Column("default_id", sa.String(length=32), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_address_books")),
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", exact(255), nullable=False),
        sa.Column("name", sa.Unicode(length=100), nullable=False),
        sa.Column("line1", sa.Unicode(length=100), nullable=False),
        sa.Column("line2", sa.Unicode(length=100), nullable=True),
        sa.Column("city", sa.Unicode(length=100), nullable=False),
        sa.Column("region", sa.Unicode(length=100), nullable=True),
        sa.Column("postcode", sa.String(length=40), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["address_books.customer_id"],
            name=op.f("fk_addresses_customer_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addresses")),
    )
    op.create_index(
        "ix_addresses_customer_id_created_at",
        "addresses",
        ["customer_id", "created_at"],
        unique=False,
    )
