"""Deliveries that are taken in: how far each is, and what it refused."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Long, Utc

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("file_name", sa.Unicode(length=255), nullable=False),
        sa.Column("options", sa.UnicodeText(), nullable=False),
        sa.Column("progress", sa.UnicodeText(), nullable=False),
        sa.Column("actor", sa.Unicode(length=200), nullable=True),
        sa.Column("owner", sa.String(length=32), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("leased_until", Utc(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index("ix_imports_state_created_at", "imports", ["state", "created_at"], unique=False)
    op.create_table(
        "import_refusals",
        sa.Column("import_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Unicode(length=100), nullable=True),
        sa.Column("reason", sa.Unicode(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_refusals_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_import_refusals")),
    )
    op.create_table(
        "import_isbns",
        sa.Column("import_id", sa.String(length=64), nullable=False),
        sa.Column("isbn", Long, autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_isbns_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "isbn", name=op.f("pk_import_isbns")),
        sqlite_with_rowid=False,
    )
