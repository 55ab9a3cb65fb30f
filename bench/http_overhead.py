"""What the local Functions host adds per call, against a bare ASGI hello on the same server."""

import contextlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench.load import Figures, measure

_BARE = """
import socket, sys
import uvicorn

async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})

listening = socket.create_server(("127.0.0.1", 0))
print(f"Now listening on: http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
config = uvicorn.Config(hello, ws="none", lifespan="off", log_config=None, access_log=False)
uvicorn.Server(config).run(sockets=[listening])
"""
_APP = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="async", methods=["GET"])
async def answer_async(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")

@app.route(route="sync", methods=["GET"])
def answer_sync(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")
"""
_LISTENING = re.compile(r"Now listening on: http://[^:]+:(\d+)")


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows {name, connections, rate_per_s, p50_ms, p99_ms, ratio_to_bare}: medians of short rounds.

    The three take turns, and a ratio compares neighbours, so that whatever else the machine does
    meanwhile hits all of them alike.
    """
    seconds, rounds = (0.3, 3) if quick else (0.7, 7)
    rows = []
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder)) as (bare, host):
        cases = {
            "bare ASGI hello": (bare, "/"),
            "async function": (host, "/api/async"),
            "sync function": (host, "/api/sync"),
        }
        for connections in (1, 16):
            taken: dict[str, list[Figures]] = {name: [] for name in cases}
            for _ in range(rounds):
                for name, (port, path) in cases.items():
                    figures = measure(port, [path], connections=connections, seconds=seconds)
                    if set(figures.statuses) != {"200"}:
                        raise RuntimeError(f"{name} answered {figures.statuses}")
                    taken[name].append(figures)
            reference = taken["bare ASGI hello"]
            for name, all_figures in taken.items():
                ratios = [
                    figures.rate_per_s / beside.rate_per_s
                    for figures, beside in zip(all_figures, reference, strict=True)
                ]
                rows.append(
                    {
                        "name": name,
                        "connections": connections,
                        "rate_per_s": round(median(item.rate_per_s for item in all_figures)),
                        "p50_ms": round(median(item.p50_ms for item in all_figures), 3),
                        "p99_ms": round(median(item.p99_ms for item in all_figures), 3),
                        "ratio_to_bare": round(median(ratios), 2),
                    }
                )
    return rows


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[tuple[int, int]]:
    """The ports of the bare server and of the host, each a process that logs to a file."""
    (folder / "bare.py").write_text(_BARE, encoding="utf-8")
    (folder / "function_app.py").write_text(_APP, encoding="utf-8")
    (folder / "host.json").write_text('{"version": "2.0"}', encoding="utf-8")
    commands = [
        [sys.executable, str(folder / "bare.py")],
        [sys.executable, "-m", "funchost", "start", "--app-dir", str(folder), "--port", "0"],
    ]
    root = Path(__file__).parent.parent
    with contextlib.ExitStack() as stack:
        ports = []
        for index, command in enumerate(commands):
            log = folder / f"{index}.log"
            output = stack.enter_context(log.open("w", encoding="utf-8"))
            process = stack.enter_context(
                subprocess.Popen(command, cwd=root, stdout=output, stderr=subprocess.STDOUT)
            )
            stack.callback(process.terminate)
            ports.append(wait_for_port(process, log))
        yield ports[0], ports[1]


def wait_for_port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    while process.poll() is None:
        if found := _LISTENING.search(log.read_text(encoding="utf-8")):
            return int(found[1])
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise RuntimeError(f"A server ended too early:\n{log.read_text(encoding='utf-8')}")


if __name__ == "__main__":
    for row in run(quick="--quick" in sys.argv):
        print(row)
