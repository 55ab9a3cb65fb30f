"""Orders that are not to be sent."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Utc, exact

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "voids",
        sa.Column("order_id", exact(64), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_voids")),
    )
