"""Publishing to Azure Service Bus, by its own SDK wherever we run."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from shared.contracts.envelope import CONTENT_TYPE
from shared.messaging.publisher import Message, PublishFailed
from shared.telemetry import Span, span

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender


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
        with sender.lock, _observed(destination, messages):
            try:
                _send(sender.link, messages, patience)
            # The SDK also lets errors of the socket and of its own state through.
            except (AzureError, OSError, ValueError, RuntimeError) as error:
                self._drop(destination, sender)
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

    def _sender(self, destination: str) -> "_Sender":
        with self._lock:
            if destination not in self._senders:
                if self._client is None:
                    self._client = self._connect()
                link = self._client.get_queue_sender(destination)  # a topic's is the same
                self._senders[destination] = _Sender(link)
            return self._senders[destination]

    def _drop(self, destination: str, sender: "_Sender") -> None:
        """A link that failed once is not trusted again."""
        with self._lock:
            if self._senders.get(destination) is sender:
                del self._senders[destination]
        _close(sender.link)


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
    def __init__(self, link: "ServiceBusSender") -> None:
        self.link = link
        self.lock = threading.Lock()


def service_bus_client(connection_string: str | None, namespace: str | None) -> Any:
    """By connection string, or by the app's own identity in Entra to `namespace`."""
    from azure.servicebus import ServiceBusClient

    options: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.2}
    if connection_string:
        return ServiceBusClient.from_connection_string(connection_string, **options)
    from azure.identity import DefaultAzureCredential

    assert namespace is not None
    return ServiceBusClient(namespace, DefaultAzureCredential(), **options)


def _send(link: "ServiceBusSender", messages: Sequence[Message], patience: float) -> None:
    from azure.servicebus.exceptions import MessageSizeExceededError

    waiting = [_as_sent(message) for message in messages]
    if len(waiting) == 1:  # which the SDK need not encode once more to see whether it fits
        link.send_messages(waiting[0], timeout=patience)
        return
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
