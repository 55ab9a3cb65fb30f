"""Publishing to Azure Service Bus, by its own SDK wherever we run."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from shared.contracts.envelope import CONTENT_TYPE
from shared.messaging.publisher import Message, PublishFailed

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender


RETRIES = 2
BACKOFF_SECONDS = 0.2
TRY_SECONDS = 5.0
"""For one try to open a link or to send."""


class ServiceBusPublisher:
    """Keeps a sender open for each destination; a sender is used by one thread at a time."""

    def __init__(self, connect: "Callable[[], ServiceBusClient]") -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._client: ServiceBusClient | None = None
        self._senders: dict[str, _Sender] = {}

    def publish(self, destination: str, messages: Sequence[Message], patience: float) -> None:
        from azure.core.exceptions import AzureError

        sender = self._sender(destination)
        with sender.lock:
            try:
                _send(sender.link, messages, patience)
            # The SDK also lets errors of the socket and of its own state through.
            except (AzureError, OSError, ValueError, RuntimeError) as error:
                self._drop(destination, sender)
                raise PublishFailed(f"{destination}: {error}") from error

    def check(self, destination: str) -> None:
        """That we are taken in, and `destination` is there. Raises PublishFailed."""
        from azure.core.exceptions import AzureError

        try:
            with self._connected().get_queue_sender(destination) as link:
                link.create_message_batch()
        except (AzureError, OSError, ValueError, RuntimeError) as error:
            raise PublishFailed(f"{destination}: {error}") from error

    def close(self) -> None:
        with self._lock:
            senders, self._senders = list(self._senders.values()), {}
            client, self._client = self._client, None
        for sender in senders:
            with sender.lock:
                _close(sender.link)
        if client is not None:
            _close(client)

    def _connected(self) -> "ServiceBusClient":
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _sender(self, destination: str) -> "_Sender":
        client = self._connected()
        with self._lock:
            if destination not in self._senders:
                link = client.get_queue_sender(destination)  # a topic's is the same
                self._senders[destination] = _Sender(link)
            return self._senders[destination]

    def _drop(self, destination: str, sender: "_Sender") -> None:
        """A link that failed once is not trusted again."""
        with self._lock:
            if self._senders.get(destination) is sender:
                del self._senders[destination]
        _close(sender.link)


class _Sender:
    def __init__(self, link: "ServiceBusSender") -> None:
        self.link = link
        self.lock = threading.Lock()


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
    from azure.servicebus import ServiceBusClient, TransportType

    transport = TransportType.AmqpOverWebsocket if over_web_sockets else TransportType.Amqp
    options: dict[str, Any] = {
        "retry_total": RETRIES,
        "retry_backoff_factor": BACKOFF_SECONDS,
        "try_timeout": TRY_SECONDS,
        "transport_type": transport,
        **more,
    }
    if connection_string:
        return ServiceBusClient.from_connection_string(connection_string, **options)
    from azure.identity import DefaultAzureCredential

    assert namespace is not None
    return ServiceBusClient(namespace, DefaultAzureCredential(), **options)


def _send(link: "ServiceBusSender", messages: Sequence[Message], patience: float) -> None:
    from azure.servicebus.exceptions import MessageSizeExceededError

    waiting = [_as_sent(message) for message in messages]
    while waiting:
        batch = link.create_message_batch()
        taken = 0
        for message in waiting:
            try:
                batch.add_message(message)
            except MessageSizeExceededError:
                if not taken:
                    raise
                break
            taken += 1
        link.send_messages(batch, timeout=patience)
        del waiting[:taken]


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
        application_properties=properties,
    )


def _close(link: Any) -> None:
    # A broken link cannot say good-bye, and nobody waits for it.
    with contextlib.suppress(Exception):
        link.close()
