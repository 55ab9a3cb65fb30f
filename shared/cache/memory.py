"""A cache inside one process, bounded by the bytes that it holds."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from shared.cache.port import Entry

_OVERHEAD = 500
"""What Python adds to an entry, about."""


class MemoryCache:
    def __init__(
        self, most_bytes: int = 24 * 1024 * 1024, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_bytes = most_bytes
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[Entry, float]] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> Entry | None:
        with self._lock:
            held = self._entries.get(key)
            if held is None:
                return None
            entry, ends = held
            if ends <= self._monotonic():
                self._remove(key)
                return None
            self._entries.move_to_end(key)
            return entry

    at_hand = get

    def put(self, key: str, entry: Entry, lifetime_seconds: float) -> None:
        with self._lock:
            held = self._entries.get(key)
            if held is not None:
                if held[0].version > entry.version:
                    return
                self._remove(key)
            self._entries[key] = (entry, self._monotonic() + lifetime_seconds)
            self._bytes += _size(key, entry)
            while self._bytes > self._most_bytes:
                self._remove(next(iter(self._entries)))

    def _remove(self, key: str) -> None:
        entry, _ = self._entries.pop(key)
        self._bytes -= _size(key, entry)


def _size(key: str, entry: Entry) -> int:
    return len(entry.body) + len(key) + _OVERHEAD
