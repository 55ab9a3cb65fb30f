"""Which process of this machine runs the broker of a state folder: the one that holds a lock of the
operating system, which the kernel frees when its holder dies."""

import asyncio
import os
import sys
import threading
from pathlib import Path

__all__ = ["InstanceLock"]


class InstanceLock:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """False when another process, or another lock object of this one, holds it."""
        descriptor = self._open()
        try:
            _lock(descriptor, wait=False)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    async def acquire(self) -> None:
        """Waits in a thread of its own, which costs nothing until the kernel wakes it. When the
        call is cancelled the thread stays until then, and lets go of the lock at once."""
        if self.try_acquire():
            return
        acquired: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        threading.Thread(
            target=_wait, args=(self._open(), acquired), name="service bus lock", daemon=True
        ).start()
        self._descriptor = await acquired

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)


def _wait(descriptor: int, acquired: "asyncio.Future[int]") -> None:
    def hand_over() -> None:
        if acquired.cancelled():
            os.close(descriptor)
        else:
            acquired.set_result(descriptor)

    _lock(descriptor, wait=True)
    try:
        acquired.get_loop().call_soon_threadsafe(hand_over)
    except RuntimeError:
        # The loop has ended meanwhile.
        os.close(descriptor)


if sys.platform == "win32":
    import errno
    import msvcrt

    def _lock(descriptor: int, *, wait: bool) -> None:
        if not wait:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            return
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError as error:
                # Windows itself gives up after ten tries of a second each.
                if error.errno != errno.EDEADLOCK:
                    raise
            else:
                return

else:
    import fcntl

    def _lock(descriptor: int, *, wait: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
