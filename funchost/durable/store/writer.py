"""One thread that writes: whatever waits is committed together.

An operation is a function of a Transaction. It either does all of its work or raises; then nothing
of it stays. Its future resolves after the commit. Operations take effect, and are reported to the
loop, in the order in which they were submitted.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from funchost.durable.store.schema import begin_writing, connect

__all__ = ["Transaction", "Writer"]

T = TypeVar("T")
_WATCH_SECONDS = 0.1
"""How soon a commit of another process is noticed. The look costs some microseconds."""
_LARGEST_GROUP = 256


class Transaction:
    """What an operation works with. `wakes` are told to the engine once all is committed."""

    __slots__ = ("execute", "executemany", "wakes")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.wakes: list[Any] = []


_Operation = tuple["asyncio.Future[Any] | None", Callable[[Transaction], Any]]
_Done = tuple["asyncio.Future[Any] | None", BaseException | None, Any, list[Any]]


class Writer:
    """Made, used and closed in the loop's thread. `on_wakes` gets what operations left in
    `Transaction.wakes`, `on_foreign` is called when another process has committed."""

    def __init__(
        self,
        file: Path,
        *,
        is_synchronous_full: bool = False,
        on_wakes: Callable[[list[Any]], None] | None = None,
        on_foreign: Callable[[], None] | None = None,
    ) -> None:
        """Raises sqlite3.Error."""
        self._connection = connect(file, is_synchronous_full=is_synchronous_full)
        self._loop = asyncio.get_running_loop()
        self._on_wakes = on_wakes
        self._on_foreign = on_foreign
        self._operations: SimpleQueue[_Operation | None] = SimpleQueue()
        self._done: deque[_Done] = deque()
        self._wake_pending = False
        self.catch_up: Callable[[Transaction], None] | None = None
        """Runs, in the writer's thread, before the first operation that follows a commit of another
        process: what it leaves in `wakes` is told before what came later."""
        self._caught_up = -1
        self._thread = Thread(target=self._serve, name="funchost-durable-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Callable[[Transaction], T]) -> "asyncio.Future[T]":
        future: asyncio.Future[T] = self._loop.create_future()
        self._operations.put((future, operation))
        return future

    def close(self) -> None:
        """Waits for what has been submitted; its futures resolve when the loop runs next."""
        self._operations.put(None)
        self._thread.join()

    def _serve(self) -> None:
        version = self._data_version()
        due = time.monotonic() + _WATCH_SECONDS
        try:
            while True:
                group = self._next_group()
                if group is None:
                    return
                if group:
                    self._commit(group)
                if self._on_foreign is None or (now := time.monotonic()) < due:
                    continue
                due = now + _WATCH_SECONDS
                if (seen := self._data_version()) != version:
                    version = seen
                    self._tell_loop(foreign=True)
        finally:
            self._connection.close()

    def _next_group(self) -> list[_Operation] | None:
        """All that waits; empty after a while without any; None at the end."""
        try:
            first = self._operations.get(
                timeout=None if self._on_foreign is None else _WATCH_SECONDS
            )
        except Empty:
            return []
        group = []
        item: _Operation | None = first
        while item is not None:
            group.append(item)
            if len(group) == _LARGEST_GROUP or self._operations.empty():
                return group
            item = self._operations.get()
        if group:
            # The end comes after what was submitted before it.
            self._operations.put(None)
            return group
        return None

    def _commit(self, group: list[_Operation]) -> None:
        try:
            begin_writing(self._connection)
        except sqlite3.Error as error:
            # Others have held the database for longer than we wait.
            self._done.extend((future, error, None, []) for future, _ in group)
            self._tell_loop()
            return
        try:
            done = self._run(group)
        except BaseException as error:
            if len(group) == 1:
                done = [(group[0][0], error, None, [])]
            else:
                # One of them failed and took the others with it: each gets its own transaction.
                for operation in group:
                    self._commit([operation])
                return
        self._done.extend(done)
        self._tell_loop()

    def _run(self, group: list[_Operation]) -> list[_Done]:
        connection = self._connection
        try:
            done: list[_Done] = []
            self._catch_up()
            for future, operation in group:
                transaction = Transaction(connection)
                done.append((future, None, operation(transaction), transaction.wakes))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return done

    def _catch_up(self) -> None:
        catch_up, version = self.catch_up, self._data_version()
        if catch_up is None or version == self._caught_up:
            return
        transaction = Transaction(self._connection)
        catch_up(transaction)
        self._caught_up = version
        # Of others' commits, and so true even if this group comes to nothing.
        self._done.append((None, None, None, transaction.wakes))

    def _data_version(self) -> int:
        """Changes when another connection has committed, not with our own commits."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _tell_loop(self, *, foreign: bool = False) -> None:
        try:
            if foreign and self._on_foreign is not None:
                self._loop.call_soon_threadsafe(self._on_foreign)
            elif not self._wake_pending:
                self._wake_pending = True
                self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            return  # the loop has closed: nobody waits any more

    def _deliver(self) -> None:
        # Cleared first: whatever finishes from here on wakes the loop again.
        self._wake_pending = False
        while self._done:
            future, error, result, wakes = self._done.popleft()
            if wakes and self._on_wakes is not None:
                self._on_wakes(wakes)
            if future is None or future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
