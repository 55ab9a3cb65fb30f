"""Payments' tables. Amounts count minor units; states are those of `model`."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Unicode,
)

from shared.messaging.tables import outbox_table
from shared.sql.metadata import service_metadata
from shared.sql.types import Long, Utc, exact

metadata = service_metadata()

payments = Table(
    "payments",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("payment_id", String(64), nullable=False, unique=True),
    Column("order_number", String(64)),
    Column("amount", Long),
    Column("currency", String(3)),
    Column("state", String(10), nullable=False),
    Column("intent", exact(64)),
    Column("client_secret", exact(255)),
    Column("declined", String(64)),
    Column("cancel_asked", SmallInteger, nullable=False, default=0),
    Column("received", Long, nullable=False, default=0),
    Column("refunding", Long, nullable=False, default=0),
    Column("refunded", Long, nullable=False, default=0),
    Column("created_at", Utc, nullable=False),
    Column("moved_at", Utc, nullable=False),
    Column("checked_at", Utc, nullable=False),
    Column("reconciled_at", Utc),
    Column("mismatch", Unicode(400)),
    Column("traceparent", String(55)),
    CheckConstraint("refunded >= 0 AND refunded <= refunding", name="refunded"),
)
"""One for each order. `checked_at`: when Stripe was last asked about it. `reconciled_at`: when its
money was last compared with Stripe's, None since it moved. `traceparent`: of the span in which it
was asked for. A tombstone has no amount."""

_has_intent = payments.c.intent.is_not(None)
Index(
    "ix_payments_intent",
    payments.c.intent,
    unique=True,
    sqlite_where=_has_intent,
    mssql_where=_has_intent,
)
_is_open = payments.c.state.in_(("requested", "pending"))
Index(
    "ix_payments_open",
    payments.c.checked_at,
    sqlite_where=_is_open,
    mssql_where=_is_open,
)
_is_mismatched = payments.c.mismatch.is_not(None)
Index(
    "ix_payments_mismatched",
    payments.c.moved_at,
    sqlite_where=_is_mismatched,
    mssql_where=_is_mismatched,
)
_is_unreconciled = payments.c.reconciled_at.is_(None)
Index(
    "ix_payments_unreconciled",
    payments.c.moved_at,
    sqlite_where=_is_unreconciled,
    mssql_where=_is_unreconciled,
)

refunds = Table(
    "refunds",
    metadata,
    Column("id", exact(64), primary_key=True),
    Column("order_id", ForeignKey("payments.order_id"), nullable=False, index=True),
    Column("intent", exact(64), nullable=False),
    Column("amount", Long, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reason", Unicode(200), nullable=False),
    Column("state", String(10), nullable=False),
    Column("provider_id", exact(64)),
    Column("code", String(64)),
    Column("counts", SmallInteger, nullable=False),
    Column("requested_at", Utc, nullable=False),
    Column("moved_at", Utc, nullable=False),
    CheckConstraint("amount > 0", name="amount"),
)
"""`id` is checkout's, or Stripe's own where a person refunded there. `counts` is 0 for money that
no order asked for."""

_is_waiting = refunds.c.state.in_(("requested", "pending"))
Index(
    "ix_refunds_waiting",
    refunds.c.moved_at,
    sqlite_where=_is_waiting,
    mssql_where=_is_waiting,
)
_has_provider = refunds.c.provider_id.is_not(None)
Index(
    "ix_refunds_provider_id",
    refunds.c.provider_id,
    unique=True,
    sqlite_where=_has_provider,
    mssql_where=_has_provider,
)

stripe_calls = Table(
    "stripe_calls",
    metadata,
    Column("key", exact(160), primary_key=True),
    Column("purpose", exact(150), nullable=False),
    Column("number", Integer, nullable=False),
    Column("order_id", String(64), nullable=False, index=True),
    Column("state", String(10), nullable=False),
    Column("stripe_object", exact(64)),
    Column("error", Unicode(400)),
    Column("since", Utc, nullable=False),
    Column("sent_at", Utc, nullable=False),
    Index("ix_stripe_calls_purpose_number", "purpose", "number"),
)
"""One row for each call that changes something at Stripe, stored before it is sent. Its key is the
idempotency key. Times are the machine's, as Stripe's own are."""

ledger = Table(
    "ledger",
    metadata,
    Column("posting", exact(120), primary_key=True),
    Column("account", String(20), primary_key=True),
    Column("order_id", String(64), nullable=False, index=True),
    Column("amount", Long, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("at", Utc, nullable=False),
)
"""Double entry: the entries of a posting sum to zero, so those of an order do. Never changed."""

stripe_events = Table(
    "stripe_events",
    metadata,
    Column("id", exact(64), primary_key=True),
    Column("type", String(64), nullable=False),
    Column("about", exact(64), index=True),
    Column("raw", LargeBinary, nullable=False),
    Column("outcome", String(20)),
    Column("received_at", Utc, nullable=False, index=True),
)
"""The Stripe inbox. `about` is the PaymentIntent's id; `outcome` is None until it is applied."""

_is_unapplied = stripe_events.c.outcome.is_(None)
Index(
    "ix_stripe_events_unapplied",
    stripe_events.c.received_at,
    sqlite_where=_is_unapplied,
    mssql_where=_is_unapplied,
)

outbox = outbox_table(metadata)
