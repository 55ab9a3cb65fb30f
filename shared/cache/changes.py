"""How new an answer must be: the log of changes, followed from each process.

A writer adds a row in the transaction that changes something; so a change can neither be lost nor
be announced before it can be read, and a writer that dies has announced what it committed.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

KEPT_IN_LOG = 50_000
"""A log must keep at least so many of the newest changes."""
_TAGS_REMEMBERED = 50_000
_READ_AT_START = 10_000
_LOOK_BACK = 1_000
"""Transactions that overlap may come into sight out of order; late ones are looked for so far."""


class ChangeLog(Protocol):
    def moved(self) -> bool:
        """False where certainly nothing was committed since the last call; cheap."""
        ...

    def newest(self) -> int:
        """The number of the last change; 0 before the first."""
        ...

    def since(self, sequence: int) -> Sequence[tuple[int, tuple[str, ...]]]:
        """The changes above `sequence` in order, by number and tags; pruned ones are missing."""
        ...


class Changes:
    """`every_seconds` is how long a change of another process may go unseen; 0 looks at each use.

    `own_commits` is a number that moves with each write of this process, which is seen at once.
    """

    def __init__(
        self,
        log: ChangeLog,
        every_seconds: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
        own_commits: Callable[[], int] = lambda: 0,
    ) -> None:
        self._log = log
        self._every = every_seconds
        self._own_commits = own_commits
        self._commits_seen = 0
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._newest = 0
        self._trusted = 0
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._floors: OrderedDict[str, int] = OrderedDict()

    @property
    def is_due(self) -> bool:
        """Whether `follow` would read anything; without waiting."""
        return (
            self._looked is None
            or self._own_commits() != self._commits_seen
            or self._monotonic() - self._looked >= self._every
        )

    def follow(self) -> None:
        """Reads what was written meanwhile; to be called before `floor`."""
        if self.is_due:
            with self._lock:
                if self.is_due:
                    now, commits = self._monotonic(), self._own_commits()
                    if self._looked is None:
                        self._log.moved()
                        self._trusted = self._newest = max(0, self._log.newest() - _READ_AT_START)
                        self._read()
                    elif self._log.moved():
                        self._read()
                    self._looked, self._commits_seen = now, commits

    @property
    def newest(self) -> int:
        return self._newest

    def floor(self, tag: str) -> int:
        """The least version at which an answer with that tag knows of all that concerns it."""
        return self._floors.get(tag, self._trusted)

    def _read(self) -> None:
        before = self._newest
        rows = self._log.since(max(self._trusted, before - _LOOK_BACK))
        new = [(sequence, tags) for sequence, tags in rows if sequence not in self._seen]
        if new and new[-1][0] > before + KEPT_IN_LOG:
            self._trusted = new[0][0]  # some between may have been pruned
        for sequence, tags in new:
            self._newest = max(self._newest, sequence)
            self._seen[sequence] = None
            # An answer may have been built between a late change and a later one: none of the
            # versions up to now can be trusted to know of it.
            for tag in tags:
                self._floors[tag] = sequence if sequence > before else before + 1
                self._floors.move_to_end(tag)
        while len(self._seen) > 2 * _LOOK_BACK:
            self._seen.popitem(last=False)
        while len(self._floors) > _TAGS_REMEMBERED:
            self._trusted = max(self._trusted, self._floors.popitem(last=False)[1])
