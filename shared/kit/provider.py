"""Late building: nothing connects, and no SDK is imported, before the first call needs it."""

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Provider(Generic[T_co]):
    """Builds its value at the first call, once for all threads.

    A build that raises is not remembered: the next call tries again, so a setting or a server
    that was missing can come back without a restart.
    """

    def __init__(self, build: Callable[[], T_co]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._built: list[T_co] = []

    def __call__(self) -> T_co:
        if not self._built:
            with self._lock:
                if not self._built:
                    self._built.append(self._build())
        return self._built[0]

    @property
    def built(self) -> T_co | None:
        """None before the first call."""
        return self._built[0] if self._built else None

    async def soon(self) -> T_co:
        """The same for an event loop, which goes on meanwhile: imports alone can take a second."""
        return self._built[0] if self._built else await asyncio.to_thread(self)
