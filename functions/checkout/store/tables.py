"""Checkout's tables. All amounts are minor units of the order's currency.

`checkout_hash` is the SHA-256 of the checkout's id, which is a capability and stands nowhere.
`open_cart` is the cart's id as long as its checkout is open: a cart has one at most.
`erase_asked_at` stands as long as the customer is gone and the buyer is still to be forgotten.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Unicode,
    UnicodeText,
)

from shared.messaging.tables import inbox_table, outbox_table
from shared.sql.idempotency import idempotency_table
from shared.sql.metadata import service_metadata
from shared.sql.types import Long, Utc, exact

metadata = service_metadata()

orders = Table(
    "orders",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", String(12), nullable=False, unique=True),
    Column("checkout_hash", String(64), nullable=False, unique=True),
    Column("status", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("customer_id", exact(255)),
    Column("cart_id", String(64)),
    Column("open_cart", String(64)),
    Column("replaces", String(32)),
    Column("email", Unicode(320)),
    Column("email_key", exact(320), index=True),
    Column("locale", String(20), nullable=False),
    Column("delivery", UnicodeText),
    Column("country", String(2), nullable=False),
    Column("postcode", Unicode(20), nullable=False),
    Column("shipping_method", String(20), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("items_total", Long, nullable=False),
    Column("shipping_total", Long, nullable=False),
    Column("tax_total", Long, nullable=False),
    Column("total", Long, nullable=False),
    Column("captured", Long, nullable=False),
    Column("refund_requested", Long, nullable=False),
    Column("refunded", Long, nullable=False),
    Column("payment_state", String(12), nullable=False),
    Column("cancel_requested", SmallInteger, nullable=False),
    Column("end_reason", String(20)),
    Column("differences", UnicodeText, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("pay_until", Utc, nullable=False),
    Column("placed_at", Utc),
    Column("looked_after_at", Utc, nullable=False),
    Column("erase_asked_at", Utc),
    CheckConstraint(
        "refunded >= 0 AND refunded <= refund_requested AND refund_requested <= captured",
        name="refunds_fit",
    ),
)
Index("ix_orders_customer_id_created_at_id", orders.c.customer_id, orders.c.created_at, orders.c.id)
Index("ix_orders_cart_id_created_at", orders.c.cart_id, orders.c.created_at)
Index("ix_orders_status_looked_after_at", orders.c.status, orders.c.looked_after_at)
Index("ix_orders_created_at_id", orders.c.created_at, orders.c.id)
Index("ix_orders_placed_at", orders.c.placed_at)
_is_leaving = orders.c.erase_asked_at.is_not(None)
Index(
    "ix_orders_erase_asked_at",
    orders.c.erase_asked_at,
    sqlite_where=_is_leaving,
    mssql_where=_is_leaving,
)
_is_open = orders.c.open_cart.is_not(None)
Index(
    "uq_orders_open_cart",
    orders.c.open_cart,
    unique=True,
    sqlite_where=_is_open,
    mssql_where=_is_open,
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("line", SmallInteger, primary_key=True, autoincrement=False),
    Column("isbn", Long, nullable=False),
    Column("title", Unicode(500), nullable=False),
    Column("format", String(20), nullable=False),
    Column("quantity", SmallInteger, nullable=False),
    Column("asked_price", Long),
    Column("unit_price", Long, nullable=False),
    Column("tax_rate", Integer, nullable=False),
    Column("tax", Long, nullable=False),
    Column("weight_grams", Integer, nullable=False),
    Column("refunded_quantity", SmallInteger, nullable=False),
    CheckConstraint("refunded_quantity >= 0 AND refunded_quantity <= quantity", name="refunds_fit"),
)

order_timeline = Table(
    "order_timeline",
    metadata,
    Column("sequence", Long, primary_key=True),
    Column("order_id", ForeignKey("orders.id"), nullable=False, index=True),
    Column("at", Utc, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("detail", UnicodeText, nullable=False),
    sqlite_autoincrement=True,
)

refunds = Table(
    "refunds",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("order_id", ForeignKey("orders.id"), nullable=False, index=True),
    Column("amount", Long, nullable=False),
    Column("reason", Unicode(200), nullable=False),
    Column("state", String(12), nullable=False),
    Column("created_at", Utc, nullable=False),
)

idempotency_keys = idempotency_table(metadata)
outbox = outbox_table(metadata)
inbox = inbox_table(metadata)
