"""One holder per name among the processes of this machine, by a lock of the operating system, which
goes when its holder dies."""

import asyncio
import os
import sys
from pathlib import Path

_RETRY_SECONDS = 0.5
"""Machine time: the takeover of a dead holder's lock must not wait for business time."""


class SingletonLock:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """False when another process, or another lock object of this one, holds it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    async def acquire(self) -> None:
        """Waits for as long as another one holds it; may be cancelled."""
        while not self.try_acquire():  # noqa: ASYNC110 - file locks have no event
            await asyncio.sleep(_RETRY_SECONDS)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
