"""Inventory's tables. An ISBN-13 is kept as its number: the key of an edition everywhere.

`on_hand` counts what lies on the shelf, held copies included; `0 <= reserved <= on_hand`. The sum
of an edition's `stock_ledger` is its `on_hand`, that of its open reservation lines its `reserved`.

`listings`, the two shelves and `search_documents` repeat what the tables above them hold, in the
shape that readers need; `indexing` writes them in the transaction that changes the original.
"""

from datetime import date
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Unicode,
    UnicodeText,
    literal_column,
)

from shared.messaging.tables import inbox_table, outbox_table
from shared.sql.idempotency import idempotency_table
from shared.sql.metadata import service_metadata
from shared.sql.types import Long, Utc, exact

metadata = service_metadata()

series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("title", Unicode(300), nullable=False),
    Column("title_key", exact(300), nullable=False, unique=True),
)

works = Table(
    "works",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("title", Unicode(500), nullable=False),
    Column("original_language", String(8)),
    Column("first_published", SmallInteger),
    Column("series_id", ForeignKey("series.id")),
    Column("series_volume", Unicode(30)),
    Column("match_key", exact(400), nullable=False, index=True),
)

contributors = Table(
    "contributors",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Unicode(300), nullable=False),
    Column("name_key", exact(300), nullable=False, unique=True),
    Column("sort_name", exact(300), nullable=False),
    Index("ix_contributors_sort_name_id", "sort_name", "id"),
)

categories = Table(
    "categories",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", String(80), nullable=False, unique=True),
    Column("name", Unicode(200), nullable=False),
    Column("parent_id", ForeignKey("categories.id"), index=True),
    Column("thema", String(12), index=True),
    Column("bisac", String(12), index=True),
)

editions = Table(
    "editions",
    metadata,
    Column("isbn", Long, primary_key=True, autoincrement=False),
    Column("work_id", ForeignKey("works.id"), nullable=False, index=True),
    Column("title", Unicode(500), nullable=False),
    Column("subtitle", Unicode(500)),
    Column("sort_title", exact(200), nullable=False),
    Column("description", UnicodeText),
    Column("format", String(20), nullable=False),
    Column("language", String(8), nullable=False),
    Column("publisher", Unicode(200)),
    Column("imprint", Unicode(200)),
    Column("published_on", Date),
    Column("on_sale_on", Date),
    Column("pages", Integer),
    Column("height_mm", SmallInteger),
    Column("width_mm", SmallInteger),
    Column("thickness_mm", SmallInteger),
    Column("weight_g", Integer),
    Column("price_amount", Long, nullable=False),
    Column("price_currency", String(3), nullable=False),
    Column("cover", String(80)),
    Column("cover_colour", String(7)),
    Column("withdrawn", SmallInteger, nullable=False, default=0),
    Column("version", Integer, nullable=False, default=1),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    CheckConstraint("price_amount >= 0", name="price"),
)

stock = Table(
    "stock",
    metadata,
    Column("isbn", ForeignKey("editions.isbn"), primary_key=True, autoincrement=False),
    Column("on_hand", Integer, nullable=False, default=0),
    Column("reserved", Integer, nullable=False, default=0),
    Column("sold", Integer, nullable=False, default=0),
    Column("version", Integer, nullable=False, default=1),
    CheckConstraint("reserved >= 0 AND reserved <= on_hand", name="reserved"),
)

edition_contributors = Table(
    "edition_contributors",
    metadata,
    Column("isbn", ForeignKey("editions.isbn"), primary_key=True, autoincrement=False),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("contributor_id", ForeignKey("contributors.id"), nullable=False),
    Column("role", String(20), nullable=False),
)

edition_categories = Table(
    "edition_categories",
    metadata,
    Column("isbn", ForeignKey("editions.isbn"), primary_key=True, autoincrement=False),
    Column("category_id", ForeignKey("categories.id"), primary_key=True, autoincrement=False),
)

edition_media = Table(
    "edition_media",
    metadata,
    Column("isbn", ForeignKey("editions.isbn"), primary_key=True, autoincrement=False),
    Column("expected_cover", String(200)),
    Column("sample", String(200)),
    Column("shown_cover", String(200)),
)
"""Blobs that were sent in for an edition. `expected_cover` is an upload whose pictures are still to
be made; then they become the edition's `cover`, and the upload is the `shown_cover`."""

retired_blobs = Table(
    "retired_blobs",
    metadata,
    Column("container", String(20), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("retired_at", Utc, nullable=False, index=True),
    Column("leaving", SmallInteger, nullable=False),
)
"""Blobs in whose place others came. They are kept while pages that name them may be in caches, and
`leaving` while they are being deleted. A cover stands here once, for all of its sizes."""

NO_DATE = date(1, 1, 1)
SORT_KEYS = ("sort_title", "price_amount", "published", "sold")


def _sort_columns() -> list[Column[Any]]:
    """What listings can be sorted by; the ISBN breaks ties.

    `published` is `NO_DATE` where it is not known. `sold` is rounded down (`popularity.sold_key`),
    so that a bestseller does not move in every index with every copy.
    """
    return [
        Column("sort_title", exact(200), nullable=False),
        Column("price_amount", Long, nullable=False),
        Column("published", Date, nullable=False),
        Column("sold", Integer, nullable=False),
    ]


listings = Table(
    "listings",
    metadata,
    Column("isbn", ForeignKey("editions.isbn"), primary_key=True, autoincrement=False),
    Column("work_id", ForeignKey("works.id"), nullable=False, index=True),
    *_sort_columns(),
    Column("in_stock", SmallInteger, nullable=False),
    Column("format", String(20), nullable=False),
    Column("language", String(8), nullable=False),
    Column("embargoed_until", Date),
    Column("cover", String(80)),
    Column("cover_colour", String(7)),
    Column("category_ids", String(400), nullable=False),
    Column("contributor_ids", String(1200), nullable=False),
    Column("card", UnicodeText, nullable=False),
    *(Index(f"ix_listings_format_in_stock_{key}", "format", "in_stock", key) for key in SORT_KEYS),
    *(Index(f"ix_listings_language_{key}", "language", key) for key in SORT_KEYS),
)
"""Every edition that is not withdrawn.

A list that is not narrowed to a format, or to what is in stock, merges the walks of all four
formats, or of both (`walk`).

`in_stock`: a copy can be sold now; an embargo that ends turns it (`indexing.end_embargoes`).
`category_ids` (with all ancestors) and `contributor_ids`, apart by spaces, say on which shelves the
edition stands. `card`: the book as lists show it, as JSON, but for images and availability. On both
databases an index ends in the primary key by itself.
"""

_is_embargoed = listings.c.embargoed_until.is_not(None)
Index(
    "ix_listings_embargoed_until",
    listings.c.embargoed_until,
    sqlite_where=_is_embargoed,
    mssql_where=_is_embargoed,
)


def _shelf(name: str, owner: str, owners: str) -> Table:
    """Listings once more, ordered under each value of a many-valued filter.

    Every sort of such a filter is then a walk along one index. What narrows a listing further
    stands at the end of the index, so that passing over a row needs no look at the listing.
    """
    rest = ("isbn", "format", "language", "in_stock", "price_amount")
    return Table(
        name,
        metadata,
        Column(owner, ForeignKey(f"{owners}.id"), primary_key=True, autoincrement=False),
        Column("isbn", Long, primary_key=True, autoincrement=False),
        *_sort_columns(),
        Column("in_stock", SmallInteger, nullable=False),
        Column("format", String(20), nullable=False),
        Column("language", String(8), nullable=False),
        *(
            Index(f"ix_{name}_{key}", owner, key, *(part for part in rest if part != key))
            for key in SORT_KEYS
        ),
        sqlite_with_rowid=False,
    )


category_listings = _shelf("category_listings", "category_id", "categories")
"""Under an edition's categories and all their ancestors."""

contributor_listings = _shelf("contributor_listings", "contributor_id", "contributors")

category_counts = Table(
    "category_counts",
    metadata,
    Column("category_id", ForeignKey("categories.id"), primary_key=True, autoincrement=False),
    Column("books", Integer, nullable=False),
)
"""How many rows `category_listings` has for a category."""

search_documents = Table(
    "search_documents",
    metadata,
    Column("id", Long, primary_key=True, autoincrement=False),
    Column("isbn", ForeignKey("listings.isbn"), nullable=False, unique=True),
    Column("words", UnicodeText, nullable=False),
)
"""What full-text search reads. The id says how well an edition sells, best first, and ends in its
ISBN (`popularity.document_id`); for `words` see `search_words`."""

search_terms = Table(
    "search_terms",
    metadata,
    Column("term", exact(60), primary_key=True),
    Column("documents", Integer, nullable=False),
    Column("reversed", exact(60), nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""In how many documents a word stands, never counted down: a guide for searches, not a truth."""

changes = Table(
    "changes",
    metadata,
    Column("sequence", Long, primary_key=True),
    Column("work_id", Integer, nullable=False),
    Column("catalogue", SmallInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""One row for each change that a reader can see; caches follow it. Old rows are pruned.

`catalogue` is 1 where more than a stock level changed.
"""

stock_ledger = Table(
    "stock_ledger",
    metadata,
    Column("id", Long, primary_key=True),
    Column("isbn", ForeignKey("editions.isbn"), nullable=False, index=True),
    Column("kind", String(10), nullable=False),
    Column("delta", Integer, nullable=False),
    Column("reason", Unicode(200), nullable=False),
    Column("reference", String(80)),
    Column("actor", Unicode(200)),
    Column("at", Utc, nullable=False),
)
"""`reference` names what an entry is due to: a sale's reservation, a return's order and line. No
line of an order is returned twice."""

_is_return = stock_ledger.c.kind == literal_column("'returned'")
Index(
    "ix_stock_ledger_returned",
    stock_ledger.c.reference,
    unique=True,
    sqlite_where=_is_return,
    mssql_where=_is_return,
)

reservations = Table(
    "reservations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("state", String(10), nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("closed_at", Utc),
    Index("ix_reservations_state_expires_at", "state", "expires_at"),
)

reservation_lines = Table(
    "reservation_lines",
    metadata,
    Column("reservation_id", ForeignKey("reservations.id"), primary_key=True),
    Column("isbn", ForeignKey("editions.isbn"), primary_key=True, autoincrement=False),
    Column("quantity", Integer, nullable=False),
    CheckConstraint("quantity > 0", name="quantity"),
    Index("ix_reservation_lines_isbn", "isbn"),
)

idempotency_keys = idempotency_table(metadata)
outbox = outbox_table(metadata)
inbox = inbox_table(metadata)

imports = Table(
    "imports",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("state", String(10), nullable=False),
    Column("file_name", Unicode(255), nullable=False),
    Column("options", UnicodeText, nullable=False),
    Column("progress", UnicodeText, nullable=False),
    Column("actor", Unicode(200)),
    Column("owner", String(32)),
    Column("epoch", Integer, nullable=False),
    Column("leased_until", Utc),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Index("ix_imports_state_created_at", "state", "created_at"),
)
"""Deliveries that are taken in. A chunk commits together with its `progress` (JSON), and only where
`owner` and `epoch` are still those of the lease under which it was worked out."""

import_refusals = Table(
    "import_refusals",
    metadata,
    Column("import_id", ForeignKey("imports.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("line", Integer, nullable=False),
    Column("reference", Unicode(100)),
    Column("reason", Unicode(500), nullable=False),
)
"""Records that were not taken in, in the order of their file."""

import_isbns = Table(
    "import_isbns",
    metadata,
    Column("import_id", ForeignKey("imports.id"), primary_key=True),
    Column("isbn", Long, primary_key=True, autoincrement=False),
    Column("line", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Where a running import met each ISBN first; emptied when it ends."""
