"""What must be true of parcels and mails once nothing is under way.

Read from checkout's orders, shipping's parcels and the sandbox's mailbox, which is what buyers see;
each finding is a sentence, so that an empty list is good news.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from functions.shipping.tariff import HEAVIEST_GRAMS

PLACED, DISPATCHED, OUT, DELIVERED = (
    "is placed",
    "has been dispatched",
    "is out for delivery",
    "has been delivered",
)
_ENDS = {"delivered": (DISPATCHED, DELIVERED), "dispatched": (DISPATCHED,), "label_bought": ()}


def wrongly_told(state: Path, end: str) -> list[str]:
    """Of a shop whose placed orders all have parcels that came as far as `end`."""
    told = _mails(state)
    parcels = _parcels(state)
    found = []
    for order in _rows(state, "orders", _ORDERS):
        sent, count = parcels.pop(order["id"], []), 1 + order["grams"] // HEAVIEST_GRAMS
        mails = told.pop(order["email"], Counter())
        found += [f"order {order['id']}: {what}" for what in _wrong(order, sent, mails, count, end)]
    found += [f"{len(sent)} parcels of {order_id}, which is no order" for order_id in parcels]
    found += [f"{mails.total()} mails to {buyer}, who bought nothing" for buyer in told]
    numbers = Counter(one["tracking_number"] for one in _rows(state, "shipping", _PARCELS))
    found += [f"{count} parcels are {number}" for number, count in numbers.items() if count > 1]
    return found


def handed_in_again(state: Path) -> int:
    """How often the mailbox was given a mail that it had already: one mail to its reader."""
    statement = "SELECT COALESCE(SUM(times - 1), 0) AS again FROM messages"
    return int(_rows(state, "sandbox/mailbox", statement)[0]["again"])


_ORDERS = (
    "SELECT o.id, o.number, o.email, SUM(l.weight_grams * l.quantity) AS grams FROM orders o"
    " JOIN order_lines l ON l.order_id = o.id WHERE o.placed_at IS NOT NULL GROUP BY o.id"
)
_PARCELS = "SELECT order_id, state, tracking_number FROM shipments ORDER BY order_id, number"


def _wrong(
    order: sqlite3.Row,
    parcels: list[tuple[str, str | None]],
    mails: Mapping[str, int],
    count: int,
    end: str,
) -> Iterator[str]:
    if [state for state, _ in parcels] != [end] * count:
        yield f"its {count} parcels are {parcels}"
    if None in [number for _, number in parcels]:
        yield "a parcel has no number"
    subject = f"Your order {order['number']} "
    expected = {subject + PLACED: 1} | {subject + words: count for words in _ENDS[end]}
    # A parcel that arrived before anybody wrote that it is on the van: that is no news any more.
    seen = {title: times for title, times in mails.items() if title != subject + OUT}
    if seen != expected or mails.get(subject + OUT, 0) > count:
        yield f"its buyer has {dict(mails)}"


def _parcels(state: Path) -> dict[str, list[tuple[str, str | None]]]:
    found: dict[str, list[tuple[str, str | None]]] = {}
    for row in _rows(state, "shipping", _PARCELS):
        found.setdefault(row["order_id"], []).append((row["state"], row["tracking_number"]))
    return found


def _mails(state: Path) -> dict[str, Counter[str]]:
    """By recipient, how many there are of each subject."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in _rows(state, "sandbox/mailbox", "SELECT recipient, body FROM messages"):
        found[row["recipient"]][json.loads(row["body"])["subject"]] += 1
    return dict(found)


def _rows(state: Path, store: str, statement: str, *values: Any) -> list[sqlite3.Row]:
    file = state / f"{store}.db"
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=60)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(statement, values).fetchall()
