"""Waiting for an order row to change."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

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

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        """An event that each ring sets: none is missed, however late it is waited for."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        self._waiting.add(entry)
        try:
            yield entry[1]
        finally:
            self._waiting.discard(entry)


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
        with self._bell.listen() as rung:
            while True:
                rung.clear()
                order = await asyncio.to_thread(self.find, checkout_hash)
                left = until - self._monotonic()
                if order.version != seen.version or left <= 0:
                    return order
                with suppress(TimeoutError):
                    await asyncio.wait_for(rung.wait(), min(left, _LOOK_EVERY_SECONDS))

    def find(self, checkout_hash: str) -> Order:
        """Raises UnknownCheckout."""
        with self._transactions.read() as transaction:
            order = transaction.orders.by_checkout(checkout_hash)
        if order is None:
            raise UnknownCheckout("There is no such checkout; look at its id.")
        return order
