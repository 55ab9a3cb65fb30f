"""What one operation sees of the database, and what it tells the loop when it is committed."""

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import chain
from uuid import UUID

from funchost.servicebus.broker.catalogue import Container
from funchost.servicebus.broker.interface import MessageCodec
from funchost.servicebus.broker.storage.schema import SEQUENCE_BITS

__all__ = [
    "Effects",
    "FeedKey",
    "NewMessage",
    "SettledTokens",
    "State",
    "Transaction",
    "make_locks",
    "message_id",
    "message_lock",
    "sequence_of",
    "token_of",
]

_LOCK_BITS = 64
_SEQUENCE_MASK = (1 << SEQUENCE_BITS) - 1
_REMEMBERED_TOKENS = 20_000
_ROWS_PER_STATEMENT = 20


class State(IntEnum):
    """Of a row in `message`."""

    READY = 0
    LOCKED = 1
    DEFERRED = 2
    DEFERRED_LOCKED = 3
    SCHEDULED = 4


FeedKey = tuple[int, str | None]
"""What receivers wait for: a container's number and, where it requires sessions, the session."""


@dataclass(slots=True)
class Effects:
    """`ready` counts messages that became available; `due` is the earliest time at which something
    that the operation wrote ends by itself."""

    ready: dict[FeedKey, int] = field(default_factory=dict)
    due: int | None = None

    def announce(self, container: int, session: str | None) -> None:
        key = (container, session)
        self.ready[key] = self.ready.get(key, 0) + 1

    def at(self, due: int | None) -> None:
        if due is not None and (self.due is None or due < self.due):
            self.due = due


class SettledTokens:
    """The last outcomes by lock token, of this process only. Belongs to the writer's thread."""

    def __init__(self) -> None:
        self._kinds: OrderedDict[UUID, type] = OrderedDict()

    def add(self, token: UUID, kind: type) -> None:
        self._kinds[token] = kind
        if len(self._kinds) > _REMEMBERED_TOKENS:
            self._kinds.popitem(last=False)

    def has(self, token: UUID, kind: type) -> bool:
        return self._kinds.get(token) is kind


@dataclass(slots=True)
class NewMessage:
    """On its way to a place. `enqueued_sequence` is 0 until the first entity has numbered it."""

    encoded: bytes
    session_id: str | None
    message_id: str | None
    time_to_live: int | None
    scheduled_at: int | None = None
    enqueued_sequence: int = 0
    hops: int = 0
    dead_letter_source: str | None = None


class Transaction:
    """One operation within the transaction of a group. Inserted messages are written by `flush`,
    which the writer calls at the operation's end."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        codec: MessageCodec,
        now: int,
        settled: SettledTokens,
    ) -> None:
        self.connection = connection
        self.codec = codec
        self.now = now
        self.effects = Effects()
        self.settled_before = settled
        self.settled: list[tuple[UUID, type]] = []
        self.counted: set[Container] = set()
        """Containers whose `last_sequence` has changed."""
        self.undo: list[Callable[[], None]] = []
        """What is to be done to memory should the operation not be committed."""
        self._messages: list[tuple[object, ...]] = []
        self._bodies: list[tuple[object, ...]] = []

    def take_back(self) -> None:
        while self.undo:
            self.undo.pop()()

    def next_sequence(self, container: Container) -> int:
        container.last_sequence += 1
        self.counted.add(container)
        return container.last_sequence

    def insert(
        self,
        container: Container,
        sequence: int,
        message: NewMessage,
        state: State,
        *,
        due: int | None = None,
        expires: int | None = None,
        enqueued_at: int | None = None,
        time_to_live: int | None = None,
        deliveries: int = 0,
    ) -> None:
        """`due` is for scheduled messages; one that is ready is due when it expires."""
        row = message_id(container, sequence)
        session = message.session_id if container.entity.requires_session else None
        due = expires if state is State.READY else due
        self._messages.append(
            (row, container.number, state, session, due, None, deliveries, expires)
        )
        self._bodies.append(
            (
                row,
                message.enqueued_sequence or sequence,
                self.now if enqueued_at is None else enqueued_at,
                message.scheduled_at,
                time_to_live,
                message.session_id,
                message.dead_letter_source,
                message.hops,
                message.encoded,
            )
        )
        self.effects.at(due)
        if state is State.READY:
            self.effects.announce(container.number, session)

    def flush(self) -> None:
        if self._messages:
            _insert(self.connection, "message", self._messages)
            _insert(self.connection, "body", self._bodies)
            self._messages.clear()
            self._bodies.clear()

    def delete(self, row: int) -> None:
        self.connection.execute("DELETE FROM message WHERE id = ?", (row,))
        self.connection.execute("DELETE FROM body WHERE id = ?", (row,))


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Many rows in one statement: every step of a statement lets go of the interpreter and must get
    it back from a loop that is busy."""
    values = f"({', '.join('?' * len(rows[0]))})"
    full = len(rows) - len(rows) % _ROWS_PER_STATEMENT
    if full:
        statement = f"INSERT INTO {table} VALUES {', '.join([values] * _ROWS_PER_STATEMENT)}"  # noqa: S608
        connection.executemany(
            statement,
            (
                tuple(chain.from_iterable(rows[start : start + _ROWS_PER_STATEMENT]))
                for start in range(0, full, _ROWS_PER_STATEMENT)
            ),
        )
    if full < len(rows):
        connection.executemany(f"INSERT INTO {table} VALUES {values}", rows[full:])  # noqa: S608


def message_id(container: Container, sequence: int) -> int:
    """0, which no message has, for a number that a client made up and that would lead into another
    container."""
    if not 0 <= sequence <= _SEQUENCE_MASK:
        return 0
    return container.number << SEQUENCE_BITS | sequence


def sequence_of(row: int) -> int:
    return row & _SEQUENCE_MASK


def make_locks(count: int) -> list[int]:
    """Random, so that no token can be guessed or comes twice; they fit SQLite's signed integers."""
    noise = os.urandom(8 * count)
    return [int.from_bytes(noise[i : i + 8], "big") >> 1 for i in range(0, 8 * count, 8)]


def token_of(row: int, lock: int) -> UUID:
    """A lock token tells the message that it locks, so that no index of tokens is needed."""
    return UUID(int=row << _LOCK_BITS | lock)


def message_lock(token: UUID) -> tuple[int, int]:
    """The row and the lock. A token that was not made here may give a row beyond SQLite's
    integers, which are never found: they are given as 0."""
    row, lock = token.int >> _LOCK_BITS, token.int & (1 << _LOCK_BITS) - 1
    largest = 1 << 63
    return (row, lock) if row < largest and lock < largest else (0, 0)
