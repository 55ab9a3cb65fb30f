"""The namespace that an operator means: a running broker of this machine, a stopped one, or any
other by its connection."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.aio.management import ServiceBusAdministrationClient

from funchost.servicebus.amqp.codec import AmqpMessageCodec
from funchost.servicebus.amqp.server import AmqpServer
from funchost.servicebus.broker.hosting import open_broker
from funchost.servicebus.broker.storage.schema import DATABASE_NAME
from funchost.servicebus.connections import (
    Connection,
    ConnectionSettingError,
    find_connection,
    local_connection_string,
    local_ports,
    parse_connection_string,
)
from funchost.servicebus.local_broker import (
    broker_folder,
    broker_lock,
    is_listening,
    listening_port,
)
from funchost.servicebus.loops import LoopThread
from funchost.servicebus.operator.management import ask
from funchost.servicebus.operator.rows import EntityRow, rows_of_answer, rows_of_namespace
from funchost.settings import SettingsError, read_local_settings

__all__ = ["LIST_ENTITIES", "Target", "open_target"]

LIST_ENTITIES = "funchost:list-entities"
_OPTION = "--connection"
_FEW_RETRIES: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.1}
"""Somebody waits, and can type it again."""


@dataclass(frozen=True)
class Target:
    """`local_port` is set for a broker of this project, which answers more than Azure does."""

    client: ServiceBusClient
    connection: Connection
    local_port: int | None

    async def rows(self) -> list[EntityRow]:
        """All queues, topics and subscriptions with their counts."""
        if self.local_port is not None:
            return rows_of_answer(await ask(self.local_port, LIST_ENTITIES) or {"entities": []})
        async with _administration(self.connection) as administration:
            return await rows_of_namespace(administration)


@asynccontextmanager
async def open_target(given: str | None, app_dir: Path, state: Path) -> AsyncIterator[Target]:
    """`given` is a setting's name or a connection string. Without it the broker in the state folder
    is meant, where there is one, else the connection that the app's settings have. Raises
    SettingsError."""
    connection = _connection(given, app_dir, state)
    if connection is not None and connection.local_port is None:
        async with _client(connection) as client:
            yield Target(client, connection, None)
        return
    if connection is not None and connection.local_port is not None:
        port: int | None = connection.local_port
        if await is_listening(connection.local_port):
            async with _client(connection) as client:
                yield Target(client, connection, port)
            return
    async with _state_port(state) as port:
        local = parse_connection_string(_OPTION, local_connection_string(port))
        async with _client(local) as client:
            yield Target(client, local, port)


def _connection(given: str | None, app_dir: Path, state: Path) -> Connection | None:
    """None means the broker in the state folder."""
    local = read_local_settings(app_dir)
    settings = {**local.values, **os.environ}
    for name, value in local.connection_strings.items():
        settings.setdefault(f"ConnectionStrings:{name}", value)
    try:
        if given is not None:
            if "endpoint=" in given.lower():
                return parse_connection_string(_OPTION, given)
            return find_connection(given, settings)
        if (broker_folder(state) / DATABASE_NAME).exists():
            return None
        return _only_connection(settings, state)
    except ConnectionSettingError as error:
        raise SettingsError(str(error)) from error


def _only_connection(settings: Mapping[str, str], state: Path) -> Connection:
    ports = local_ports(settings)
    if len(ports) == 1:
        (name,) = ports.values()
        return parse_connection_string(name, settings[name])
    try:
        return find_connection(None, settings)
    except ConnectionSettingError:
        raise SettingsError(
            f"There is no Service Bus broker in {state}, and no setting tells which namespace is "
            f"meant; name one with {_OPTION}, or the folder with --state."
        ) from None


@asynccontextmanager
async def _state_port(state: Path) -> AsyncIterator[int]:
    """Where the state's broker listens; a stopped one runs for as long as it is looked into."""
    folder = broker_folder(state)
    if not (folder / DATABASE_NAME).exists():
        raise SettingsError(f"There is no Service Bus broker in {state}, and none is running.")
    lock = broker_lock(state)
    if not lock.try_acquire():
        port = listening_port(state)
        if port is None or not await is_listening(port):
            raise SettingsError(f"The Service Bus broker of {state} is just starting; try again.")
        yield port
        return
    try:
        thread = LoopThread("funchost-bus")
        thread.start()
        broker = await thread.call(lambda: open_broker(folder, None, AmqpMessageCodec()))
        server = AmqpServer(broker)
        await thread.call(server.start)
        try:
            yield server.port
        finally:
            await thread.call(server.close)
            await thread.call(broker.stop)
            await thread.close()
    finally:
        lock.release()


@asynccontextmanager
async def _client(connection: Connection) -> AsyncIterator[ServiceBusClient]:
    if connection.connection_string is not None:
        async with ServiceBusClient.from_connection_string(
            connection.connection_string, **_FEW_RETRIES
        ) as client:
            yield client
        return
    async with (
        _credential(connection) as credential,
        ServiceBusClient(connection.namespace, credential, **_FEW_RETRIES) as client,
    ):
        yield client


@asynccontextmanager
async def _administration(connection: Connection) -> AsyncIterator[Any]:
    if connection.connection_string is not None:
        async with ServiceBusAdministrationClient.from_connection_string(
            connection.connection_string
        ) as administration:
            yield administration
        return
    async with (
        _credential(connection) as credential,
        ServiceBusAdministrationClient(connection.namespace, credential) as administration,
    ):
        yield administration


def _credential(connection: Connection) -> Any:
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential(managed_identity_client_id=connection.client_id)
