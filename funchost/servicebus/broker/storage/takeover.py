"""What a process does to the database before it serves: it becomes the owner, and brings the
entities on disk in line with those that are declared."""

import logging
import sqlite3
import uuid
from dataclasses import dataclass

from funchost.servicebus.broker.catalogue import Catalogue, Container
from funchost.servicebus.broker.errors import BrokerSuperseded
from funchost.servicebus.broker.interface import EntityKind
from funchost.servicebus.broker.namespace import NamespaceError
from funchost.servicebus.broker.storage.rules import restore_rules
from funchost.servicebus.broker.storage.schema import SEQUENCE_BITS, create_schema
from funchost.servicebus.broker.storage.timing import release_sessions
from funchost.servicebus.broker.storage.transaction import State, Transaction, message_id

__all__ = ["Ownership", "claim", "take_over"]

_log = logging.getLogger("Host.ServiceBus.Broker")


@dataclass(frozen=True, slots=True)
class Ownership:
    """Names one run of a broker in one process."""

    owner: str
    epoch: int

    def check(self, connection: sqlite3.Connection) -> None:
        """Inside a writing transaction: nobody can take over before that ends. Raises
        BrokerSuperseded, for a process that was asleep while another one took over."""
        row = connection.execute(
            "SELECT 1 FROM ownership WHERE owner = ? AND epoch = ?", (self.owner, self.epoch)
        ).fetchone()
        if row is None:
            raise BrokerSuperseded("Another process serves this broker now.")


def claim(connection: sqlite3.Connection) -> Ownership:
    """Makes the caller the owner, inside its transaction; the one before cannot commit any more."""
    create_schema(connection)
    owner = uuid.uuid4().hex
    (epoch,) = connection.execute(
        "INSERT INTO ownership VALUES (1, ?, 1) ON CONFLICT (only)"
        " DO UPDATE SET owner = excluded.owner, epoch = epoch + 1 RETURNING epoch",
        (owner,),
    ).fetchone()
    return Ownership(owner, epoch)


def take_over(transaction: Transaction, catalogue: Catalogue) -> None:
    """Numbers the containers. Locks stay as they are, except those of sessions. Messages of an
    entity that is not declared any more are kept aside until it is declared again. Raises
    NamespaceError where an entity that holds messages has changed between sessions and none."""
    connection = transaction.connection
    connection.execute("INSERT OR REPLACE INTO namespace VALUES (1, ?)", (catalogue.definition,))
    containers = catalogue.all()
    for container in containers:
        _number(connection, container)
    numbers = {container.number for container in containers}
    for number, path in connection.execute(
        "SELECT number, path FROM container WHERE declared"
    ).fetchall():
        if number not in numbers:
            _set_aside(connection, number, path)
    for container in containers:
        if container.entity.kind is EntityKind.SUBSCRIPTION:
            restore_rules(transaction, container)
        if container.entity.requires_session:
            release_sessions(transaction, container)


def _number(connection: sqlite3.Connection, container: Container) -> None:
    path = container.entity.path.lower()
    requires_session = container.entity.requires_session
    row = connection.execute(
        "SELECT number, last_sequence, requires_session, declared FROM container WHERE path = ?",
        (path,),
    ).fetchone()
    if row is None:
        (container.number,) = connection.execute(
            "INSERT INTO container (path, requires_session, declared, last_sequence)"
            " VALUES (?, ?, 1, 0) RETURNING number",
            (path, requires_session),
        ).fetchone()
        return
    container.number, container.last_sequence, had_sessions, declared = row
    if had_sessions != requires_session and _has_messages(connection, container):
        raise NamespaceError(
            f"{container.entity.path}: RequiresSession cannot change while the entity holds"
            " messages."
        )
    if not declared:
        _take_back(connection, container)
    connection.execute(
        "UPDATE container SET requires_session = ?, declared = 1 WHERE number = ?",
        (requires_session, container.number),
    )


def _has_messages(connection: sqlite3.Connection, container: Container) -> bool:
    last = message_id(container, (1 << SEQUENCE_BITS) - 1)
    return (
        connection.execute(
            "SELECT 1 FROM message WHERE id BETWEEN ? AND ? LIMIT 1",
            (message_id(container, 0), last),
        ).fetchone()
        is not None
    )


def _set_aside(connection: sqlite3.Connection, number: int, path: str) -> None:
    kept = connection.execute(
        "UPDATE message SET due = NULL, lock = NULL, state = CASE state WHEN ? THEN ? WHEN ? THEN ?"
        " ELSE state END WHERE id BETWEEN ? AND ?",
        (
            State.LOCKED,
            State.READY,
            State.DEFERRED_LOCKED,
            State.DEFERRED,
            number << SEQUENCE_BITS,
            (number + 1 << SEQUENCE_BITS) - 1,
        ),
    ).rowcount
    connection.execute("UPDATE container SET declared = 0 WHERE number = ?", (number,))
    if kept:
        _log.warning(
            "The entity '%s' is not declared any more; its %d messages are kept.", path, kept
        )


def _take_back(connection: sqlite3.Connection, container: Container) -> None:
    first = message_id(container, 0)
    last = message_id(container, (1 << SEQUENCE_BITS) - 1)
    connection.execute(
        "UPDATE message SET due = expires WHERE id BETWEEN ? AND ? AND state = ?",
        (first, last, State.READY),
    )
    connection.execute(
        "UPDATE message SET due = (SELECT scheduled_at FROM body WHERE body.id = message.id)"
        " WHERE id BETWEEN ? AND ? AND state = ?",
        (first, last, State.SCHEDULED),
    )
