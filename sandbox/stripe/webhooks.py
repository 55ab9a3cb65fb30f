"""Tells the shop of events, as Stripe does (https://docs.stripe.com/webhooks)."""

import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Sequence

from sandbox.stripe.events import schedule
from sandbox.stripe.refunds import settle_due
from sandbox.stripe.state import State
from sandbox.webhooks import LEASE_SECONDS, Due, Outcome, Sender


def sign(body: bytes, secret: str, moment: int) -> str:
    """The `Stripe-Signature` header."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


class Webhooks:
    """`endpoint` is where events go unless the knob `endpoint` names another address."""

    def __init__(self, state: State, secret: str, endpoint: str | None) -> None:
        self._state = state
        self._secret = secret
        self._endpoint = endpoint
        self._sender = Sender(self._claim, self._note)
        self.wake = self._sender.wake
        self.run = self._sender.run

    def resend(self, event: str) -> bool:
        """Sends an event once more; False where there is none."""
        with self._state.transaction() as transaction:
            if transaction.find("event", event) is None:
                return False
            schedule(transaction, event, time.time())
        return True

    def _claim(self, count: int) -> tuple[Sequence[Due], str | None]:
        now = time.time()
        with self._state.transaction() as transaction:
            while settle_due(transaction):
                pass
            address = transaction.knob("endpoint", self._endpoint)
            if address is None or count <= 0 or transaction.knob("webhooks", {}).get("paused"):
                return (), None
            rows = transaction.sql.execute(
                "SELECT d.id, d.attempts, o.created, o.body FROM deliveries d"
                " JOIN objects o ON o.id = d.event"
                " WHERE d.state = 'waiting' AND d.due <= ? ORDER BY d.due, d.id LIMIT ?",
                (now, count),
            ).fetchall()
            # Another sandbox on this folder leaves them alone meanwhile.
            transaction.sql.executemany(
                "UPDATE deliveries SET due = ?, attempts = attempts + 1 WHERE id = ?",
                [(now + LEASE_SECONDS, row["id"]) for row in rows],
            )
        return [self._due(row) for row in rows], address

    def _due(self, row: sqlite3.Row) -> Due:
        body = json.dumps(json.loads(row["body"]), indent=2, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(body, self._secret, int(time.time())),
        }
        return Due(row["id"], row["created"], row["attempts"], body, headers)

    def _note(self, one: Due, outcome: Outcome) -> None:
        with self._state.transaction() as transaction:
            transaction.sql.execute(
                "UPDATE deliveries SET state = ?, due = ?, answer = ? WHERE id = ?",
                (outcome.state, outcome.due, outcome.answer, one.delivery),
            )
