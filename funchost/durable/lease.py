"""The right of this process to the work that it holds, and the end of that right.

A process renews its row every few seconds of machine time; one that is silent for longer than its
lease has lost its work. Beside that, each process holds a lock of the operating system, which goes
when it dies, so that a kill is noticed at once and not after the lease.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from funchost.context import new_id
from funchost.durable.store import work
from funchost.durable.store.writer import Transaction
from funchost.timers.singleton import SingletonLock

__all__ = ["RENEW_SECONDS", "Lease"]

RENEW_SECONDS = 3.0
LEASE_SECONDS = 15.0


class Lease:
    """`owner` is this process' name until it is lost. The methods that take a transaction are
    operations of the writer."""

    def __init__(
        self, folder: Path, hub: str, machine_time: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._hub = hub.lower()
        self._time = machine_time
        self.owner = new_id()
        self._lock = SingletonLock(self._file(self.owner))

    def start_anew(self) -> None:
        """Under another name, since the old one stands for work that is lost."""
        self.drop_lock()
        self.owner = new_id()
        self._lock = SingletonLock(self._file(self.owner))

    def register(self, transaction: Transaction) -> None:
        if not self._lock.try_acquire():
            raise OSError(f"the lock {self._file(self.owner)} cannot be taken")
        work.register(transaction, self.owner, self._time() + LEASE_SECONDS)

    def renew(self, transaction: Transaction) -> bool:
        return work.renew(transaction, self.owner, self._time() + LEASE_SECONDS)

    def take_over_dead(self, transaction: Transaction) -> list[str]:
        """Frees what processes held that have died or are silent; returns their names."""
        dead = []
        for owner, expires in work.other_owners(transaction, self.owner):
            lock = SingletonLock(self._file(owner))
            is_gone = lock.try_acquire()
            if is_gone or expires < self._time():
                work.take_over(transaction, owner)
                dead.append(owner)
            if is_gone:
                self._drop(lock, owner)
        return dead

    def release(self, transaction: Transaction) -> None:
        work.release(transaction, self.owner)

    def drop_lock(self) -> None:
        self._drop(self._lock, self.owner)

    def _drop(self, lock: SingletonLock, owner: str) -> None:
        lock.release()
        with contextlib.suppress(OSError):
            self._file(owner).unlink()

    def _file(self, owner: str) -> Path:
        return self._folder / f"{self._hub}.{owner}.lock"
