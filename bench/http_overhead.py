"""What the local Functions host adds per call, against a bare ASGI hello on the same server."""

import contextlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.load import measure

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
    """Rows {name, connections, rate_per_s, p50_ms, p99_ms, ratio_to_bare}."""
    seconds, rounds = (0.5, 1) if quick else (1.5, 3)
    rows = []
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder)) as (bare, host):
        cases = [
            ("bare ASGI hello", bare, "/"),
            ("async function", host, "/api/async"),
            ("sync function", host, "/api/sync"),
        ]
        for connections in (1, 16):
            best: dict[str, dict[str, Any]] = {}
            # In turns, so that another load on the machine hits all of them alike.
            for _ in range(rounds):
                for name, port, path in cases:
                    figures = measure(port, [path], connections=connections, seconds=seconds)
                    if set(figures.statuses) != {"200"}:
                        raise RuntimeError(f"{name} answered {figures.statuses}")
                    known = best.get(name)
                    if known is None or figures.rate_per_s > known["rate_per_s"]:
                        best[name] = {
                            "name": name,
                            "connections": connections,
                            "rate_per_s": round(figures.rate_per_s),
                            "p50_ms": round(figures.p50_ms, 3),
                            "p99_ms": round(figures.p99_ms, 3),
                        }
            reference = best[cases[0][0]]["rate_per_s"]
            rows += [
                {**row, "ratio_to_bare": round(row["rate_per_s"] / reference, 2)}
                for row in best.values()
            ]
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
            ports.append(_wait_for_port(process, log))
        yield ports[0], ports[1]


def _wait_for_port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    while process.poll() is None:
        if found := _LISTENING.search(log.read_text(encoding="utf-8")):
            return int(found[1])
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise RuntimeError(f"A server ended too early:\n{log.read_text(encoding='utf-8')}")


if __name__ == "__main__":
    for row in run(quick="--quick" in sys.argv):
        print(row)
