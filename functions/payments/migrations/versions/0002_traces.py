"""The trace in which a payment was asked for, so that Stripe's events can go on with it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("payments", sa.Column("traceparent", sa.String(length=55), nullable=True))
