"""SQLite's full text takes documents by the thousand instead of by a trigger for each."""

from alembic import op

from functions.inventory.store.full_text import SQLITE_IN_BULK

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        for statement in SQLITE_IN_BULK:
            op.execute(statement)
