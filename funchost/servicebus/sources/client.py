"""The entities of any other connection, by azure-servicebus: Azure, the official emulator, or the
broker of another process."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import certifi
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage, TransportType
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.amqp import AmqpMessageBodyType
from azure.servicebus.exceptions import (
    MessageAlreadySettled,
    MessageLockLostError,
    MessagingEntityNotFoundError,
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from funchost.servicebus.connections import Connection
from funchost.servicebus.messages import OutgoingMessage, ReceivedMessage
from funchost.servicebus.options import ServiceBusOptions
from funchost.servicebus.sources.port import EntityError, LockLostError, SourceError

__all__ = ["ClientProvider", "received_message"]

T = TypeVar("T")

_SLICE_SECONDS = 1.0
"""The SDK's calls must not be cut off halfway, so a cancelled receive lasts at most so long."""
OPEN_SECONDS = 10.0
"""To connect and sign in, before a wait for a session begins."""
_NEVER_YEAR = 9999


class ClientProvider:
    def __init__(
        self,
        connection: Connection,
        options: ServiceBusOptions,
        *,
        open_seconds: float = OPEN_SECONDS,
    ) -> None:
        """Within a running loop. Raises SourceError for a connection that the SDK refuses."""
        # The SDK tells every step of its protocol; an app may still ask for that.
        _quieten("azure.servicebus", logging.WARNING)
        # And that it could not close what it has given up, with a page for each.
        _quieten("azure.servicebus.aio._async_utils", logging.ERROR)
        retry = options.retry
        settings: dict[str, Any] = {
            "retry_total": retry.max_retries,
            "retry_backoff_factor": retry.delay,
            "retry_backoff_max": retry.max_delay,
            "retry_mode": retry.mode,
            # Without it the SDK waits for ever where a namespace takes a connection and then says
            # nothing.
            "try_timeout": retry.try_timeout,
            "transport_type": (
                TransportType.AmqpOverWebsocket if options.web_sockets else TransportType.Amqp
            ),
            "ssl_context": _authorities(),
        }
        # That no session had messages the SDK takes for a failure, after which it pauses: a session
        # that gets one meanwhile would wait for it. Whoever listens asks again at once.
        for_sessions = {
            **settings,
            "retry_total": 0,
            "try_timeout": retry.try_timeout + open_seconds,
        }
        self._credential: Any = None
        try:
            if connection.connection_string is None:
                from azure.identity.aio import DefaultAzureCredential

                self._credential = DefaultAzureCredential(
                    managed_identity_client_id=connection.client_id,
                    workload_identity_client_id=connection.client_id,
                    interactive_browser_tenant_id=connection.tenant_id,
                )
            self._client = _client(connection, self._credential, settings)
            self._sessions = _client(connection, self._credential, for_sessions)
        except ValueError as error:
            raise SourceError(f"The connection '{connection.setting}' is wrong: {error}") from error

    def source(self, entity: str) -> "ClientSource":
        return ClientSource(self._client, self._sessions, entity)

    async def close(self) -> None:
        async with AsyncExitStack() as stack:
            if self._credential is not None:
                stack.push_async_callback(self._credential.close)
            stack.push_async_callback(self._sessions.close)
            stack.push_async_callback(self._client.close)


def _client(connection: Connection, credential: Any, settings: dict[str, Any]) -> ServiceBusClient:
    if connection.connection_string is None:
        return ServiceBusClient(connection.namespace, credential, **settings)
    return ServiceBusClient.from_connection_string(connection.connection_string, **settings)


def _quieten(name: str, level: int) -> None:
    logger = logging.getLogger(name)
    if logger.level == logging.NOTSET:
        logger.setLevel(level)


@cache
def _authorities() -> ssl.SSLContext:
    """Whom the SDK would trust. Left to itself it reads all their certificates anew for each
    connection, also where it uses no TLS: 25 ms of CPU, during which the host stands still."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context


class ClientSource:
    def __init__(self, client: ServiceBusClient, sessions: ServiceBusClient, entity: str) -> None:
        self._client = client
        self._sessions = sessions
        self._entity = entity
        self._sender: Any = None
        self._sending = asyncio.Lock()

    async def open(self, prefetch: int) -> "ClientReceiver":
        receiver = self._client.get_queue_receiver(self._entity, prefetch_count=prefetch)
        await _opened(receiver)
        return ClientReceiver(receiver)

    async def next_session(self, wait: float) -> "ClientSessionReceiver | None":
        receiver = self._sessions.get_queue_receiver(
            self._entity, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=wait
        )
        try:
            await _opened(receiver)
        except _NoSession:
            return None
        return ClientSessionReceiver(receiver)

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        outgoing = [
            ServiceBusMessage(
                message.body, message_id=message.message_id, content_type=message.content_type
            )
            for message in messages
        ]
        async with self._sending:
            if self._sender is None:
                self._sender = self._client.get_queue_sender(self._entity)
            await _translated(self._sender.send_messages(outgoing))

    async def close(self) -> None:
        if self._sender is not None:
            await self._sender.close()


class ClientReceiver:
    def __init__(self, receiver: Any) -> None:
        self._receiver = receiver
        self._asked = 1

    async def receive(self, count: int, wait: float) -> Sequence[ReceivedMessage]:
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        while (left := end - loop.time()) > 0:
            receiving = asyncio.ensure_future(self._receive_slice(count, min(left, _SLICE_SECONDS)))
            try:
                messages = await asyncio.shield(receiving)
            except asyncio.CancelledError:
                await asyncio.wait([receiving])
                if receiving.exception() is None:
                    await self.release(receiving.result())
                raise
            if messages:
                return messages
        return []

    async def complete(self, message: ReceivedMessage) -> None:
        await _translated(self._receiver.complete_message(message.handle))

    async def abandon(self, message: ReceivedMessage) -> None:
        await _translated(self._receiver.abandon_message(message.handle))

    async def release(self, messages: Sequence[ReceivedMessage]) -> None:
        """The SDK has no call for it, so that the delivery counts."""
        for message in messages:
            try:
                await self.abandon(message)
            except SourceError:
                continue  # its lock ends by itself

    async def renew(self, message: ReceivedMessage) -> datetime:
        until: datetime = await _translated(self._receiver.renew_message_lock(message.handle))
        return until

    async def close(self) -> None:
        """The SDK gives back what it has fetched."""
        try:
            await self._receiver.close()
        except ServiceBusError:
            return  # the connection is gone, which is what was wanted

    async def _receive_slice(self, count: int, wait: float) -> list[ReceivedMessage]:
        # After the first of several messages the SDK waits 0.2 s for the others, which one message
        # alone would pay for: so it is asked for one until that has come, then for twice as many
        # each time that all came.
        asked = min(count, self._asked)
        messages = await _translated(
            self._receiver.receive_messages(max_message_count=asked, max_wait_time=wait)
        )
        self._asked = 2 * asked if len(messages) == asked else 1
        return [received_message(message) for message in messages]


class ClientSessionReceiver(ClientReceiver):
    @property
    def session_id(self) -> str:
        return str(self._receiver.session.session_id)

    @property
    def locked_until(self) -> datetime:
        until: datetime = self._receiver.session.locked_until_utc
        return until

    async def renew(self) -> datetime:  # type: ignore[override]  # the session's lock, not a message's
        try:
            return await self._renewed()
        except LockLostError:
            raise
        except SourceError:  # the client for sessions does not try again by itself
            return await self._renewed()

    async def _renewed(self) -> datetime:
        until: datetime = await _translated(self._receiver.session.renew_lock())
        return until


class _NoSession(SourceError):
    """No session became available in time."""


async def _opened(receiver: Any) -> None:
    opening = asyncio.ensure_future(_translated(receiver.__aenter__()))
    try:
        await asyncio.shield(opening)
    except BaseException:
        # On Python 3.11 the SDK forgets that it was cancelled where a frame, or the end of its
        # connection, comes at the same moment (asyncio.wait_for, bpo-37658).
        while not opening.done():
            opening.cancel()
            await asyncio.wait([opening], timeout=_SLICE_SECONDS)
        if not opening.cancelled():
            opening.exception()  # read, or it would be told as never retrieved
        # With its connection goes a session that it may just have been given.
        await receiver.close()
        raise


async def _translated(operation: Awaitable[T]) -> T:
    try:
        return await operation
    except (OperationTimeoutError, SessionCannotBeLockedError) as error:
        raise _NoSession(str(error)) from error
    except MessagingEntityNotFoundError as error:
        raise EntityError(str(error)) from error
    except (MessageLockLostError, SessionLockLostError, MessageAlreadySettled) as error:
        raise LockLostError(str(error)) from error
    except (ServiceBusError, OSError, ValueError) as error:
        # ValueError: what the SDK raises for a handler that was shut down, among others.
        raise SourceError(str(error)) from error


def received_message(message: Any) -> ReceivedMessage:
    expires = message.expires_at_utc
    return ReceivedMessage(
        body=_body(message),
        sequence_number=message.sequence_number,
        delivery_count=(message.delivery_count or 0) + 1,
        lock_token=str(message.lock_token),
        enqueued_time=message.enqueued_time_utc,
        expires_at=None if expires is None or expires.year >= _NEVER_YEAR else expires,
        locked_until=message.locked_until_utc,
        message_id=_text(message.message_id),
        content_type=_text(message.content_type),
        correlation_id=_text(message.correlation_id),
        subject=_text(message.subject),
        to=_text(message.to),
        reply_to=_text(message.reply_to),
        reply_to_session_id=_text(message.reply_to_session_id),
        session_id=_text(message.session_id),
        partition_key=_text(message.partition_key),
        dead_letter_source=_text(message.dead_letter_source),
        application_properties=_properties(message.application_properties),
        handle=message,
    )


def _body(message: Any) -> Any:
    if message.body_type == AmqpMessageBodyType.VALUE:
        return message.body
    parts = list(message.body)
    if message.body_type == AmqpMessageBodyType.DATA:
        return b"".join(parts)
    return [item for part in parts for item in part]


def _properties(properties: Mapping[Any, Any] | None) -> dict[str, Any]:
    return {_plain(name): _plain(value) for name, value in (properties or {}).items()}


def _plain(value: Any) -> Any:
    """The SDK hands over text as it was encoded."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _text(value: Any) -> str | None:
    return None if value is None else str(_plain(value))
