"""The whole shop, and a host with empty functions, as processes for benchmarks to ask."""

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.http_overhead import wait_for_port

ROOT = Path(__file__).parent.parent
_EMPTY = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="async", methods=["GET"])
async def answer_async(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")
"""
_COPIES = 1_000_000
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Shop:
    """`process` is the host with the app in it; the sandbox listens on the next port."""

    port: int
    state: Path
    process: "subprocess.Popen[bytes]"

    def isbns(self) -> list[str]:
        """Of books that can be bought, each with plenty of copies."""
        found = self.ask("books?in_stock=true&format=paperback&limit=50")
        return [book["isbn"] for book in found["items"]]

    def ask(self, path: str) -> Any:
        address = f"http://127.0.0.1:{self.port}/api/v1/{path}"
        with urllib.request.urlopen(address, timeout=_PATIENCE_SECONDS) as answer:
            return json.load(answer)

    def cpu_seconds(self) -> dict[str, float]:
        """So far, of the host with the app in all its workers, and of the sandbox."""
        used = {"host": 0.0, "sandbox": 0.0}
        for pid in _family(self.process.pid):
            used["sandbox" if _is_sandbox(pid) else "host"] += process_cpu_seconds(pid)
        return used

    def peak_megabytes(self) -> dict[str, int]:
        """The most memory that they had resident so far, processes added up."""
        peak = {"host": 0, "sandbox": 0}
        for pid in _family(self.process.pid):
            peak["sandbox" if _is_sandbox(pid) else "host"] += _peak_kilobytes(pid) // 1024
        return peak

    def wait_until_idle(self) -> None:
        """Until every event of a commit has been sent, and the broker's store rests. Raises
        RuntimeError where work is left that nobody does."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        before = None
        while (now := self.left()) != before or any(now[1:]):
            if now != before:
                deadline = time.monotonic() + _PATIENCE_SECONDS
            if time.monotonic() > deadline:
                raise RuntimeError(f"work is left after {_PATIENCE_SECONDS} s: {now}")
            before = now
            time.sleep(0.3)

    def left(self) -> list[int]:
        """What the broker holds, what outboxes have to send, what the sandbox has to tell."""
        unsent = "SELECT COUNT(*) FROM outbox WHERE sent_at IS NULL"
        waiting = "SELECT COUNT(*) FROM deliveries WHERE state = 'waiting'"
        return [
            count(self.state / "servicebus" / "servicebus.db", "SELECT COUNT(*) FROM message"),
            *(count(self.state / f"{name}.db", unsent) for name in DATABASES),
            *(count(self.state / "sandbox" / f"{name}.db", waiting) for name in _TELLERS),
        ]


_TELLERS = ("stripe", "carrier")
"""Those in the sandbox that send webhooks."""
DATABASES = ("inventory", "orders", "payments", "shipping", "notifications")


def count(file: Path, question: str) -> int:
    """The number that a database answers; 0 where there is none yet."""
    if not file.exists():
        return 0
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as connection:
        return int(connection.execute(question).fetchone()[0])


@contextlib.contextmanager
def whole_shop(folder: Path, workers: int = 1) -> Iterator[Shop]:
    """`dev.py run` without covers, in `folder / "state"`, with many copies of each book."""
    port, state, log = _free_ports(), folder / "state", folder / "shop.log"
    environment = {name: value for name, value in os.environ.items() if name not in _own_settings()}
    command = [sys.executable, "-m", "local.serve", "--no-covers"]
    command += ["--port", str(port), "--state", str(state), "--workers", str(workers)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_for_port(process, log)
        _wait_until_ready(port, process, log)
        _fill_shelves(state / "inventory.db")
        yield Shop(port, state, process)
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


@contextlib.contextmanager
def empty_host(folder: Path) -> Iterator[int]:
    """The port of a host whose `/api/async` does nothing."""
    app, log = folder / "empty", folder / "empty.log"
    app.mkdir()
    (app / "function_app.py").write_text(_EMPTY, encoding="utf-8")
    (app / "host.json").write_text('{"version": "2.0"}', encoding="utf-8")
    command = [sys.executable, "-m", "funchost", "start", "--app-dir", str(app), "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield wait_for_port(process, log)
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


def _free_ports() -> int:
    """The first of three neighbouring ports: the shop's, the sandbox's, the broker's."""
    while True:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            listening = [stack.enter_context(socket.create_server(("127.0.0.1", 0)))]
            first = int(listening[0].getsockname()[1])
            for step in (1, 2):
                stack.enter_context(socket.create_server(("127.0.0.1", first + step)))
            return first


def _own_settings() -> set[str]:
    """What `local.serve` is to choose by itself, whatever the environment says."""
    sample = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))
    return set(sample["Values"])


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    while process.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(
                f"http://127.0.0.1:{port}/api/health/ready", timeout=_PATIENCE_SECONDS
            ),
        ):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the shop ended too early:\n{log.read_text('utf-8')}")


def _fill_shelves(inventory: Path) -> None:
    with contextlib.closing(sqlite3.connect(inventory, timeout=60)) as connection, connection:
        connection.execute(
            "INSERT INTO stock_ledger (isbn, kind, delta, reason, at)"
            " SELECT isbn, 'received', ?, 'for a benchmark', ? FROM stock WHERE on_hand > 0",
            (_COPIES, "2026-01-01 00:00:00.000000"),
        )
        connection.execute("UPDATE stock SET on_hand = on_hand + ? WHERE on_hand > 0", (_COPIES,))


def _family(pid: int) -> Iterator[int]:
    """A process, its children and theirs."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))


def _is_sandbox(pid: int) -> bool:
    return b"sandbox" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def process_cpu_seconds(pid: int) -> float:
    """In user and system mode, of all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_kilobytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
