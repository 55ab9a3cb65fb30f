"""Indexes that no statement looks into go; that of embargoes holds the few books that have one."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.drop_index("ix_edition_contributors_contributor_id_isbn", "edition_contributors")
    op.drop_index("ix_edition_categories_category_id_isbn", "edition_categories")
    op.drop_index("ix_works_series_id", "works")
    op.drop_index("ix_listings_embargoed_until", "listings")
    embargoed = sa.text("embargoed_until IS NOT NULL")
    op.create_index(
        "ix_listings_embargoed_until",
        "listings",
        ["embargoed_until"],
        unique=False,
        sqlite_where=embargoed,
        mssql_where=embargoed,
    )
