"""The broker, put together."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from funchost.servicebus.broker.catalogue import Catalogue, Container
from funchost.servicebus.broker.clock import BrokerClock
from funchost.servicebus.broker.due_timer import DueTimer
from funchost.servicebus.broker.errors import (
    ArgumentOutOfRange,
    BrokerError,
    BrokerSuperseded,
    BrokerUnavailable,
    EntityNotFound,
    MessageSizeExceeded,
    NotAllowed,
    SessionLockLost,
)
from funchost.servicebus.broker.interface import (
    MAX_MESSAGE_BYTES,
    NEXT_SESSION,
    Complete,
    Entity,
    EntityCounts,
    EntityKind,
    IncomingMessage,
    MessageCodec,
    NextSession,
    Outcome,
    ReceiveMode,
    Receiver,
    StoredMessage,
)
from funchost.servicebus.broker.receiving import Feed, LinkReceiver, SessionHandle
from funchost.servicebus.broker.rules.rule import Rule
from funchost.servicebus.broker.sessions import HeldSession, SessionTable
from funchost.servicebus.broker.storage import reading
from funchost.servicebus.broker.storage.delivery import receive_deferred
from funchost.servicebus.broker.storage.routing import accept, cancel_scheduled
from funchost.servicebus.broker.storage.rules import add_rule, remove_rule
from funchost.servicebus.broker.storage.schema import connect_reader
from funchost.servicebus.broker.storage.session_state import (
    read_session_state,
    write_session_state,
)
from funchost.servicebus.broker.storage.settlement import renew_locks, settle
from funchost.servicebus.broker.storage.timing import release_session
from funchost.servicebus.broker.storage.transaction import Effects, FeedKey, Transaction
from funchost.servicebus.broker.storage.writer import Writer

__all__ = ["ServiceBroker"]

T = TypeVar("T")

_MAX_PEEKED = 1000


class ServiceBroker:
    """Implements `Broker` on one database file. Only one of them may serve a file; of two, the one
    that was started first can commit nothing more."""

    def __init__(
        self, file: Path, catalogue: Catalogue, codec: MessageCodec, clock: BrokerClock
    ) -> None:
        self._file = file
        self._catalogue = catalogue
        self._clock = clock
        self._writer = Writer(file, catalogue, codec, clock, self._on_effects, self._on_superseded)
        self._reader = ThreadPoolExecutor(1, "service bus reader")
        self._reading: sqlite3.Connection | None = None
        self._containers: dict[int, Container] = {}
        self._timer = DueTimer(self._writer, clock, self._containers)
        self._feeds: dict[FeedKey, Feed] = {}
        self._tables: dict[int, SessionTable] = {}
        self._receivers: set[LinkReceiver] = set()
        self._stopped = False

    async def start(self) -> None:
        """Takes the database over. Raises NamespaceError and BrokerUnavailable."""
        await self._writer.start()
        self._reading = connect_reader(self._file)
        for container in self._catalogue.all():
            self._containers[container.number] = container
            if container.entity.requires_session:
                self._tables[container.number] = SessionTable(
                    container,
                    self._clock,
                    partial(self._find_session, container),
                    partial(self._expire_session, container),
                )
        self._timer.at(self._clock.now())

    def entity(self, path: str) -> Entity:
        return self._catalogue.find(path).entity

    def entities(self) -> Sequence[Entity]:
        return [container.entity for container in self._catalogue.all()]

    def send(self, path: str, messages: Sequence[IncomingMessage]) -> asyncio.Future[list[int]]:
        try:
            container = self._catalogue.find(path)
            if not container.entity.can_send:
                raise NotAllowed(f"'{path}' is a {container.entity.kind.value}: it takes no sends.")
            size = sum(len(message.encoded) for message in messages)
            if size > MAX_MESSAGE_BYTES:
                raise MessageSizeExceeded(
                    f"The received message (size: {size} bytes) exceeds the limit "
                    f"(size: {MAX_MESSAGE_BYTES} bytes) of '{path}'."
                )
        except BrokerError as error:
            return _failed(error)
        messages = tuple(messages)
        return self._submit(lambda transaction: accept(transaction, container, messages))

    def schedule(self, path: str, messages: Sequence[IncomingMessage]) -> asyncio.Future[list[int]]:
        return self.send(path, messages)

    def cancel_scheduled(self, path: str, sequence_numbers: Sequence[int]) -> asyncio.Future[None]:
        try:
            container = self._catalogue.find(path)
        except EntityNotFound as error:
            return _failed(error)
        numbers = tuple(sequence_numbers)
        return self._submit(lambda transaction: cancel_scheduled(transaction, container, numbers))

    async def open_receiver(
        self,
        path: str,
        mode: ReceiveMode,
        on_messages: Callable[[Sequence[StoredMessage]], None],
        on_closed: Callable[[BrokerError], None],
        *,
        session: str | NextSession | None = None,
        wait_seconds: float | None = None,
    ) -> Receiver:
        container = self._receivable(path)
        _check_session_use(container, session is not None)
        self._check_running()
        table = self._tables.get(container.number)
        if table is None or session is None:
            feed = self._feeds.setdefault((container.number, None), Feed())
            return self._make_receiver(container, mode, feed, on_messages, on_closed)
        if session is NEXT_SESSION:
            held = await table.hold_next(wait_seconds)
        else:
            held = await table.hold(session)
        feed = self._feeds[container.number, held.session_id] = Feed()
        receiver = self._make_receiver(container, mode, feed, on_messages, on_closed)
        held.receiver = receiver
        receiver.session = self._session_handle(container, table, held)
        return receiver

    def settle(
        self, path: str, lock_tokens: Sequence[UUID], outcome: Outcome
    ) -> asyncio.Future[None]:
        try:
            container = self._receivable(path)
        except BrokerError as error:
            return _failed(error)
        tokens = tuple(lock_tokens)
        return self._submit(
            lambda transaction: settle(transaction, container, tokens, outcome),
            changes_first=len(tokens) > 1 or not isinstance(outcome, Complete),
        )

    def renew_locks(self, path: str, lock_tokens: Sequence[UUID]) -> asyncio.Future[list[int]]:
        try:
            container = self._receivable(path)
            if container.entity.requires_session:
                raise NotAllowed(f"'{path}' locks sessions, not messages.")
        except BrokerError as error:
            return _failed(error)
        tokens = tuple(lock_tokens)
        return self._submit(lambda transaction: renew_locks(transaction, container, tokens))

    def receive_deferred(
        self,
        path: str,
        sequence_numbers: Sequence[int],
        mode: ReceiveMode,
        *,
        session_id: str | None = None,
    ) -> asyncio.Future[list[StoredMessage]]:
        try:
            container = self._receivable(path)
            table = self._tables.get(container.number)
            if table is None:
                session_id = None
            elif session_id is None:
                raise SessionLockLost(f"'{path}' has sessions, and none is named.")
            else:
                table.receiver(session_id)
        except BrokerError as error:
            return _failed(error)
        numbers = tuple(sequence_numbers)
        return self._submit(
            lambda transaction: receive_deferred(transaction, container, numbers, mode, session_id)
        )

    async def peek(
        self,
        path: str,
        from_sequence_number: int,
        count: int,
        *,
        session_id: str | None = None,
    ) -> Sequence[StoredMessage]:
        if count < 1:
            raise ArgumentOutOfRange(f"A peek needs a positive number of messages, not {count}.")
        container = self._catalogue.find(path)
        limit = min(count, _MAX_PEEKED)
        return await self._read(
            lambda connection: reading.peek(
                connection, container, from_sequence_number, limit, session_id
            )
        )

    def session_holder(self, path: str, session_id: str) -> Receiver:
        table = self._tables.get(self._catalogue.find(path).number)
        if table is None:
            raise SessionLockLost(f"'{path}' has no sessions.")
        return table.receiver(session_id)

    async def sessions(
        self, path: str, *, skip: int, top: int, updated_after: int | None = None
    ) -> Sequence[str]:
        container = self._catalogue.find(path)
        if not container.entity.requires_session:
            return []
        return await self._read(
            lambda connection: reading.sessions(
                connection, container, max(skip, 0), max(top, 0), updated_after
            )
        )

    def rules(self, path: str) -> asyncio.Future[Sequence[Rule]]:
        return self._of_subscription(path, lambda _, container: container.rules)

    def add_rule(self, path: str, rule: Rule) -> asyncio.Future[None]:
        return self._of_subscription(path, partial(add_rule, rule=rule))

    def remove_rule(self, path: str, name: str) -> asyncio.Future[None]:
        return self._of_subscription(path, partial(remove_rule, name=name))

    def _of_subscription(
        self, path: str, operation: Callable[[Transaction, Container], T]
    ) -> asyncio.Future[T]:
        try:
            container = self._catalogue.find(path)
            if container.entity.kind is not EntityKind.SUBSCRIPTION:
                raise NotAllowed(f"'{path}' is no subscription: it has no rules.")
        except BrokerError as error:
            return _failed(error)
        return self._submit(lambda transaction: operation(transaction, container))

    async def counts(self) -> Sequence[EntityCounts]:
        return [
            await self._read(partial(reading.count, container=container))
            for container in self._catalogue.all()
        ]

    async def stop(self) -> None:
        # One that was superseded has ended already and has its files to close all the same.
        self._end(BrokerUnavailable("The broker has stopped."))
        await self._writer.stop()
        await asyncio.get_running_loop().run_in_executor(None, self._reader.shutdown)
        reading_connection, self._reading = self._reading, None
        if reading_connection is not None:
            reading_connection.close()

    def _receivable(self, path: str) -> Container:
        container = self._catalogue.find(path)
        if not container.entity.can_receive:
            raise NotAllowed(f"'{path}' is a topic: its messages are at its subscriptions.")
        return container

    def _check_running(self) -> None:
        if self._stopped:
            raise BrokerUnavailable("The broker has stopped.")

    def _submit(
        self,
        operation: Callable[[Transaction], T | BrokerError],
        *,
        changes_first: bool = True,
        durable: bool = True,
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_note_error)
        self._writer.submit(
            operation, partial(_conclude, future), changes_first=changes_first, durable=durable
        )
        return future

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        self._check_running()
        reading_connection = self._reading
        if reading_connection is None:
            raise BrokerUnavailable("The broker has not been started.")
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._reader, read, reading_connection
            )
        except sqlite3.Error as error:
            raise BrokerUnavailable(f"The broker's database cannot be read: {error}.") from error

    def _make_receiver(
        self,
        container: Container,
        mode: ReceiveMode,
        feed: Feed,
        on_messages: Callable[[Sequence[StoredMessage]], None],
        on_closed: Callable[[BrokerError], None],
    ) -> LinkReceiver:
        receiver = LinkReceiver(
            container, mode, self._writer, feed, on_messages, on_closed, self._receivers.discard
        )
        self._receivers.add(receiver)
        return receiver

    def _session_handle(
        self, container: Container, table: SessionTable, held: HeldSession
    ) -> SessionHandle:
        def write_state(state: bytes | None) -> asyncio.Future[None]:
            if state is not None and len(state) > MAX_MESSAGE_BYTES:
                return _failed(
                    MessageSizeExceeded(f"A session's state has at most {MAX_MESSAGE_BYTES} bytes.")
                )
            return self._submit(
                lambda transaction: write_session_state(
                    transaction.connection, container, held.session_id, state, transaction.now
                )
            )

        return SessionHandle(
            held,
            renew=lambda: table.renew(held),
            read_state=lambda: self._read(
                lambda connection: read_session_state(connection, container, held.session_id)
            ),
            write_state=write_state,
            give_up=lambda: table.give_up(held),
            release=lambda: self._release_session(container, held),
        )

    async def _find_session(
        self, container: Container, after: str | None, held: Sequence[str]
    ) -> str | None:
        return await self._read(
            lambda connection: reading.next_session(connection, container, after, frozenset(held))
        )

    def _expire_session(self, container: Container, held: HeldSession) -> None:
        receiver = held.receiver
        if receiver is not None:
            self._release_session(container, held)
            receiver.end(SessionLockLost(f"The lock of session '{held.session_id}' has expired."))

    def _release_session(self, container: Container, held: HeldSession) -> asyncio.Future[bool]:
        """The session is taken by nobody until its messages are back in their places."""
        self._tables[container.number].give_up(held)
        self._feeds.pop((container.number, held.session_id), None)
        # Locks die with the process, so the disk need not be waited for.
        releasing: asyncio.Future[bool] = self._submit(
            lambda transaction: release_session(transaction, container, held.session_id),
            durable=False,
        )
        releasing.add_done_callback(
            lambda done: self._tables[container.number].free(
                held, is_empty=not done.cancelled() and done.exception() is None and done.result()
            )
        )
        return releasing

    def _on_effects(self, effects: Effects) -> None:
        self._timer.at(effects.due)
        for key, count in effects.ready.items():
            number, session_id = key
            feed = self._feeds.get(key)
            if feed is not None:
                feed.announce(count)
            elif session_id is not None:
                self._tables[number].announce(session_id)

    def _on_superseded(self) -> None:
        self._end(BrokerSuperseded("Another process serves this broker now."))

    def _end(self, error: BrokerError) -> None:
        self._stopped = True
        self._timer.stop()
        for receiver in list(self._receivers):
            receiver.end(error)
        for table in self._tables.values():
            table.wake_all()


def _check_session_use(container: Container, uses_session: bool) -> None:
    if container.entity.requires_session and not uses_session:
        raise NotAllowed(
            "It is not possible for an entity that requires sessions to create a non-sessionful "
            "message receiver."
        )
    if uses_session and not container.entity.requires_session:
        raise NotAllowed(
            "A sessionful message receiver cannot be created on an entity that does not require "
            f"sessions: '{container.entity.path}'."
        )


def _conclude(
    future: "asyncio.Future[T]", result: T | BrokerError, error: BrokerError | None
) -> None:
    if future.done():
        return
    if error is None and isinstance(result, BrokerError):
        error = result
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)  # type: ignore[arg-type]


def _failed(error: BrokerError) -> asyncio.Future[T]:
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.add_done_callback(_note_error)
    future.set_exception(error)
    return future


def _note_error(future: "asyncio.Future[T]") -> None:
    """An operation that nobody waits for may fail without a word from asyncio."""
    if not future.cancelled():
        future.exception()
