"""Late building: nothing connects, and no SDK is imported, before the first call needs it."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Provider(Generic[T]):
    """Builds its value at the first call, once for all threads.

    A build that raises is not remembered: the next call tries again, so a setting or a server
    that was missing can come back without a restart.
    """

    def __init__(self, build: Callable[[], T]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._built: list[T] = []

    def __call__(self) -> T:
        if not self._built:
            with self._lock:
                if not self._built:
                    self._built.append(self._build())
        return self._built[0]
