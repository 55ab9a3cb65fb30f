"""The one thread that writes. All operations that wait when it gets to them share a transaction,
and so a single wait for the disk."""

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from funchost.servicebus.broker.catalogue import Catalogue, Container
from funchost.servicebus.broker.clock import BrokerClock
from funchost.servicebus.broker.errors import BrokerError, BrokerSuperseded, BrokerUnavailable
from funchost.servicebus.broker.interface import MessageCodec
from funchost.servicebus.broker.storage.schema import connect
from funchost.servicebus.broker.storage.takeover import Ownership, claim, take_over
from funchost.servicebus.broker.storage.transaction import Effects, SettledTokens, Transaction

__all__ = ["Done", "Operation", "Writer"]

_log = logging.getLogger("Host.ServiceBus.Broker")

_LARGEST_GROUP = 1000

Operation = Callable[[Transaction], Any]
Done = Callable[[Any, BrokerError | None], None]
"""Called on the loop with the result or the error, in the order in which the operations ran."""


@dataclass(slots=True)
class _Item:
    operation: Operation
    done: Done
    changes_first: bool
    durable: bool
    result: Any = None
    error: BrokerError | None = None
    effects: Effects | None = None


class Writer:
    """Belongs to the loop on which it was started."""

    def __init__(
        self,
        file: Path,
        catalogue: Catalogue,
        codec: MessageCodec,
        clock: BrokerClock,
        on_effects: Callable[[Effects], None],
        on_superseded: Callable[[], None],
    ) -> None:
        """`on_effects` is called on the loop after an operation's commit, before its `Done`."""
        self._file = file
        self._catalogue = catalogue
        self._codec = codec
        self._clock = clock
        self._on_effects = on_effects
        self._on_superseded = on_superseded
        self._settled = SettledTokens()
        self._queue: deque[_Item] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Takes the database over. Raises NamespaceError and BrokerUnavailable."""
        self._loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(
            target=self._run, args=(started,), name="service bus writer", daemon=True
        ).start()
        await started

    def submit(
        self, operation: Operation, done: Done, *, changes_first: bool = True, durable: bool = True
    ) -> None:
        """`changes_first` False promises that the operation raises, if it does, before its first
        change, which saves a savepoint. `durable` False is for operations whose loss with the
        machine's power would be no fault; a kill of the process loses no commit in any case."""
        with self._wake:
            if not self._stopping:
                self._queue.append(_Item(operation, done, changes_first, durable))
                self._wake.notify()
                return
        asyncio.get_running_loop().call_soon(done, None, BrokerUnavailable("It has stopped."))

    async def stop(self) -> None:
        """Returns when everything submitted before is done and the database is closed."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._loop is not None:
            await self._ended.wait()

    def _run(self, started: "asyncio.Future[None]") -> None:
        try:
            connection, ownership = self._open()
        except Exception as error:
            failure = error if not isinstance(error, sqlite3.Error) else _unavailable(error)
            self._call(_resolve, started, failure)
            self._call(self._ended.set)
            return
        self._call(_resolve, started, None)
        try:
            while group := self._next_group():
                self._process(connection, ownership, group)
        finally:
            connection.close()
            self._call(self._ended.set)

    def _open(self) -> tuple[sqlite3.Connection, Ownership]:
        connection = connect(self._file)
        try:
            connection.execute("BEGIN IMMEDIATE")
            ownership = claim(connection)
            transaction = self._transaction(connection)
            take_over(transaction, self._catalogue)
            transaction.flush()
            _store_sequences(connection, transaction.counted)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection, ownership

    def _next_group(self) -> list[_Item]:
        with self._wake:
            while not self._queue and not self._stopping:
                self._wake.wait()
            return [self._queue.popleft() for _ in range(min(len(self._queue), _LARGEST_GROUP))]

    def _process(
        self, connection: sqlite3.Connection, ownership: Ownership, group: Sequence[_Item]
    ) -> None:
        superseded = False
        begun: list[Transaction] = []
        try:
            self._commit(connection, ownership, group, begun)
        except Exception as error:
            if connection.in_transaction:
                connection.rollback()
            for transaction in reversed(begun):
                transaction.take_back()
            superseded = isinstance(error, BrokerSuperseded)
            if not superseded:
                _log.exception("The broker's database refused a commit; its callers are told.")
            failure = error if isinstance(error, BrokerSuperseded) else _unavailable(error)
            for item in group:
                item.result, item.error, item.effects = None, failure, None
        if superseded:
            with self._wake:
                self._stopping = True
        self._call(self._finish, group, superseded)

    def _commit(
        self,
        connection: sqlite3.Connection,
        ownership: Ownership,
        group: Sequence[_Item],
        begun: list[Transaction],
    ) -> None:
        durable = any(item.durable for item in group)
        connection.execute("PRAGMA synchronous = " + ("FULL" if durable else "NORMAL"))
        connection.execute("BEGIN IMMEDIATE")
        ownership.check(connection)
        settled: list[tuple[UUID, type]] = []
        counted: set[Container] = set()
        for item in group:
            transaction = self._transaction(connection)
            begun.append(transaction)
            if item.changes_first:
                connection.execute("SAVEPOINT operation")
            try:
                item.result = item.operation(transaction)
                transaction.flush()
            except sqlite3.Error:
                raise
            except Exception as error:
                item.error = _refusal(error)
                if not isinstance(error, BrokerError) and not item.changes_first:
                    raise
                transaction.take_back()
                if item.changes_first:
                    connection.execute("ROLLBACK TO operation")
            else:
                item.effects = transaction.effects
                settled += transaction.settled
            counted |= transaction.counted
            if item.changes_first:
                connection.execute("RELEASE operation")
        _store_sequences(connection, counted)
        connection.execute("COMMIT")
        for token, kind in settled:
            self._settled.add(token, kind)

    def _transaction(self, connection: sqlite3.Connection) -> Transaction:
        return Transaction(connection, self._codec, self._clock.now(), self._settled)

    def _finish(self, group: Sequence[_Item], superseded: bool) -> None:
        for item in group:
            try:
                if item.effects is not None:
                    self._on_effects(item.effects)
                item.done(item.result, item.error)
            except Exception:
                # One receiver's faulty callback must not keep the others' answers from them.
                _log.exception("A callback of the broker has failed.")
        if superseded:
            self._on_superseded()

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        loop = self._loop
        if loop is None:
            raise RuntimeError("the writer was not started")
        try:
            loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            # The loop was closed without a `stop`: nobody is left to be told.
            _log.debug("The broker's loop is gone.")


def _store_sequences(connection: sqlite3.Connection, containers: Iterable[Container]) -> None:
    connection.executemany(
        "UPDATE container SET last_sequence = ? WHERE number = ?",
        [(container.last_sequence, container.number) for container in containers],
    )


def _resolve(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _refusal(error: Exception) -> BrokerError:
    """What the caller of a failed operation is told; a fault of ours is his alone."""
    if isinstance(error, BrokerError):
        return error
    _log.error("An operation of the broker has failed.", exc_info=error)
    return BrokerError("The broker failed; its log says how.")


def _unavailable(error: Exception) -> BrokerUnavailable:
    return BrokerUnavailable(f"The broker's database cannot be written: {error}.")
