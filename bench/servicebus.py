"""Service Bus messages through the vendor's SDK and the host's own broker.

The measure is the same calls of the same SDK against the same listener with a broker that keeps
nothing (`memory`): what is left between the two is the durable store. CPU is of the server's
process and of the client's, where the SDK's encoder and decoder run. A second table has the same
calls with a backlog in the queue.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceiveMode,
    ServiceBusReceiver,
    ServiceBusSender,
)

from bench.servicebus_server import QUEUE

_ROOT = Path(__file__).parent.parent
_BATCH = 100
_BODY = b"x" * 200
_WAIT_SECONDS = 60
_BACKLOGS = {True: (1_000, 50_000), False: (1_000, 100_000, 1_000_000)}


@dataclass(frozen=True)
class Cost:
    seconds: float
    server_cpu: float
    client_cpu: float
    messages: int


class Server:
    """One of the two servers, with the SDK's handlers open on it."""

    def __init__(self, stack: contextlib.ExitStack, *arguments: str) -> None:
        self._process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "bench.servicebus_server", *arguments],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(self._end)
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        client = stack.enter_context(
            ServiceBusClient.from_connection_string(
                f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=x;SharedAccessKey=y;"
                "UseDevelopmentEmulator=true;"
            )
        )
        self.sender: ServiceBusSender = stack.enter_context(client.get_queue_sender(QUEUE))
        self.receiver: ServiceBusReceiver = stack.enter_context(client.get_queue_receiver(QUEUE))
        deleting = ServiceBusReceiveMode.RECEIVE_AND_DELETE
        self.deleter: ServiceBusReceiver = stack.enter_context(
            client.get_queue_receiver(QUEUE, receive_mode=deleting)
        )

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def usage(self) -> dict[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        told: dict[str, float] = json.loads(self._process.stdout.readline())
        return told

    def measure(self, work: Callable[["Server", int], None], messages: int) -> Cost:
        server, client = self.usage()["cpu_s"], time.process_time()
        began = time.perf_counter()
        work(self, messages)
        return Cost(
            time.perf_counter() - began,
            self.usage()["cpu_s"] - server,
            time.process_time() - client,
            messages,
        )


def send_batches(server: Server, messages: int) -> None:
    for _ in range(0, messages, _BATCH):
        server.sender.send_messages([ServiceBusMessage(_BODY) for _ in range(_BATCH)])


def send_singly(server: Server, messages: int) -> None:
    for _ in range(messages):
        server.sender.send_messages(ServiceBusMessage(_BODY))


def receive_and_complete(server: Server, messages: int) -> None:
    left = messages
    while left > 0:
        found = server.receiver.receive_messages(min(left, _BATCH), max_wait_time=_WAIT_SECONDS)
        for message in found:
            server.receiver.complete_message(message)
        left -= len(found)


def receive_and_delete(server: Server, messages: int) -> None:
    left = messages
    while left > 0:
        left -= len(server.deleter.receive_messages(min(left, _BATCH), max_wait_time=_WAIT_SECONDS))


# Each leaves as many messages in the queue as the next ones take out.
_CALLS: dict[str, tuple[Callable[[Server, int], None], int]] = {
    "send, batches of 100": (send_batches, 1_000),
    "send, one by one": (send_singly, 200),
    "receive and complete": (receive_and_complete, 200),
    "receive and delete": (receive_and_delete, 1_000),
}


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows {name, queue, rate_per_s, server_us, client_us, ratio, ratio_to}: medians of rounds.

    The servers take turns. `ratio` is of the rate; with a backlog, of the server's CPU time per
    message, since a large database warms up what the clock sees.
    """
    rounds = 3 if quick else 7
    return [*_against_memory(rounds), *_with_backlog(_BACKLOGS[quick], rounds)]


def _against_memory(rounds: int) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers = {
            "memory": Server(stack, "memory"),
            "durable": Server(stack, "stored", folder, "0"),
        }
        costs = _take_turns(servers, rounds)
        for call in _CALLS:
            for name in servers:
                ratio = [
                    beside.seconds / cost.seconds
                    for cost, beside in zip(costs[name, call], costs["memory", call], strict=True)
                ]
                yield _row(call, name, costs[name, call], median(ratio), "memory")


def _with_backlog(backlogs: tuple[int, ...], rounds: int) -> Iterator[dict[str, Any]]:
    with contextlib.ExitStack() as stack:
        folders = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in backlogs]
        servers = {
            f"backlog of {backlog:,}": Server(stack, "stored", folder, str(backlog))
            for backlog, folder in zip(backlogs, folders, strict=True)
        }
        costs = _take_turns(servers, rounds)
        first = next(iter(servers))
        for call in _CALLS:
            for name, server in servers.items():
                ratio = [
                    cost.server_cpu / beside.server_cpu
                    for cost, beside in zip(costs[name, call], costs[first, call], strict=True)
                ]
                yield {
                    **_row(call, name, costs[name, call], median(ratio), first),
                    "server_mib": round(server.usage()["memory_mib"]),
                }


def _take_turns(servers: dict[str, Server], rounds: int) -> dict[tuple[str, str], list[Cost]]:
    costs: dict[tuple[str, str], list[Cost]] = {}
    for _ in range(rounds):
        for call, (work, messages) in _CALLS.items():
            for name, server in servers.items():
                costs.setdefault((name, call), []).append(server.measure(work, messages))
    return costs


def _row(call: str, queue: str, costs: list[Cost], ratio: float, to: str) -> dict[str, Any]:
    return {
        "name": call,
        "queue": queue,
        "rate_per_s": round(median(cost.messages / cost.seconds for cost in costs)),
        "server_us": round(median(cost.server_cpu / cost.messages for cost in costs) * 1e6),
        "client_us": round(median(cost.client_cpu / cost.messages for cost in costs) * 1e6),
        "ratio": round(ratio, 2),
        "ratio_to": to,
    }


if __name__ == "__main__":
    for row in run(quick="--quick" in sys.argv):
        print(row)
