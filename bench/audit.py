"""What must be true of a shop's stores once nothing is under way, whatever happened before.

Read from the stores themselves and from the sandbox's Stripe; nothing is changed. Each finding is a
sentence, so that an empty list is good news.
"""

import asyncio
import hashlib
import json
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from funchost.durable.hubs import open_hubs
from funchost.durable.interface import InstanceFilter
from functions.checkout.model import CLOSED_UNPAID, OPEN, PLACED
from functions.inventory.store.check_stock import check_stock
from shared.sql.database import Database

_ROOT = Path(__file__).parent.parent
_MOVING = [*sorted(OPEN), "cancelling"]
_UNSENT = "SELECT type, aggregate FROM outbox WHERE sent_at IS NULL"
_UNDER_WAY: tuple[tuple[str, str, str], ...] = (
    (
        "orders",
        "SELECT status, id FROM orders WHERE status IN (SELECT value FROM json_each(?))",
        "order {1} is {0}",
    ),
    ("orders", "SELECT state, id FROM refunds WHERE state = 'requested'", "refund {1} is {0}"),
    (
        "payments",
        "SELECT state, order_id FROM payments WHERE state IN ('requested', 'pending')",
        "the payment of {1} is {0}",
    ),
    (
        "payments",
        "SELECT state, id FROM refunds WHERE state IN ('requested', 'pending')",
        "the payment's refund {1} is {0}",
    ),
    (
        "payments",
        "SELECT state, order_id FROM payments WHERE intent IS NOT NULL AND reconciled_at IS NULL",
        "the payment of {1} ({0}) was not compared with Stripe",
    ),
    (
        "payments",
        "SELECT type, id FROM stripe_events WHERE outcome IS NULL",
        "Stripe's event {1} ({0}) was not applied",
    ),
    (
        "inventory",
        "SELECT state, id FROM reservations WHERE state = 'held'",
        "reservation {1} is {0}",
    ),
    ("sandbox/stripe", "SELECT state, event FROM deliveries WHERE state = 'waiting'", "{1} is {0}"),
    ("orders", _UNSENT, "checkout's {0} of {1} was not sent"),
    ("payments", _UNSENT, "payments' {0} of {1} was not sent"),
    ("inventory", _UNSENT, "inventory's {0} of {1} was not sent"),
    ("shipping", _UNSENT, "shipping's {0} of {1} was not sent"),
    ("notifications", _UNSENT, "notifications' {0} of {1} was not sent"),
)


def under_way(state: Path) -> list[str]:
    """What is not finished yet, without the broker and the sagas."""
    found = []
    for store, statement, sentence in _UNDER_WAY:
        values = (json.dumps(_MOVING),) if "?" in statement else ()
        found += [sentence.format(*row) for row in _rows(state, store, statement, *values)]
    return found


def messages(state: Path, bus: str | None = None) -> Mapping[str, int]:
    """How many lie in the broker, by entity; dead letters by `entity (dead)`. `bus` is the
    connection string of another broker than the state's own."""
    command = [sys.executable, "-m", "funchost", "bus", "list", "--json", "--state", str(state)]
    if bus is not None:
        command += ["--connection", bus]
    lines = subprocess.check_output(command, cwd=_ROOT, text=True).splitlines()
    found: dict[str, int] = {}
    for row in map(json.loads, lines):
        waiting = row["active"] + row["scheduled"] + row["deferred"]
        found |= {row["path"]: waiting, f"{row['path']} (dead)": row["dead"]}
    return {path: count for path, count in found.items() if count}


def findings(state: Path, bus: str | None = None, carts: str | None = None) -> list[str]:
    """All that is wrong with a shop whose shoppers have left. `bus` is as for `messages`; `carts`
    is what all carts hold, where they are not kept in the state folder."""
    if carts is None:
        carts = "".join(
            row["content"] for row in _rows(state, "documents", "SELECT content FROM documents")
        )
    return [
        *under_way(state),
        *(f"{count} messages lie in {path}" for path, count in messages(state, bus).items()),
        *_unfinished_sagas(state),
        *_undelivered(state, carts),
        *_stock(state),
        *findings_of(state, [row["id"] for row in _rows(state, "orders", "SELECT id FROM orders")]),
    ]


def told_wrongly(state: Path, told: Mapping[str, str]) -> list[str]:
    """Shoppers who were told another end, by the checkout's id, than their order has."""
    orders = _by_id(state, "orders", "SELECT * FROM orders", "checkout_hash")
    found = []
    for checkout_id, end in told.items():
        order = orders.get(hashlib.sha256(checkout_id.encode()).hexdigest())
        is_true = order is not None and (
            order["placed_at"] is not None if end == "confirmed" else order["status"] == end
        )
        if order is None or not is_true:
            found.append(f"told {end}: {None if order is None else tuple(order)}")
    return found


def summary(state: Path) -> dict[str, int]:
    """How many of what there were."""
    counts = Counter(row["status"] for row in _rows(state, "orders", "SELECT status FROM orders"))
    accounts = _stripe_accounts(state).values()
    return {
        **counts,
        "received": sum(account["received"] for account in accounts),
        "given back": sum(account["refunded"] for account in accounts),
        "copies sold": _rows(
            state, "inventory", "SELECT COUNT(*) FROM stock_ledger WHERE kind = 'sold'"
        )[0][0],
        "webhooks": _rows(state, "sandbox/stripe", "SELECT COUNT(*) FROM deliveries")[0][0],
        "events": sum(
            _rows(state, store, "SELECT COUNT(*) FROM outbox")[0][0]
            for store in ("orders", "payments", "inventory")
        ),
    }


def findings_of(state: Path, order_ids: Sequence[str]) -> list[str]:
    """What is wrong with these orders' copies and money; the shop may have others under way."""
    orders = _by_id(state, "orders", "SELECT * FROM orders", "id")
    payments = _by_id(state, "payments", "SELECT * FROM payments", "order_id")
    at_stripe = _stripe_accounts(state)
    holds = _by_id(state, "inventory", "SELECT id, state FROM reservations", "id")
    found = []
    for order_id in order_ids:
        order = orders[order_id]
        account = at_stripe[order_id]
        wrong = [
            *_order(order, holds.get(order_id)),
            *_payment(state, order, payments.get(order_id), account),
        ]
        found += [f"order {order_id} ({order['status']}): {what}" for what in wrong]
    return found


def money_kept(state: Path, order_ids: Sequence[str]) -> int:
    """What Stripe holds for these orders, in minor units."""
    accounts = _stripe_accounts(state)
    return sum(
        accounts[order_id]["received"] - accounts[order_id]["refunded"] for order_id in order_ids
    )


def orders_with(state: Path, isbn: str) -> list[sqlite3.Row]:
    return _rows(
        state,
        "orders",
        "SELECT o.* FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE l.isbn = ?",
        int(isbn),
    )


def _order(order: sqlite3.Row, hold: sqlite3.Row | None) -> Iterator[str]:
    status, total, captured = order["status"], order["total"], order["captured"]
    is_sold = order["placed_at"] is not None
    if status in PLACED and status != "cancelling" and captured < total:
        yield f"placed with {captured} of {total}"
    if (status in CLOSED_UNPAID or status == "refunded") and captured != order["refunded"]:
        yield f"ended with {captured} captured and {order['refunded']} given back"
    if status in PLACED and not is_sold:
        yield "placed at no time"
    if is_sold != (hold is not None and hold["state"] == "confirmed"):
        yield f"sold: {is_sold}, its copies: {None if hold is None else hold['state']}"


def _payment(
    state: Path, order: sqlite3.Row, payment: sqlite3.Row | None, account: "Counter[str]"
) -> Iterator[str]:
    kept = order["captured"] - order["refunded"]
    if account["received"] - account["refunded"] != kept:
        yield f"checkout counts {kept}, Stripe {account['received']} - {account['refunded']}"
    if account["paid"] > 1:
        yield f"{account['paid']} PaymentIntents were paid"
    if account["payable"]:
        yield f"{account['payable']} PaymentIntents could still be paid"
    if payment is None:
        if kept:
            yield "money, and no payment"
        return
    if (payment["state"] == "succeeded") != (order["captured"] > 0):
        yield f"captured {order['captured']}, its payment is {payment['state']}"
    if payment["received"] - payment["refunded"] != kept:
        yield f"payments counts {payment['received']} - {payment['refunded']}, checkout {kept}"
    if payment["mismatch"]:
        yield payment["mismatch"]
    entries = _rows(
        state,
        "payments",
        "SELECT account, SUM(amount) AS sum FROM ledger WHERE order_id = ? GROUP BY account",
        order["id"],
    )
    sums = {row["account"]: row["sum"] for row in entries}
    if sum(sums.values()) != 0:
        yield f"its ledger does not balance: {sums}"
    if sums.get("stripe_clearing", 0) != kept:
        yield f"its ledger holds {sums}, checkout counts {kept}"


def _stripe_accounts(state: Path) -> "defaultdict[str, Counter[str]]":
    """By order: what its PaymentIntents received and gave back, how many were or can be paid."""
    accounts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    order_of: dict[str, str] = {}
    for intent in _objects(state, "payment_intent"):
        order_id = order_of[intent["id"]] = intent["metadata"].get("order_id", "")
        accounts[order_id]["received"] += intent["amount_received"]
        accounts[order_id]["paid"] += intent["status"] == "succeeded"
        accounts[order_id]["payable"] += intent["status"] not in ("succeeded", "canceled")
    for refund in _objects(state, "refund"):
        if refund["status"] in ("succeeded", "pending"):
            accounts[order_of[refund["payment_intent"]]]["refunded"] += refund["amount"]
    return accounts


def _objects(state: Path, kind: str) -> Iterator[Any]:
    statement = "SELECT body FROM objects WHERE kind = ?"
    return (json.loads(row["body"]) for row in _rows(state, "sandbox/stripe", statement, kind))


def _stock(state: Path) -> Iterator[str]:
    database = Database(f"sqlite:///{(state / 'inventory.db').as_posix()}")
    with database.primary() as connection:
        broken = check_stock(connection)
    database.dispose()
    for one in broken:
        yield f"{one.isbn}: {one.rule}: {one.says}, not {one.should}"
    bought = (
        "SELECT l.isbn, SUM(l.quantity) AS copies FROM orders o"
        " JOIN order_lines l ON l.order_id = o.id WHERE o.placed_at IS NOT NULL{} GROUP BY l.isbn"
    )
    for kind, more in (("sold", ""), ("returned", " AND o.status = 'cancelled'")):
        of_orders = {
            row["isbn"]: row["copies"] for row in _rows(state, "orders", bought.format(more))
        }
        of_shelves = {
            row["isbn"]: row["copies"]
            for row in _rows(
                state,
                "inventory",
                "SELECT isbn, ABS(SUM(delta)) AS copies FROM stock_ledger WHERE kind = ?"
                " GROUP BY isbn",
                kind,
            )
        }
        for isbn in sorted(of_orders.keys() | of_shelves.keys()):
            if (ours := of_orders.get(isbn, 0)) != (theirs := of_shelves.get(isbn, 0)):
                yield f"{isbn}: orders say {ours} {kind}, the shelves {theirs}"


def _undelivered(state: Path, carts: str) -> Iterator[str]:
    """Events that a consumer should have taken in and has not."""
    checkout, inventory, shipping = (
        {row["id"] for row in _rows(state, store, "SELECT id FROM inbox")}
        for store in ("orders", "inventory", "shipping")
    )
    for topic in ("payments", "shipping"):
        for kind, event_id, _ in _announced(state, topic):
            if event_id not in checkout:
                yield f"checkout never took in {kind} {event_id}"
    for kind, event_id, said in _announced(state, "orders"):
        if kind == "order.placed" and event_id not in shipping:
            yield f"shipping never took in {kind} {event_id}"
        if kind == "order.placed" and said["cart_id"] and event_id not in carts:
            yield f"cart never took in {kind} {event_id}"
        if said.get("stage") == "after_placement" and event_id not in inventory:
            yield f"inventory never took in {kind} {event_id}"


def _announced(state: Path, topic: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What the service of that store told its topic of the same name."""
    statement = "SELECT type, id, body FROM outbox WHERE destination = ?"
    for row in _rows(state, topic, statement, topic):
        yield row["type"], row["id"], json.loads(row["body"])["data"]


def _unfinished_sagas(state: Path) -> list[str]:
    async def look() -> list[str]:
        found = []
        async with open_hubs(state) as hubs:
            client = hubs.client()
            continuation = None
            while True:
                page = await client.query(InstanceFilter(), continuation=continuation)
                found += [
                    f"the saga {one.name} of {one.instance_id} is {one.runtime_status.text}"
                    for one in page.items
                    if one.runtime_status.text != "Completed"
                ]
                continuation = page.continuation
                if continuation is None:
                    return found

    return asyncio.run(look())


def _by_id(state: Path, store: str, statement: str, column: str) -> dict[str, sqlite3.Row]:
    return {row[column]: row for row in _rows(state, store, statement)}


def _rows(state: Path, store: str, statement: str, *values: object) -> list[sqlite3.Row]:
    file = state / f"{store}.db"
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(statement, values).fetchall()
