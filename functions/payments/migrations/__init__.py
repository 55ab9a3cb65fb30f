"""Alembic revisions of payments' database, run by `shared.sql.migrations`.

A new one is written by hand, and a released one never changed.
"""

from pathlib import Path

LOCATION = Path(__file__).parent
"""Payments' migrations."""
