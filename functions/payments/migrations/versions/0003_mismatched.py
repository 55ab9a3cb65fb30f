"""Payments whose money does not match Stripe's are found without reading all."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    condition = sa.text("mismatch IS NOT NULL")
    op.create_index(
        "ix_payments_mismatched",
        "payments",
        ["moved_at"],
        sqlite_where=condition,
        mssql_where=condition,
    )
