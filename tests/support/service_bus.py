"""A broker in a process of its own, and the vendor's SDK as its only client."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiver,
)
from azure.servicebus.aio import ServiceBusClient as AsyncServiceBusClient

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20
"""Seconds after which a call of the SDK is taken to hang."""
_LISTENING = re.compile(r"listening on (\d+)")
_QUEUES = 60

_QUEUE_KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "session": {"RequiresSession": True},
    "quick": {"LockDuration": "PT2S"},
    "quick-session": {"RequiresSession": True, "LockDuration": "PT2S"},
    "brief": {"LockDuration": "PT5S"},
    "brief-session": {"RequiresSession": True, "LockDuration": "PT5S"},
    "strict": {"MaxDeliveryCount": 2},
}
ENTITIES = {
    "UserConfig": {
        "Namespaces": [
            {
                "Name": "tests",
                "Queues": [
                    {"Name": f"{kind}/{number}", "Properties": properties}
                    for kind, properties in _QUEUE_KINDS.items()
                    for number in range(_QUEUES if kind in ("plain", "session") else 10)
                ],
                "Topics": [
                    {
                        "Name": "events",
                        "Properties": {},
                        "Subscriptions": [
                            {"Name": "all", "Properties": {}},
                            {"Name": "changing", "Properties": {}},
                            {
                                "Name": "red",
                                "Properties": {},
                                "Rules": [
                                    {
                                        "Name": "red",
                                        "Properties": {
                                            "FilterType": "Sql",
                                            "SqlFilter": {"SqlExpression": "colour = 'red'"},
                                        },
                                    }
                                ],
                            },
                        ],
                    }
                ],
            }
        ]
    }
}


@dataclass
class BrokerProcess:
    folder: Path
    port: int = 0
    has_plain_loop: bool = False
    process: "subprocess.Popen[bytes] | None" = None
    _numbers: dict[str, "count[int]"] = field(default_factory=dict)

    def start(self) -> None:
        """At the same port as before, if there was one."""
        self.folder.mkdir(exist_ok=True)
        entities, log = self.folder / "entities.json", self.folder / "log"
        entities.write_text(json.dumps(ENTITIES))
        command = [sys.executable, str(Path(__file__).with_name("broker_process.py"))]
        command += [str(self.folder), str(entities), str(self.port)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if self.has_plain_loop:
            environment["PLAIN_LOOP"] = "yes"
        with log.open("ab") as output:
            start = output.tell()
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        while self.process.poll() is None:
            if found := _LISTENING.search(log.read_text()[start:]):
                self.port = int(found[1])
                return
            try:
                self.process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(f"the broker did not start:\n{log.read_text()}")

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def connection_string(self) -> str:
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=x;SharedAccessKey=y;"
            "UseDevelopmentEmulator=true;"
        )

    def queue(self, kind: str = "plain") -> str:
        """One that no test has used."""
        return f"{kind}/{next(self._numbers.setdefault(kind, count()))}"

    def client(self, **options: Any) -> ServiceBusClient:
        """Each handler tries at most twice, so that a failure shows before long."""
        options = {"retry_total": 1, "retry_backoff_factor": 0.01, **options}
        return ServiceBusClient.from_connection_string(self.connection_string, **options)

    def async_client(self, **options: Any) -> AsyncServiceBusClient:
        options = {"retry_total": 1, "retry_backoff_factor": 0.01, **options}
        return AsyncServiceBusClient.from_connection_string(self.connection_string, **options)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)


def send(client: ServiceBusClient, queue: str, *messages: ServiceBusMessage) -> None:
    with client.get_queue_sender(queue) as sender:
        sender.send_messages(list(messages), timeout=PATIENCE)


def receive(receiver: ServiceBusReceiver, number: int) -> list[ServiceBusReceivedMessage]:
    """Exactly so many, in however many calls."""
    found: list[ServiceBusReceivedMessage] = []
    while len(found) < number:
        more = receiver.receive_messages(number - len(found), max_wait_time=PATIENCE)
        assert more, f"{number - len(found)} messages are missing"
        found += more
    return found


def body(message: ServiceBusReceivedMessage) -> bytes:
    return b"".join(message.body)


def nothing_left(receiver: ServiceBusReceiver) -> bool:
    return not receiver.peek_messages(1, sequence_number=1, timeout=PATIENCE)
