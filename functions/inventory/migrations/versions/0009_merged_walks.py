"""One index for each sort instead of three with the same books in the same order.

On SQL Server whoever reads lists waits from the first index that goes to the end of the
transaction, so all that are new are made before.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

_KEYS = ("sort_title", "price_amount", "published", "sold")


def upgrade() -> None:
    for key in _KEYS:
        op.create_index(
            f"ix_listings_format_in_stock_{key}", "listings", ["format", "in_stock", key]
        )
    for key in _KEYS:
        for narrowed in ("", "format_", "in_stock_"):
            op.drop_index(f"ix_listings_{narrowed}{key}", "listings")
