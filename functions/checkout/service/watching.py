"""Waiting for an order row to change."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress

from functions.checkout.model import Order, UnknownCheckout
from functions.checkout.ports import Transactions

_LOOK_EVERY_SECONDS = 0.25
"""How late a change by another process is seen; this process's own are seen at once."""


class Bell:
    """Rung for an order after each commit of this process that changed it, from any thread; heard
    by all event loops."""

    def __init__(self) -> None:
        self._waiting: set[_Waiting] = set()

    def ring(self, orders: Collection[str]) -> None:
        for order_id, loop, event in list(self._waiting):
            if order_id in orders:
                loop.call_soon_threadsafe(event.set)

    @contextmanager
    def listen(self, order_id: str) -> Iterator[asyncio.Event]:
        """An event that each ring sets: none is missed, however late it is waited for."""
        entry = (order_id, asyncio.get_running_loop(), asyncio.Event())
        self._waiting.add(entry)
        try:
            yield entry[2]
        finally:
            self._waiting.discard(entry)


_Waiting = tuple[str, asyncio.AbstractEventLoop, asyncio.Event]


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
        with self._bell.listen(seen.id) as rung:
            while True:
                left = until - self._monotonic()
                if rung.is_set() or left <= 0 or await asyncio.to_thread(self._is_changed, seen):
                    rung.clear()
                    order = await asyncio.to_thread(self.find, checkout_hash)
                    if left <= 0 or order.version != seen.version:
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

    def _is_changed(self, seen: Order) -> bool:
        with self._transactions.read() as transaction:
            return transaction.orders.version(seen.id) != seen.version
