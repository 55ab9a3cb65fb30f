"""The shelves: works, editions, stock, reservations, and the ledger that explains them."""

import sqlalchemy as sa
from alembic import op

from shared.sql.types import Long, Utc, exact

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "categories",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("name", sa.Unicode(length=200), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("thema", sa.String(length=12), nullable=True),
        sa.Column("bisac", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["categories.id"], name=op.f("fk_categories_parent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_categories")),
        sa.UniqueConstraint("slug", name=op.f("uq_categories_slug")),
    )
    op.create_index(op.f("ix_categories_bisac"), "categories", ["bisac"], unique=False)
    op.create_index(op.f("ix_categories_parent_id"), "categories", ["parent_id"], unique=False)
    op.create_index(op.f("ix_categories_thema"), "categories", ["thema"], unique=False)
    op.create_table(
        "changes",
        sa.Column("sequence", Long, nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("catalogue", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_changes")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contributors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Unicode(length=300), nullable=False),
        sa.Column("name_key", exact(300), nullable=False),
        sa.Column("sort_name", exact(300), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contributors")),
        sa.UniqueConstraint("name_key", name=op.f("uq_contributors_name_key")),
    )
    op.create_index(
        "ix_contributors_sort_name_id", "contributors", ["sort_name", "id"], unique=False
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(
        op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False
    )
    op.create_table(
        "reservations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
    )
    op.create_index(
        "ix_reservations_state_expires_at", "reservations", ["state", "expires_at"], unique=False
    )
    op.create_table(
        "search_terms",
        sa.Column("term", exact(60), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("reversed", exact(60), nullable=False),
        sa.PrimaryKeyConstraint("term", name=op.f("pk_search_terms")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_search_terms_reversed"), "search_terms", ["reversed"], unique=False)
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.Unicode(length=300), nullable=False),
        sa.Column("title_key", exact(300), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("title_key", name=op.f("uq_series_title_key")),
    )
    op.create_table(
        "category_counts",
        sa.Column("category_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("books", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_category_counts_category_id")
        ),
        sa.PrimaryKeyConstraint("category_id", name=op.f("pk_category_counts")),
    )
    op.create_table(
        "category_listings",
        sa.Column("category_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("isbn", Long, autoincrement=False, nullable=False),
        sa.Column("sort_title", exact(200), nullable=False),
        sa.Column("price_amount", Long, nullable=False),
        sa.Column("published", sa.Date(), nullable=False),
        sa.Column("sold", sa.Integer(), nullable=False),
        sa.Column("in_stock", sa.SmallInteger(), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_category_listings_category_id")
        ),
        sa.PrimaryKeyConstraint("category_id", "isbn", name=op.f("pk_category_listings")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_category_listings_price_amount",
        "category_listings",
        ["category_id", "price_amount", "isbn", "format", "language", "in_stock"],
        unique=False,
    )
    op.create_index(
        "ix_category_listings_published",
        "category_listings",
        ["category_id", "published", "isbn", "format", "language", "in_stock", "price_amount"],
        unique=False,
    )
    op.create_index(
        "ix_category_listings_sold",
        "category_listings",
        ["category_id", "sold", "isbn", "format", "language", "in_stock", "price_amount"],
        unique=False,
    )
    op.create_index(
        "ix_category_listings_sort_title",
        "category_listings",
        ["category_id", "sort_title", "isbn", "format", "language", "in_stock", "price_amount"],
        unique=False,
    )
    op.create_table(
        "contributor_listings",
        sa.Column("contributor_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("isbn", Long, autoincrement=False, nullable=False),
        sa.Column("sort_title", exact(200), nullable=False),
        sa.Column("price_amount", Long, nullable=False),
        sa.Column("published", sa.Date(), nullable=False),
        sa.Column("sold", sa.Integer(), nullable=False),
        sa.Column("in_stock", sa.SmallInteger(), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["contributor_id"],
            ["contributors.id"],
            name=op.f("fk_contributor_listings_contributor_id"),
        ),
        sa.PrimaryKeyConstraint("contributor_id", "isbn", name=op.f("pk_contributor_listings")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_contributor_listings_price_amount",
        "contributor_listings",
        ["contributor_id", "price_amount", "isbn", "format", "language", "in_stock"],
        unique=False,
    )
    op.create_index(
        "ix_contributor_listings_published",
        "contributor_listings",
        ["contributor_id", "published", "isbn", "format", "language", "in_stock", "price_amount"],
        unique=False,
    )
    op.create_index(
        "ix_contributor_listings_sold",
        "contributor_listings",
        ["contributor_id", "sold", "isbn", "format", "language", "in_stock", "price_amount"],
        unique=False,
    )
    op.create_index(
        "ix_contributor_listings_sort_title",
        "contributor_listings",
        ["contributor_id", "sort_title", "isbn", "format", "language", "in_stock", "price_amount"],
        unique=False,
    )
    op.create_table(
        "works",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.Unicode(length=500), nullable=False),
        sa.Column("original_language", sa.String(length=8), nullable=True),
        sa.Column("first_published", sa.SmallInteger(), nullable=True),
        sa.Column("series_id", sa.Integer(), nullable=True),
        sa.Column("series_volume", sa.Unicode(length=30), nullable=True),
        sa.Column("match_key", exact(400), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_works_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_works")),
    )
    op.create_index(op.f("ix_works_match_key"), "works", ["match_key"], unique=False)
    op.create_index(op.f("ix_works_series_id"), "works", ["series_id"], unique=False)
    op.create_table(
        "editions",
        sa.Column("isbn", Long, autoincrement=False, nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.Unicode(length=500), nullable=False),
        sa.Column("subtitle", sa.Unicode(length=500), nullable=True),
        sa.Column("sort_title", exact(200), nullable=False),
        sa.Column("description", sa.UnicodeText(), nullable=True),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("publisher", sa.Unicode(length=200), nullable=True),
        sa.Column("imprint", sa.Unicode(length=200), nullable=True),
        sa.Column("published_on", sa.Date(), nullable=True),
        sa.Column("on_sale_on", sa.Date(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("height_mm", sa.SmallInteger(), nullable=True),
        sa.Column("width_mm", sa.SmallInteger(), nullable=True),
        sa.Column("thickness_mm", sa.SmallInteger(), nullable=True),
        sa.Column("weight_g", sa.Integer(), nullable=True),
        sa.Column("price_amount", Long, nullable=False),
        sa.Column("price_currency", sa.String(length=3), nullable=False),
        sa.Column("cover", sa.String(length=80), nullable=True),
        sa.Column("cover_colour", sa.String(length=7), nullable=True),
        sa.Column("withdrawn", sa.SmallInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.CheckConstraint("price_amount >= 0", name=op.f("ck_editions_price")),
        sa.ForeignKeyConstraint(["work_id"], ["works.id"], name=op.f("fk_editions_work_id")),
        sa.PrimaryKeyConstraint("isbn", name=op.f("pk_editions")),
    )
    op.create_index(op.f("ix_editions_work_id"), "editions", ["work_id"], unique=False)
    op.create_table(
        "edition_categories",
        sa.Column("isbn", Long, autoincrement=False, nullable=False),
        sa.Column("category_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_edition_categories_category_id")
        ),
        sa.ForeignKeyConstraint(
            ["isbn"], ["editions.isbn"], name=op.f("fk_edition_categories_isbn")
        ),
        sa.PrimaryKeyConstraint("isbn", "category_id", name=op.f("pk_edition_categories")),
    )
    op.create_index(
        "ix_edition_categories_category_id_isbn",
        "edition_categories",
        ["category_id", "isbn"],
        unique=False,
    )
    op.create_table(
        "edition_contributors",
        sa.Column("isbn", Long, autoincrement=False, nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("contributor_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["contributor_id"],
            ["contributors.id"],
            name=op.f("fk_edition_contributors_contributor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["isbn"], ["editions.isbn"], name=op.f("fk_edition_contributors_isbn")
        ),
        sa.PrimaryKeyConstraint("isbn", "position", name=op.f("pk_edition_contributors")),
    )
    op.create_index(
        "ix_edition_contributors_contributor_id_isbn",
        "edition_contributors",
        ["contributor_id", "isbn"],
        unique=False,
    )
    op.create_table(
        "listings",
        sa.Column("isbn", Long, autoincrement=False, nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("sort_title", exact(200), nullable=False),
        sa.Column("price_amount", Long, nullable=False),
        sa.Column("published", sa.Date(), nullable=False),
        sa.Column("sold", sa.Integer(), nullable=False),
        sa.Column("in_stock", sa.SmallInteger(), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("embargoed_until", sa.Date(), nullable=True),
        sa.Column("cover", sa.String(length=80), nullable=True),
        sa.Column("cover_colour", sa.String(length=7), nullable=True),
        sa.Column("category_ids", sa.String(length=400), nullable=False),
        sa.Column("contributor_ids", sa.String(length=1200), nullable=False),
        sa.Column("card", sa.UnicodeText(), nullable=False),
        sa.ForeignKeyConstraint(["isbn"], ["editions.isbn"], name=op.f("fk_listings_isbn")),
        sa.ForeignKeyConstraint(["work_id"], ["works.id"], name=op.f("fk_listings_work_id")),
        sa.PrimaryKeyConstraint("isbn", name=op.f("pk_listings")),
    )
    op.create_index(
        op.f("ix_listings_embargoed_until"), "listings", ["embargoed_until"], unique=False
    )
    op.create_index(
        "ix_listings_format_price_amount", "listings", ["format", "price_amount"], unique=False
    )
    op.create_index(
        "ix_listings_format_published", "listings", ["format", "published"], unique=False
    )
    op.create_index("ix_listings_format_sold", "listings", ["format", "sold"], unique=False)
    op.create_index(
        "ix_listings_format_sort_title", "listings", ["format", "sort_title"], unique=False
    )
    op.create_index(
        "ix_listings_in_stock_price_amount", "listings", ["in_stock", "price_amount"], unique=False
    )
    op.create_index(
        "ix_listings_in_stock_published", "listings", ["in_stock", "published"], unique=False
    )
    op.create_index("ix_listings_in_stock_sold", "listings", ["in_stock", "sold"], unique=False)
    op.create_index(
        "ix_listings_in_stock_sort_title", "listings", ["in_stock", "sort_title"], unique=False
    )
    op.create_index(
        "ix_listings_language_price_amount", "listings", ["language", "price_amount"], unique=False
    )
    op.create_index(
        "ix_listings_language_published", "listings", ["language", "published"], unique=False
    )
    op.create_index("ix_listings_language_sold", "listings", ["language", "sold"], unique=False)
    op.create_index(
        "ix_listings_language_sort_title", "listings", ["language", "sort_title"], unique=False
    )
    op.create_index("ix_listings_price_amount", "listings", ["price_amount"], unique=False)
    op.create_index("ix_listings_published", "listings", ["published"], unique=False)
    op.create_index("ix_listings_sold", "listings", ["sold"], unique=False)
    op.create_index("ix_listings_sort_title", "listings", ["sort_title"], unique=False)
    op.create_index(op.f("ix_listings_work_id"), "listings", ["work_id"], unique=False)
    op.create_table(
        "reservation_lines",
        sa.Column("reservation_id", sa.String(length=64), nullable=False),
        sa.Column("isbn", Long, autoincrement=False, nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_reservation_lines_quantity")),
        sa.ForeignKeyConstraint(
            ["isbn"], ["editions.isbn"], name=op.f("fk_reservation_lines_isbn")
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["reservations.id"],
            name=op.f("fk_reservation_lines_reservation_id"),
        ),
        sa.PrimaryKeyConstraint("reservation_id", "isbn", name=op.f("pk_reservation_lines")),
    )
    op.create_index("ix_reservation_lines_isbn", "reservation_lines", ["isbn"], unique=False)
    op.create_table(
        "stock",
        sa.Column("isbn", Long, autoincrement=False, nullable=False),
        sa.Column("on_hand", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("sold", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("reserved >= 0 AND reserved <= on_hand", name=op.f("ck_stock_reserved")),
        sa.ForeignKeyConstraint(["isbn"], ["editions.isbn"], name=op.f("fk_stock_isbn")),
        sa.PrimaryKeyConstraint("isbn", name=op.f("pk_stock")),
    )
    op.create_table(
        "stock_ledger",
        sa.Column("id", Long, nullable=False),
        sa.Column("isbn", Long, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("delta", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Unicode(length=200), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=True),
        sa.Column("actor", sa.Unicode(length=200), nullable=True),
        sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["isbn"], ["editions.isbn"], name=op.f("fk_stock_ledger_isbn")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_ledger")),
    )
    op.create_index(op.f("ix_stock_ledger_isbn"), "stock_ledger", ["isbn"], unique=False)
    op.create_table(
        "search_documents",
        sa.Column("id", Long, autoincrement=False, nullable=False),
        sa.Column("isbn", Long, nullable=False),
        sa.Column("words", sa.UnicodeText(), nullable=False),
        sa.ForeignKeyConstraint(["isbn"], ["listings.isbn"], name=op.f("fk_search_documents_isbn")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_documents")),
        sa.UniqueConstraint("isbn", name=op.f("uq_search_documents_isbn")),
    )
