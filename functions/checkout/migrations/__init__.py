"""Alembic revisions of the orders' database, run by `shared.sql.migrations`."""

from pathlib import Path

LOCATION = Path(__file__).parent
