"""Notifications' tables. No address stands here: who is written to is asked when a mail is sent."""

from sqlalchemy import Column, Index, Integer, String, Table, Unicode, UnicodeText

from shared.messaging.tables import outbox_table
from shared.sql.metadata import service_metadata
from shared.sql.types import Utc, exact

metadata = service_metadata()

mails = Table(
    "mails",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("about", exact(64), nullable=False, index=True),
    Column("shipment_id", exact(64)),
    Column("subscriber", String(64), nullable=False),
    Column("customer_id", exact(255)),
    Column("facts", UnicodeText, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", Unicode(100)),
    Column("provider_id", Unicode(200)),
    Column("tries", Integer, nullable=False),
    Column("created_at", Utc, nullable=False, index=True),
    Column("since", Utc, nullable=False),
    Column("due_at", Utc, nullable=False),
    Column("look_at", Utc, nullable=False),
    Column("sent_at", Utc),
)
"""`id` is made of the event and the recipient, so a row is the inbox's as well. `created_at` and
`sent_at` are business time; `since`, `due_at` and `look_at` machine time, like any lease."""

_waits = mails.c.state == "waiting"
Index("ix_mails_look_at", mails.c.look_at, sqlite_where=_waits, mssql_where=_waits)
_of_a_parcel = mails.c.shipment_id.is_not(None)
Index(
    "ix_mails_shipment_id",
    mails.c.shipment_id,
    sqlite_where=_of_a_parcel,
    mssql_where=_of_a_parcel,
)
_of_a_customer = mails.c.customer_id.is_not(None)
Index(
    "ix_mails_customer_id",
    mails.c.customer_id,
    sqlite_where=_of_a_customer,
    mssql_where=_of_a_customer,
)

switches = Table(
    "switches",
    metadata,
    Column("subscriber", String(64), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("off_since", Utc, nullable=False),
)
"""One row for each kind of mail that somebody switched off."""

outbox = outbox_table(metadata)
