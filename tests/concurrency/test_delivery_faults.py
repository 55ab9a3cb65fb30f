"""Orders are shipped and told about while hosts die; `python3 dev.py bench faults` does it for
longer."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bench.delivery_faults import play
from bench.told import wrongly_told

FALSE = (
    ("sandbox/mailbox", "DELETE FROM messages WHERE sequence = 1", "its buyer has"),
    (
        "sandbox/mailbox",
        "INSERT INTO messages (id, recipient, received, body)"
        " SELECT 'again', recipient, received, body FROM messages"
        " WHERE body LIKE '%AT-000000001 has been delivered%' LIMIT 1",
        "has been delivered': 2",
    ),
    (
        "sandbox/mailbox",
        "UPDATE messages SET recipient = 'eve@example.org' WHERE sequence = 3",
        "to eve@example.org, who bought nothing",
    ),
    (
        "shipping",
        "UPDATE shipments SET state = 'created' WHERE rowid = 1",
        "parcels are [('created'",
    ),
    ("shipping", "UPDATE shipments SET tracking_number = 'SP1'", "parcels are SP1"),
    ("shipping", "UPDATE shipments SET order_id = 'o' WHERE rowid = 3", "of o, which is no order"),
)
"""What would be wrong, and what the audit says then."""


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a shop whose two hosts were killed at each stage of a parcel's way."""
    folder = tmp_path_factory.mktemp("deliveries")
    counts = play(folder, orders=20, kills=2)
    assert counts["handed in again"] > 0, "answers of the mailbox get lost"
    return folder / "state"


def test_whatever_dies_each_order_has_its_parcels_and_each_buyer_every_mail_once(
    survived: Path,
) -> None:
    assert wrongly_told(survived, "delivered") == []


def test_the_audit_sees_what_is_wrong(survived: Path, tmp_path: Path) -> None:
    books = Path(shutil.copytree(survived, tmp_path / "state"))
    for store, statement, _ in FALSE:
        with closing(sqlite3.connect(books / f"{store}.db")) as connection:
            assert connection.execute(statement).rowcount > 0, statement
            connection.commit()
    found = wrongly_told(books, "delivered")
    for _, statement, said in FALSE:
        assert any(said in finding for finding in found), (statement, found)
