"""Sends events to the shop until it takes them, the same for all stand-ins.

Attempts and their backoff follow the machine's time: it is the network's business, not the shop's.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp

LEASE_SECONDS = 30.0
"""How long another sandbox on the same folder leaves a delivery alone that was claimed."""
_AT_ONCE = 8
_PATIENCE_SECONDS = 10.0
_LOOKS_EVERY_SECONDS = 0.5
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0
_GIVEN_UP_AFTER_SECONDS = 3 * 86_400.0


@dataclass(frozen=True, slots=True)
class Due:
    """`created` is when the event came to be (machine time, seconds)."""

    delivery: int
    created: float
    attempts: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`due`: when the next attempt is, where `state` is `waiting`."""

    state: str
    due: float
    answer: str


Claim = Callable[[int], tuple[Sequence[Due], str | None]]
"""Claims at most so many deliveries, and says where they go."""


class Sender:
    """`note` keeps what became of a delivery."""

    def __init__(self, claim: Claim, note: Callable[[Due, Outcome], None]) -> None:
        self._claim = claim
        self._note = note
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be something to send; to be called on the event loop."""
        self._wake.set()

    async def run(self) -> None:
        """Until it is cancelled; what is on its way then is sent again after the next start."""
        sending: set[asyncio.Task[None]] = set()
        patience = aiohttp.ClientTimeout(_PATIENCE_SECONDS)
        async with aiohttp.ClientSession(timeout=patience) as client:
            try:
                while True:
                    self._wake.clear()
                    due, address = self._claim(_AT_ONCE - len(sending))
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

    async def _send(self, client: aiohttp.ClientSession, address: str, one: Due) -> None:
        try:
            async with client.post(
                address, data=one.body, headers=one.headers, allow_redirects=False
            ) as response:
                await response.read()
            answer, taken = str(response.status), 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError) as error:
            answer, taken = type(error).__name__, False
        self._note(one, _outcome(one, answer, taken))
        self.wake()


def _outcome(one: Due, answer: str, taken: bool) -> Outcome:
    now = time.time()
    wait = min(_FIRST_WAIT_SECONDS * 2**one.attempts, _LONGEST_WAIT_SECONDS)
    if taken:
        return Outcome("taken", now, answer)
    given_up = now - one.created > _GIVEN_UP_AFTER_SECONDS
    return Outcome("given_up" if given_up else "waiting", now + wait, answer)
