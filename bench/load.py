"""A small keep-alive HTTP/1.1 load client, run as its own process.

It speaks over raw asyncio protocols, so that it costs far less than the servers it measures.
`measure` starts it and returns its figures.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


@dataclass(frozen=True)
class Figures:
    """`rate_per_s` counts all answers, whatever their status; latencies are of one request."""

    rate_per_s: float
    p50_ms: float
    p99_ms: float
    statuses: dict[str, int] = field(default_factory=dict)


def measure(
    port: int,
    paths: Sequence[str],
    *,
    connections: int,
    seconds: float,
    method: str = "GET",
    body: str = "",
    headers: Sequence[str] = (),
    own_headers: Sequence[str] = (),
    host: str = "127.0.0.1",
) -> Figures:
    """Each connection goes through `paths` in turn, beginning at another one. Of `own_headers` each
    connection has one."""
    command = [
        sys.executable, str(Path(__file__)), "--host", host, "--port", str(port),
        "--connections", str(connections), "--seconds", str(seconds),
        "--method", method, "--body", body,
    ]  # fmt: skip
    for header in headers:
        command += ["--header", header]
    for header in own_headers:
        command += ["--own-header", header]
    finished = subprocess.run(
        [*command, *paths], check=True, capture_output=True, text=True, timeout=seconds * 3 + 60
    )
    return Figures(**json.loads(finished.stdout))


class _Connection(asyncio.Protocol):
    def __init__(self, requests: list[bytes], first: int, deadline: float) -> None:
        self._requests = requests
        self._next = first
        self._deadline = deadline
        self._buffer = b""
        self._missing = -1
        self._sent = 0.0
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        now = time.perf_counter()
        if now >= self._deadline:
            self._transport.close()
            return
        request = self._requests[self._next % len(self._requests)]
        self._next += 1
        self._sent = now
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._missing < 0:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            self.statuses[head[9:12].decode()] += 1
            self._buffer = rest
            self._missing = 0
            if found := _LENGTH.search(head):
                self._missing = int(found[1])
            elif _CHUNKED.search(head):
                self._missing = sys.maxsize
        if self._missing == sys.maxsize:
            if not self._buffer.endswith(b"0\r\n\r\n"):
                return
        elif len(self._buffer) < self._missing:
            return
        self._buffer = b""
        self._missing = -1
        self.latencies.append(time.perf_counter() - self._sent)
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(error)


async def _load(arguments: argparse.Namespace) -> dict[str, Any]:
    extra = "".join(f"{header}\r\n" for header in arguments.header)
    body = arguments.body.encode()
    if body or arguments.method != "GET":
        extra += f"content-length: {len(body)}\r\n"
    start = f"HTTP/1.1\r\nhost: {arguments.host}\r\n{extra}"

    def requests(connection: int) -> list[bytes]:
        own = arguments.own_header[connection] + "\r\n" if arguments.own_header else ""
        return [
            f"{arguments.method} {path} {start}{own}\r\n".encode() + body
            for path in arguments.paths
        ]

    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    deadline = started + arguments.seconds
    connections = []
    for index in range(arguments.connections):
        _, connection = await loop.create_connection(
            functools.partial(_Connection, requests(index), index, deadline),
            arguments.host,
            arguments.port,
        )
        connections.append(connection)
    ends = await asyncio.gather(*(connection.ended for connection in connections))
    elapsed = time.perf_counter() - started
    if error := next((end for end in ends if end is not None), None):
        raise error
    latencies = sorted(value for connection in connections for value in connection.latencies)
    statuses: Counter[str] = Counter()
    for connection in connections:
        statuses += connection.statuses
    return {
        "rate_per_s": len(latencies) / elapsed,
        "p50_ms": _percentile(latencies, 0.50),
        "p99_ms": _percentile(latencies, 0.99),
        "statuses": dict(statuses),
    }


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--method", default="GET")
    parser.add_argument("--body", default="")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--own-header", action="append", default=[])
    parser.add_argument("paths", nargs="+")
    arguments = parser.parse_args()
    loop_factory = None
    with contextlib.suppress(ImportError):  # Windows has none
        import uvloop

        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        json.dump(runner.run(_load(arguments)), sys.stdout)


if __name__ == "__main__":
    main()
