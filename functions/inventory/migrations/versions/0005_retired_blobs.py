"""Blobs that were replaced, until they are deleted."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Utc

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("edition_media", sa.Column("shown_cover", sa.String(length=200), nullable=True))
    op.create_table(
        "retired_blobs",
        sa.Column("container", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("retired_at", Utc(), nullable=False),
        sa.Column("leaving", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("container", "name", name=op.f("pk_retired_blobs")),
    )
    op.create_index("ix_retired_blobs_retired_at", "retired_blobs", ["retired_at"], unique=False)
