"""Moves parcels along, and tells the shop of it as EasyPost does
(https://docs.easypost.com/docs/webhooks)."""

import hashlib
import hmac
import sqlite3
import time
from collections.abc import Sequence

from sandbox.carrier.moving import move_along
from sandbox.carrier.state import State
from sandbox.webhooks import LEASE_SECONDS, Due, Outcome, Sender


def sign(body: bytes, secret: str) -> str:
    """The `X-Hmac-Signature` header."""
    return f"hmac-sha256-hex={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


class Webhooks:
    """`endpoint` is where events go unless the knob `endpoint` names another address."""

    def __init__(self, state: State, secret: str, endpoint: str | None) -> None:
        self._state = state
        self._secret = secret
        self._endpoint = endpoint
        self._sender = Sender(self._claim, self._note)
        self.wake = self._sender.wake
        self.run = self._sender.run

    def _claim(self, count: int) -> tuple[Sequence[Due], str | None]:
        now = time.time()
        while self._move():
            pass
        with self._state.transaction() as transaction:
            address = transaction.knob("endpoint", self._endpoint)
            if address is None or count <= 0 or transaction.knob("webhooks", {}).get("paused"):
                return (), None
            rows = transaction.sql.execute(
                "SELECT id, created, attempts, body FROM deliveries"
                " WHERE state = 'waiting' AND due <= ? ORDER BY due, id LIMIT ?",
                (now, count),
            ).fetchall()
            # Another sandbox on this folder leaves them alone meanwhile.
            transaction.sql.executemany(
                "UPDATE deliveries SET due = ?, attempts = attempts + 1 WHERE id = ?",
                [(now + LEASE_SECONDS, row["id"]) for row in rows],
            )
        return [self._due(row) for row in rows], address

    def _move(self) -> bool:
        with self._state.transaction() as transaction:
            return move_along(transaction)

    def _due(self, row: sqlite3.Row) -> Due:
        body = row["body"].encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "EasyPost/v2 Webhooks",
            "X-Hmac-Signature": sign(body, self._secret),
        }
        return Due(row["id"], row["created"], row["attempts"], body, headers)

    def _note(self, one: Due, outcome: Outcome) -> None:
        with self._state.transaction() as transaction:
            transaction.sql.execute(
                "UPDATE deliveries SET state = ?, due = ?, answer = ? WHERE id = ?",
                (outcome.state, outcome.due, outcome.answer, one.delivery),
            )
