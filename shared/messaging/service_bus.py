"""Publishing to Azure Service Bus, by its own SDK wherever we run.

By the SDK's asynchronous half, on a thread of its own: the other half waits for ever where a
namespace takes a connection and then says nothing, since it negotiates on a blocking socket
(azure-servicebus 7.15), and a thread that waits in a socket cannot be called back.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.contracts.envelope import CONTENT_TYPE
from shared.messaging.publisher import Message, PublishFailed
from shared.telemetry import Span, span

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusMessage
    from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

OPEN_SECONDS = 10.0
"""To open a link, with all tries: name, connection, TLS, sign-in."""
RETRIES = 2
BACKOFF_SECONDS = 0.2
_CLOSE_SECONDS = 2.0


class ServiceBusPublisher:
    """Keeps a link open for each destination, which sends one batch at a time. What fails on a link
    that was kept is sent once more on a new one: the old one may have died since it was used."""

    def __init__(
        self, connect: "Callable[[], ServiceBusClient]", *, open_seconds: float = OPEN_SECONDS
    ) -> None:
        self._connect = connect
        self._open_seconds = open_seconds
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        # What follows belongs to the loop.
        self._client: ServiceBusClient | None = None
        self._senders: dict[str, _Sender] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def publish(self, destination: str, messages: Sequence[Message], patience: float) -> None:
        """`patience` is for each batch on each link; opening a link has its own."""
        self._call(self._publish(destination, messages, patience))

    def check(self, destination: str) -> None:
        """That we are taken in, and `destination` is there. Raises PublishFailed."""
        self._call(self._check(destination))

    def close(self) -> None:
        with self._starting:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="service-bus", daemon=True
                )
                self._thread.start()
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _publish(
        self, destination: str, messages: Sequence[Message], patience: float
    ) -> None:
        sender = self._senders.setdefault(destination, _Sender(destination))
        with _failures(destination):
            async with sender.lock:
                is_kept = sender.link is not None
                with _observed(destination, messages):
                    try:
                        await self._send(sender, messages, patience)
                    except _errors():
                        if not is_kept:
                            raise
                        await self._send(sender, messages, patience)

    async def _send(self, sender: "_Sender", messages: Sequence[Message], patience: float) -> None:
        is_open = sender.link is not None
        link = sender.link = sender.link or self._link(sender.destination)
        try:
            await self._send_on(link, messages, patience, is_open=is_open)
        except BaseException:
            sender.link = None  # one that failed is not trusted again
            self._let_go(link)
            raise

    async def _send_on(
        self,
        link: "ServiceBusSender",
        messages: Sequence[Message],
        patience: float,
        *,
        is_open: bool,
    ) -> None:
        from azure.servicebus.exceptions import MessageSizeExceededError

        waiting = [_as_sent(message) for message in messages]
        # One alone the SDK need not encode once more to see whether it fits.
        if len(waiting) == 1 and is_open:
            await asyncio.wait_for(link.send_messages(waiting[0]), patience)
            return
        while waiting:
            batch = await asyncio.wait_for(link.create_message_batch(), self._open_seconds)
            taken = 0
            for message in waiting:
                try:
                    batch.add_message(message)
                except MessageSizeExceededError:
                    if not taken:
                        raise
                    break
                taken += 1
            await asyncio.wait_for(link.send_messages(batch), patience)
            del waiting[:taken]

    async def _check(self, destination: str) -> None:
        with _failures(destination):
            link = self._link(destination)
            try:
                await asyncio.wait_for(link.create_message_batch(), self._open_seconds)
            finally:
                self._let_go(link)

    def _link(self, destination: str) -> "ServiceBusSender":
        if self._client is None:
            self._client = self._connect()
        return self._client.get_queue_sender(destination)  # a topic's is the same

    def _let_go(self, link: Any) -> None:
        """Nobody waits for its good-bye."""
        task = asyncio.get_running_loop().create_task(_closed(link))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self) -> None:
        for sender in list(self._senders.values()):
            async with sender.lock:
                if sender.link is not None:
                    self._let_go(sender.link)
        self._senders.clear()
        await asyncio.gather(*self._closing)
        if self._client is not None:
            await _closed(self._client)
        self._client = None


def _observed(destination: str, messages: Sequence[Message]) -> Span:
    """Messages of one trace are sent within it; a span of many is linked to each."""
    parents = list(dict.fromkeys(one.traceparent for one in messages if one.traceparent))
    is_one_trace = len({parent[3:35] for parent in parents}) == 1
    return span(
        f"send {destination}",
        kind="producer",
        traceparent=parents[0] if is_one_trace else None,
        links=parents[1:] if is_one_trace else parents,
        attributes={
            "messaging.system": "servicebus",
            "messaging.destination.name": destination,
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.batch.message_count": len(messages),
        },
    )


class _Sender:
    """`link` is the one that was used last, unless it failed."""

    def __init__(self, destination: str) -> None:
        self.destination = destination
        self.link: ServiceBusSender | None = None
        self.lock = asyncio.Lock()


def service_bus_client(
    connection_string: str | None,
    namespace: str | None,
    *,
    over_web_sockets: bool = False,
    **more: Any,
) -> Any:
    """By connection string, or by the app's own identity in Entra to `namespace`.

    Over WebSockets AMQP needs port 443 alone. `more` are options of the SDK's.
    """
    from azure.servicebus import TransportType
    from azure.servicebus.aio import ServiceBusClient

    transport = TransportType.AmqpOverWebsocket if over_web_sockets else TransportType.Amqp
    options: dict[str, Any] = {
        "retry_total": RETRIES,
        "retry_backoff_factor": BACKOFF_SECONDS,
        "transport_type": transport,
        "ssl_context": _authorities(),
        **more,
    }
    if connection_string:
        return ServiceBusClient.from_connection_string(connection_string, **options)
    from azure.identity.aio import DefaultAzureCredential

    assert namespace is not None
    return ServiceBusClient(namespace, DefaultAzureCredential(), **options)


@cache
def _authorities() -> ssl.SSLContext:
    """Whom the SDK would trust. Left to itself it reads all their certificates anew for each
    connection, also where it uses no TLS: 25 ms of CPU, during which its event loop stands still.
    """
    import certifi

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context


def _errors() -> tuple[type[Exception], ...]:
    """The SDK also lets errors of the socket and of its own state through."""
    from azure.core.exceptions import AzureError

    return AzureError, OSError, ValueError, RuntimeError


@contextlib.contextmanager
def _failures(destination: str) -> Iterator[None]:
    try:
        yield
    except _errors() as error:
        said = str(error) or type(error).__name__
        raise PublishFailed(f"{destination}: {said}") from error


def _as_sent(message: Message) -> "ServiceBusMessage":
    from azure.servicebus import ServiceBusMessage

    properties: dict[str | bytes, Any] = {}
    if message.traceparent is not None:
        # What Azure's SDKs and hosts tie spans together by.
        properties["Diagnostic-Id"] = properties["traceparent"] = message.traceparent
        if message.tracestate is not None:
            properties["tracestate"] = message.tracestate
    return ServiceBusMessage(
        message.body,
        message_id=message.id,
        session_id=message.session,
        subject=message.type,
        content_type=CONTENT_TYPE,
        scheduled_enqueue_time_utc=message.not_before,
        application_properties=properties,
    )


async def _closed(link: Any) -> None:
    # A broken link cannot say good-bye, and nobody waits for it.
    with contextlib.suppress(Exception):
        await asyncio.wait_for(link.close(), _CLOSE_SECONDS)
