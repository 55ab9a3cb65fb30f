"""Sends events to the shop until it takes them, as Stripe does (https://docs.stripe.com/webhooks).

Attempts and their backoff follow the machine's time: it is the network's business, not the shop's.
"""

import asyncio
import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
from starlette.concurrency import run_in_threadpool

from sandbox.stripe.events import schedule
from sandbox.stripe.refunds import settle_due
from sandbox.stripe.state import State

_AT_ONCE = 8
_PATIENCE_SECONDS = 10.0
_LOOKS_EVERY_SECONDS = 0.5
_LEASE_SECONDS = 30.0
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0
_GIVEN_UP_AFTER_SECONDS = 3 * 86_400.0


def sign(body: bytes, secret: str, moment: int) -> str:
    """The `Stripe-Signature` header."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


@dataclass(frozen=True, slots=True)
class Due:
    delivery: int
    event: str
    created: int
    attempts: int
    body: bytes


class Webhooks:
    """`endpoint` is where events go unless the knob `endpoint` names another address."""

    def __init__(self, state: State, secret: str, endpoint: str | None) -> None:
        self._state = state
        self._secret = secret
        self._endpoint = endpoint
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be something to send; to be called on the event loop."""
        self._wake.set()

    async def run(self) -> None:
        """Until it is cancelled; what is on its way then is sent again after the next start."""
        sending: set[asyncio.Task[None]] = set()
        async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS, trust_env=False) as client:
            try:
                while True:
                    self._wake.clear()
                    due, address = await run_in_threadpool(self._claim, _AT_ONCE - len(sending))
                    for one in due:
                        assert address is not None
                        sending.add(asyncio.create_task(self._send(client, address, one)))
                    waiting = asyncio.create_task(self._wake.wait())
                    # Full hands wait for a hand; else for news, or for a retry that falls due.
                    await asyncio.wait(
                        sending if len(sending) >= _AT_ONCE else {*sending, waiting},
                        timeout=_LOOKS_EVERY_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    waiting.cancel()
                    sending = {task for task in sending if not task.done()}
            finally:
                for task in sending:
                    task.cancel()

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
                "SELECT d.id, d.event, d.attempts, o.created, o.body FROM deliveries d"
                " JOIN objects o ON o.id = d.event"
                " WHERE d.state = 'waiting' AND d.due <= ? ORDER BY d.due, d.id LIMIT ?",
                (now, count),
            ).fetchall()
            # Another sandbox on this folder leaves them alone meanwhile.
            transaction.sql.executemany(
                "UPDATE deliveries SET due = ?, attempts = attempts + 1 WHERE id = ?",
                [(now + _LEASE_SECONDS, row["id"]) for row in rows],
            )
        return [_due(row) for row in rows], address

    async def _send(self, client: httpx.AsyncClient, address: str, one: Due) -> None:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(one.body, self._secret, int(time.time())),
        }
        try:
            response = await client.post(address, content=one.body, headers=headers)
            answer, taken = str(response.status_code), response.is_success
        except httpx.HTTPError as error:
            answer, taken = type(error).__name__, False
        await run_in_threadpool(self._note, one, answer, taken)
        self.wake()

    def _note(self, one: Due, answer: str, taken: bool) -> None:
        now = time.time()
        wait = min(_FIRST_WAIT_SECONDS * 2**one.attempts, _LONGEST_WAIT_SECONDS)
        if taken:
            state = "taken"
        else:
            state = "given_up" if now - one.created > _GIVEN_UP_AFTER_SECONDS else "waiting"
        with self._state.transaction() as transaction:
            transaction.sql.execute(
                "UPDATE deliveries SET state = ?, due = ?, answer = ? WHERE id = ?",
                (state, now + wait, answer, one.delivery),
            )


def _due(row: sqlite3.Row) -> Due:
    body = json.dumps(json.loads(row["body"]), indent=2, ensure_ascii=False).encode()
    return Due(row["id"], row["event"], row["created"], row["attempts"], body)
