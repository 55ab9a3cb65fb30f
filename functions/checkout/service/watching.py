"""Waiting for an order row to change."""

import asyncio
import time
from collections.abc import Callable

from functions.checkout.model import Order, UnknownCheckout
from functions.checkout.ports import Transactions

_LOOK_EVERY_SECONDS = 0.25
"""How late a change by another process is seen; this process's own are seen at once."""


class Bell:
    """Rung after each commit of this process, from any thread; heard by all event loops."""

    def __init__(self) -> None:
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def ring(self) -> None:
        for loop, event in list(self._waiting):
            loop.call_soon_threadsafe(event.set)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return

    def listen(self) -> "Listening":
        return Listening(self, self._waiting)


class Listening:
    """What rings while this is entered is not missed, however late it is waited for."""

    def __init__(
        self, bell: Bell, waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]
    ) -> None:
        self._bell = bell
        self._waiting = waiting
        self._entry = (asyncio.get_running_loop(), asyncio.Event())

    def __enter__(self) -> "Listening":
        self._waiting.add(self._entry)
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.discard(self._entry)

    async def wait(self, seconds: float) -> None:
        _, event = self._entry
        await self._bell.wait(event, seconds)
        event.clear()


class Watching:
    def __init__(
        self,
        transactions: Transactions,
        bell: Bell,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transactions = transactions
        self._bell = bell
        self._monotonic = monotonic

    async def changed(self, checkout_hash: str, seen: Order, seconds: float) -> Order:
        """The order as soon as it is another than `seen`, or as it is after `seconds`."""
        until = self._monotonic() + seconds
        with self._bell.listen() as listening:
            while True:
                order = await asyncio.to_thread(self.find, checkout_hash)
                left = until - self._monotonic()
                if order.version != seen.version or left <= 0:
                    return order
                await listening.wait(min(left, _LOOK_EVERY_SECONDS))

    def find(self, checkout_hash: str) -> Order:
        """Raises UnknownCheckout."""
        with self._transactions.read() as transaction:
            order = transaction.orders.by_checkout(checkout_hash)
        if order is None:
            raise UnknownCheckout("There is no such checkout; look at its id.")
        return order
