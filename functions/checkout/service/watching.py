"""Waiting for an order row to change."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from functions.checkout.model import OPEN, Order, UnknownCheckout
from functions.checkout.ports import Transactions

_LOOK_EVERY_SECONDS = 0.25
"""How late a change by another process is seen; this process's own are seen at once."""
_REMEMBERED = 1_000
_FRESH_SECONDS = 0.1
"""A page asks again at once for what it has just been given; whoever comes later may be answered
with what another process committed meanwhile."""


@dataclass(eq=False, slots=True)
class Listener:
    """`rung` is set by each ring for its order: none is missed, however late it is waited for."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    rung: asyncio.Event = field(default_factory=asyncio.Event)
    heard: set[str] = field(default_factory=set)
    """For which orders the bell rang, since the listener last emptied it."""
    order_id: str | None = None
    version: int = 0


class Seen(NamedTuple):
    order_id: str
    version: int
    at: float


class Bell:
    """Rung for orders after each commit of this process, from any thread; heard by whoever listens
    for one of them, in any event loop."""

    def __init__(self) -> None:
        self._undecided: set[Listener] = set()
        self._listeners: dict[str, set[Listener]] = {}
        self._seen: dict[str, Seen] = {}
        self._hashes: dict[str, str] = {}
        """Of the orders in `_seen`."""
        self._lock = threading.Lock()

    def ring(self, order_ids: Collection[str]) -> None:
        with self._lock:
            for listener in self._undecided:
                listener.heard.update(order_ids)
            for order_id in order_ids:
                if order_id in self._hashes:
                    del self._seen[self._hashes.pop(order_id)]
                for listener in self._listeners.get(order_id, ()):
                    listener.heard.add(order_id)
                    listener.loop.call_soon_threadsafe(listener.rung.set)

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """For `follow`, which rings since the beginning of the block also reach."""
        listener = Listener()
        with self._lock:
            self._undecided.add(listener)
        try:
            yield listener
        finally:
            with self._lock:
                self._forget(listener)

    def follow(self, listener: Listener, order_id: str, version: int) -> None:
        """From now on, in the listener's loop, that order alone. `version` is the one that the
        listener has seen."""
        with self._lock:
            self._forget(listener)
            listener.order_id, listener.version = order_id, version
            self._listeners.setdefault(order_id, set()).add(listener)
            if order_id in listener.heard:
                listener.rung.set()

    def remember(self, listener: Listener, checkout_hash: str, seen: Seen) -> None:
        """What the listener has read, unless it may be old: it heard of a commit meanwhile."""
        with self._lock:
            if seen.order_id in listener.heard:
                return
            self._seen[checkout_hash] = seen
            self._hashes[seen.order_id] = checkout_hash
            if len(self._seen) > _REMEMBERED:
                oldest = next(iter(self._seen))
                del self._hashes[self._seen.pop(oldest).order_id]

    def last_seen(self, checkout_hash: str) -> Seen | None:
        """How the order stood when this process last looked, where none of its own commits has
        changed it since; another's may have."""
        with self._lock:
            return self._seen.get(checkout_hash)

    def listened_for(self) -> Mapping[str, frozenset[int]]:
        """The orders, with the versions that their listeners have seen."""
        with self._lock:
            return {
                order_id: frozenset(one.version for one in listeners)
                for order_id, listeners in self._listeners.items()
            }

    def _forget(self, listener: Listener) -> None:
        self._undecided.discard(listener)
        if listener.order_id is not None:
            others = self._listeners[listener.order_id]
            others.discard(listener)
            if not others:
                del self._listeners[listener.order_id]


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

    async def watched(self, checkout_hash: str, seen: int | None, seconds: float) -> Order:
        """The order as soon as it has another version than `seen`, or than it has now; as it is
        after `seconds`, or at once where it has ended. Raises UnknownCheckout."""
        until = self._monotonic() + seconds
        with self._bell.listen() as listener:
            last = self._bell.last_seen(checkout_hash)
            order = None
            if last is None or last.version != seen or self._monotonic() - last.at > _FRESH_SECONDS:
                order = await self._read(listener, checkout_hash)
                if seen not in (None, order.version) or order.status not in OPEN:
                    return order
                order_id, version = order.id, order.version
            else:
                order_id, version = last.order_id, last.version
            self._bell.follow(listener, order_id, version)
            while self._monotonic() < until:
                await self._rung(listener.rung, until)
                # In this order: a commit after the look rings again.
                listener.rung.clear()
                listener.heard.clear()
                order = await self._read(listener, checkout_hash)
                if order.version != version or order.status not in OPEN:
                    return order
            return order or await self._read(listener, checkout_hash)

    async def _read(self, listener: Listener, checkout_hash: str) -> Order:
        began = self._monotonic()
        order = await asyncio.to_thread(self.find, checkout_hash)
        if order.status in OPEN:
            self._bell.remember(listener, checkout_hash, Seen(order.id, order.version, began))
        return order

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
