"""Alembic revisions of notifications's database, run by `shared.sql.migrations`.

A new one is written by hand, and a released one never changed. `tests/contract/test_migrations.py`
names what they leave different from the stores' tables.
"""

from pathlib import Path

LOCATION = Path(__file__).parent
