"""Full text over the search documents, in each database's own way."""

from alembic import op

from functions.inventory.store.full_text import SQL_SERVER_FULL_TEXT, SQLITE_FULL_TEXT

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    context = op.get_context()
    if context.dialect.name == "sqlite":
        for statement in SQLITE_FULL_TEXT:
            op.execute(statement)
        return
    with context.autocommit_block():  # SQL Server refuses full text inside a transaction
        for statement in SQL_SERVER_FULL_TEXT:
            op.execute(statement)
