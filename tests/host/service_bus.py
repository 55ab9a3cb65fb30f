"""Small apps on the host's own broker, with the real SDK as the other side."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue


def connection_string(port: int) -> str:
    return (
        f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
    )


def declaration(queues: dict[str, dict[str, Any]], topics: Sequence[Any] = ()) -> dict[str, Any]:
    """A file of the official emulator's shape."""
    described = [{"Name": name, "Properties": given} for name, given in queues.items()]
    namespace = {"Name": "sbemulatorns", "Queues": described, "Topics": list(topics)}
    return {"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "File"}}}


class Producer:
    """Senders stay open: to open one takes the SDK half a second."""

    def __init__(self, port: int) -> None:
        self.client = ServiceBusClient.from_connection_string(connection_string(port))
        self._senders: dict[str, Any] = {}

    def send(self, entity: str, *bodies: str | ServiceBusMessage, topic: bool = False) -> None:
        if entity not in self._senders:
            make = self.client.get_topic_sender if topic else self.client.get_queue_sender
            self._senders[entity] = make(entity)
        messages = [ServiceBusMessage(body) if isinstance(body, str) else body for body in bodies]
        self._senders[entity].send_messages(messages)

    def take(self, queue: str, count: int, *, dead: bool = False) -> list[Any]:
        """Receives and deletes so many messages."""
        taken: list[Any] = []
        with self.client.get_queue_receiver(
            queue,
            receive_mode="receiveanddelete",
            sub_queue=ServiceBusSubQueue.DEAD_LETTER if dead else None,
        ) as receiver:
            while len(taken) < count:
                messages = receiver.receive_messages(count - len(taken), max_wait_time=20)
                assert messages, f"only {len(taken)} of {count} messages came"
                taken += messages
        return taken

    def peek(self, queue: str, *, dead: bool = False) -> list[Any]:
        sub_queue = ServiceBusSubQueue.DEAD_LETTER if dead else None
        with self.client.get_queue_receiver(queue, sub_queue=sub_queue) as receiver:
            return list(receiver.peek_messages(1000))

    def close(self) -> None:
        for sender in self._senders.values():
            sender.close()
        self.client.close()


@contextmanager
def producing(port: int) -> Iterator[Producer]:
    producer = Producer(port)
    try:
        yield producer
    finally:
        producer.close()


def told(host: Any, name: str, count: int = 1) -> list[Any]:
    """What a function has logged as `NAME {json}`, once it did so often."""
    return [json.loads(text) for text in host.wait_for_log(rf"\] {name} ([\[{{].*)", count)]


def write_declaration(folder: Path, content: dict[str, Any], name: str = "servicebus.json") -> Path:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content), "utf-8")
    return file
