"""Orders that a shop has had before, as many as one likes: those that it has are repeated.

Every table that an order leaves rows in gets as many copies of them, in each service's database and
in the durable hub; the sandbox, which is no part of the shop, gets none. The copies have ids of
their own, so that indexes grow as they would; what is said inside bodies stays as it was.
"""

import contextlib
import sqlite3
from pathlib import Path

_OWN_IDS = {
    "orders.db": {
        "orders": ("id", "checkout_hash", "number", "email", "email_key"),
        "order_lines": ("order_id",),
        "order_timeline": ("order_id",),
        "idempotency_keys": ("id",),
        "inbox": ("id",),
        "outbox": ("id", "aggregate", "session"),
    },
    "payments.db": {
        "payments": ("order_id", "payment_id", "intent"),
        "stripe_calls": ("key", "purpose", "order_id"),
        "ledger": ("posting", "order_id"),
        "stripe_events": ("id", "about"),
        "outbox": ("id", "aggregate", "session"),
    },
    "inventory.db": {
        "reservations": ("id",),
        "reservation_lines": ("reservation_id",),
        "stock_ledger": ("reference",),
        "inbox": ("id",),
        "outbox": ("id", "aggregate", "session"),
    },
    "durable/testhubname.db": {"instances": ("id", "execution_id"), "history": ("instance",)},
}
_ONLY = {"stock_ledger": "kind = 'sold'"}


def repeat(state: Path, orders: int) -> None:
    """Of a shop that does not run, and has had some orders; at least `orders` are there then."""
    with contextlib.closing(sqlite3.connect(state / "orders.db")) as connection:
        (there,) = connection.execute("SELECT COUNT(*) FROM orders").fetchone()
    copies = max(1, -(-(orders - there) // there))
    for name, tables in _OWN_IDS.items():
        with contextlib.closing(sqlite3.connect(state / name)) as connection, connection:
            # Nobody else has it open, and where we are killed it is thrown away.
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-200000"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            if name == "payments.db":
                # Else the timer would compare all of them with Stripe.
                connection.execute("UPDATE payments SET reconciled_at = moved_at")
            for table, ids in tables.items():
                _repeat_rows(connection, table, ids, copies)


def _repeat_rows(
    connection: sqlite3.Connection, table: str, ids: tuple[str, ...], copies: int
) -> None:
    """An id of a copy ends in the copy's number."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    keys = [name for _, name, kind, _, _, place in columns if place and kind == "INTEGER"]
    counted = set(keys) if len([one for one in columns if one[5]]) == 1 else set()
    named = [name for _, name, *_ in columns if name not in counted]
    values = [
        f"substr(one.{name}, 1, max(4, length(one.{name}) - 8)) || printf('%08x', copy.number)"
        if name in ids
        else f"one.{name}"
        for name in named
    ]
    connection.execute(
        f"INSERT INTO {table} ({', '.join(named)})"  # noqa: S608 - of the constants above
        " WITH RECURSIVE copy (number) AS"
        f" (SELECT 1 UNION ALL SELECT number + 1 FROM copy WHERE number < {copies})"
        f" SELECT {', '.join(values)} FROM (SELECT * FROM {table} WHERE {_ONLY.get(table, 'TRUE')})"
        " AS one CROSS JOIN copy"
    )
