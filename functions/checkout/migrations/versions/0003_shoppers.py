"""Whose starts of checkouts follow each other."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Utc

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "shoppers",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shoppers")),
    )
    op.create_index(op.f("ix_shoppers_started_at"), "shoppers", ["started_at"], unique=False)
