"""When an order's customer asked to be erased."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Utc

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("orders", sa.Column("erase_asked_at", Utc(), nullable=True))
    op.create_index(
        "ix_orders_erase_asked_at",
        "orders",
        ["erase_asked_at"],
        unique=False,
        sqlite_where=sa.text("erase_asked_at IS NOT NULL"),
        mssql_where=sa.text("erase_asked_at IS NOT NULL"),
    )
