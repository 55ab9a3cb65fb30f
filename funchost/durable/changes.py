"""Who waits for the change of an instance in this process."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["Change", "Changes"]

_POLL_SECONDS = 0.25
"""Where nobody tells of the changes that other processes make."""


class Change:
    def __init__(self, longest: float) -> None:
        self._event = asyncio.Event()
        self._longest = longest

    def happen(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Returns when it has happened, or may have, or after `seconds`."""
        try:
            async with asyncio.timeout(min(seconds, self._longest)):
                await self._event.wait()
        except TimeoutError:
            return


class Changes:
    """`is_told` says that changes by other processes are told here too."""

    def __init__(self, *, is_told: bool) -> None:
        self.is_told = is_told
        self._waiting: dict[str, set[Change]] = {}

    def tell(self, instance_id: str) -> None:
        """ "" means that anything may have changed."""
        ids = [instance_id] if instance_id else list(self._waiting)
        for key in ids:
            for change in self._waiting.get(key, ()):
                change.happen()

    @contextmanager
    def watch(self, instance_id: str) -> Generator[Change, None, None]:
        change = Change(float("inf") if self.is_told else _POLL_SECONDS)
        self._waiting.setdefault(instance_id, set()).add(change)
        try:
            yield change
        finally:
            waiting = self._waiting[instance_id]
            waiting.discard(change)
            if not waiting:
                del self._waiting[instance_id]
