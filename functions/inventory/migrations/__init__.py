"""Alembic revisions of inventory's database, run by `shared.sql.migrations`."""

from pathlib import Path

LOCATION = Path(__file__).parent
