"""Covers and samples that booksellers send in."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Long

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "edition_media",
        sa.Column("isbn", Long, autoincrement=False, nullable=False),
        sa.Column("expected_cover", sa.String(length=200), nullable=True),
        sa.Column("sample", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["isbn"], ["editions.isbn"], name=op.f("fk_edition_media_isbn")),
        sa.PrimaryKeyConstraint("isbn", name=op.f("pk_edition_media")),
    )
