"""Waiting for an order row to change."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from functions.checkout.model import Order, UnknownCheckout
from functions.checkout.ports import Transactions

_LOOK_EVERY_SECONDS = 0.25
"""How late a change by another process is seen; this process's own are seen at once."""


@dataclass(eq=False, slots=True)
class _Listener:
    version: int
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    rung: asyncio.Event = field(default_factory=asyncio.Event)


class Bell:
    """Rung for orders after each commit of this process, from any thread; heard by whoever listens
    for one of them, in any event loop."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[_Listener]] = {}
        self._lock = threading.Lock()

    def ring(self, order_ids: Collection[str]) -> None:
        with self._lock:
            for order_id in order_ids:
                for listener in self._listeners.get(order_id, ()):
                    listener.loop.call_soon_threadsafe(listener.rung.set)

    @contextmanager
    def listen(self, order_id: str, version: int) -> Iterator[asyncio.Event]:
        """An event that each ring for the order sets: none is missed, however late it is waited
        for. `version` is the one that the listener has seen."""
        listener = _Listener(version)
        with self._lock:
            self._listeners.setdefault(order_id, set()).add(listener)
        try:
            yield listener.rung
        finally:
            with self._lock:
                others = self._listeners[order_id]
                others.discard(listener)
                if not others:
                    del self._listeners[order_id]

    def listened_for(self) -> Mapping[str, frozenset[int]]:
        """The orders, with the versions that their listeners have seen."""
        with self._lock:
            return {
                order_id: frozenset(one.version for one in listeners)
                for order_id, listeners in self._listeners.items()
            }


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
        self._looked_at = monotonic()

    async def changed(self, checkout_hash: str, seen: Order, seconds: float) -> Order:
        """The order as soon as it is another than `seen`, or as it is after `seconds`."""
        until = self._monotonic() + seconds
        with self._bell.listen(seen.id, seen.version) as rung:
            if await asyncio.to_thread(self._versions, (seen.id,)) == {seen.id: seen.version}:
                await self._rung(rung, until)
            while True:
                # In this order: a commit after the look rings again.
                rung.clear()
                order = await asyncio.to_thread(self.find, checkout_hash)
                if order.version != seen.version or self._monotonic() >= until:
                    return order
                await self._rung(rung, until)

    async def _rung(self, rung: asyncio.Event, until: float) -> None:
        while not rung.is_set() and (left := until - self._monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(rung.wait(), min(left, _LOOK_EVERY_SECONDS))
                return
            await self._look()

    async def _look(self) -> None:
        """For what other processes committed: one query, by one of those who wait, for all."""
        now = self._monotonic()
        if now - self._looked_at < _LOOK_EVERY_SECONDS:
            return
        self._looked_at = now
        seen = self._bell.listened_for()
        versions = await asyncio.to_thread(self._versions, seen)
        self._bell.ring([one for one, version in versions.items() if seen[one] != {version}])

    def find(self, checkout_hash: str) -> Order:
        """Raises UnknownCheckout."""
        with self._transactions.read() as transaction:
            order = transaction.orders.by_checkout(checkout_hash)
        if order is None:
            raise UnknownCheckout("There is no such checkout; look at its id.")
        return order

    def _versions(self, order_ids: Collection[str]) -> Mapping[str, int]:
        with self._transactions.read() as transaction:
            return transaction.orders.versions(order_ids)
