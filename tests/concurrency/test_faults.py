"""Shoppers buy while hosts die; `python3 dev.py bench faults` does it for longer."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bench.audit import findings
from bench.faults import play

FALSE = (
    (
        "inventory",
        "DELETE FROM stock_ledger WHERE id = (SELECT MAX(id) FROM stock_ledger)",
        "on hand is the sum of the ledger",
    ),
    ("inventory", "UPDATE reservations SET state = 'held' WHERE state = 'confirmed'", "is held"),
    ("orders", "UPDATE order_lines SET quantity = quantity + 1", "orders say"),
    ("orders", "UPDATE orders SET captured = total - 1 WHERE id = {a placed one}", "placed with"),
    ("orders", "UPDATE orders SET status = 'cancelled' WHERE id = {a placed one}", "ended with"),
    ("orders", "UPDATE orders SET status = 'closing' WHERE id = {a placed one}", "is closing"),
    ("orders", "DELETE FROM inbox", "checkout never took in payment.succeeded"),
    ("orders", "UPDATE outbox SET sent_at = NULL WHERE sequence = 1", "was not sent"),
    ("payments", "UPDATE ledger SET amount = amount + 1 WHERE amount > 0", "does not balance"),
    ("payments", "UPDATE payments SET state = 'pending' WHERE state = 'succeeded'", "is pending"),
    ("payments", "UPDATE stripe_events SET outcome = NULL", "was not applied"),
    (
        "sandbox/stripe",
        "UPDATE objects SET body = json_set(body, '$.status', 'processing')"
        " WHERE kind = 'payment_intent'",
        "PaymentIntents could still be paid",
    ),
    (
        "sandbox/stripe",
        "UPDATE objects SET body = json_set(body, '$.amount_received', 1)"
        " WHERE kind = 'payment_intent'",
        "Stripe 1 - ",
    ),
    ("durable/testhubname", "UPDATE instances SET status = 0", "the saga checkout_v1 of"),
)
"""What would be wrong, and what the audit says then."""


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a shop whose two hosts were killed ten times each."""
    folder = tmp_path_factory.mktemp("faults")
    counts = play(folder, shoppers=36, kills=10)
    assert counts["placed"] > 2
    assert counts["given back"] > 0
    return folder / "state"


def test_whatever_dies_every_copy_and_every_penny_is_accounted_for(survived: Path) -> None:
    assert findings(survived) == []


def test_the_audit_sees_what_is_wrong(survived: Path, tmp_path: Path) -> None:
    books = Path(shutil.copytree(survived, tmp_path / "state"))
    for store, statement, _ in FALSE:
        falsify(books, store, statement)
    found = findings(books)
    for _, statement, said in FALSE:
        assert any(said in finding for finding in found), statement


def falsify(books: Path, store: str, statement: str) -> None:
    placed = "(SELECT MAX(id) FROM orders WHERE status = 'placed' AND captured = total)"
    with closing(sqlite3.connect(books / f"{store}.db")) as connection:
        changed = connection.execute(statement.replace("{a placed one}", placed)).rowcount
        connection.commit()
    assert changed > 0, statement
