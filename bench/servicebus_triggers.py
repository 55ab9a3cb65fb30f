"""Messages per second through a Service Bus trigger, and a crash run.

A queue is filled through the SDK, then a host with an empty asynchronous function works it off. The
rate is from the first invocation to the last; each one is a delivery, an invocation and a durable
settlement. Beside the rate stands what a second of CPU time does, which a busy machine changes
less. Sessions are as many as run side by side. The rows `beside` have the broker in another host of
the same state folder, with the CPU time of both processes for a message.
"""

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.servicebus_crash import ROOT, connection_string, free_port, run_with_kills
from bench.shop import process_cpu_seconds

__all__ = ["run"]

_PATIENCE_SECONDS = 120.0
_BATCH = 100
_APP = """
import json, time
import azure.functions as func

app = func.FunctionApp(http_auth_level="ANONYMOUS")
seen, first, first_cpu = 0, 0.0, 0.0
last = last_cpu = 0.0

def count():
    global seen, first, first_cpu, last, last_cpu
    seen += 1
    last, last_cpu = time.perf_counter(), time.process_time()
    if seen == 1:
        first, first_cpu = last, last_cpu

@app.service_bus_queue_trigger(arg_name="m", queue_name="plain", connection="SB")
async def plain(m: func.ServiceBusMessage) -> None:
    count()

@app.service_bus_queue_trigger(arg_name="m", queue_name="threads", connection="SB")
def threads(m: func.ServiceBusMessage) -> None:
    count()

@app.service_bus_queue_trigger(arg_name="m", queue_name="ordered", connection="SB",
                               is_sessions_enabled=True)
async def ordered(m: func.ServiceBusMessage) -> None:
    count()

@app.route(route="count")
def stats(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps([seen, last - first, last_cpu - first_cpu]))
"""
_ENTITIES = {
    "UserConfig": {
        "Namespaces": [
            {
                "Name": "bench",
                "Queues": [
                    {"Name": "plain", "Properties": {}},
                    {"Name": "threads", "Properties": {}},
                    {"Name": "ordered", "Properties": {"RequiresSession": True}},
                ],
                "Topics": [],
            }
        ],
        "Logging": {"Type": "File"},
    }
}


def run(quick: bool) -> list[dict[str, Any]]:
    count = 2_000 if quick else 10_000
    rows = []
    for calls in (1, 16, 64):
        rows.append(_measured("plain", "async function", calls, count if calls > 1 else count // 4))
    rows.append(_measured("threads", "function in a thread", 16, count))
    rows.append(_measured("ordered", "sessions", 16, count))
    rows.append(_beside("plain", "async function", count))
    rows.append(_beside("ordered", "sessions", count))
    with tempfile.TemporaryDirectory() as folder:
        report = run_with_kills(Path(folder), kills=10 if quick else 50, seed=1)
    rows.append(
        {
            "what": f"{report.kills} kills -9 among {report.acknowledged} acknowledged messages",
            "lost": len(report.lost),
            "out of order": len(report.disordered),
            "wrong dead letters": len(report.wrongly_dead) + len(report.not_dead),
        }
    )
    return rows


def _measured(queue: str, what: str, concurrency: int, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port = free_port()
        _write_app(folder, concurrency)
        others = ("plain", "threads", "ordered")
        off = {f"AzureWebJobs.{other}.Disabled": "1" for other in others}
        with _host(folder, port, off):
            _fill(port, queue, count, concurrency if queue == "ordered" else 0)
        del off[f"AzureWebJobs.{queue}.Disabled"]
        with _host(folder, port, off) as (address, _):
            seconds, cpu_seconds = _wait_for(address, count)
    return {
        "what": f"{what}, {concurrency} at a time",
        "messages": count,
        "per second": round((count - 1) / seconds),
        "per CPU second": round((count - 1) / cpu_seconds),
    }


def _beside(queue: str, what: str, count: int) -> dict[str, Any]:
    concurrency = 16
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port = free_port()
        _write_app(folder, concurrency)
        off = {f"AzureWebJobs.{other}.Disabled": "1" for other in ("plain", "threads", "ordered")}
        with _host(folder, port, off) as (_, broker):
            _fill(port, queue, count, concurrency if queue == "ordered" else 0)
            del off[f"AzureWebJobs.{queue}.Disabled"]
            before = process_cpu_seconds(broker)
            with _host(folder, port, off, "host2.log") as (address, _):
                _, cpu_seconds = _wait_for(address, count)
                used = process_cpu_seconds(broker) - before
    return {
        "what": f"{what}, {concurrency} at a time, beside",
        "messages": count,
        "broker, CPU µs a message": round(used / count * 1e6),
        "function, CPU µs a message": round(cpu_seconds / count * 1e6),
    }


def _wait_for(address: int, count: int) -> tuple[float, float]:
    """The seconds from the first message to the last, and the CPU seconds."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        seen, seconds, cpu_seconds = _get(address, "/api/count")
        if seen >= count:
            return seconds, cpu_seconds
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {seen} of {count} messages were handled")
        time.sleep(0.2)


def _write_app(folder: Path, concurrency: int) -> None:
    options = {
        "maxConcurrentCalls": concurrency,
        "maxConcurrentSessions": concurrency,
        "sessionIdleTimeout": "00:00:01",
    }
    host_json = {"version": "2.0", "extensions": {"serviceBus": options}}
    (folder / "function_app.py").write_text(_APP, "utf-8")
    (folder / "host.json").write_text(json.dumps(host_json), "utf-8")
    (folder / "servicebus.json").write_text(json.dumps(_ENTITIES), "utf-8")


@contextlib.contextmanager
def _host(
    folder: Path, port: int, settings: dict[str, str], log_name: str = "host.log"
) -> Iterator[tuple[int, int]]:
    """The HTTP port and the process id of a host, which ends in order."""
    log = folder / log_name
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "funchost", "start", "--app-dir", str(folder), "--port", "0"],
            cwd=ROOT,
            env={
                **os.environ,
                **settings,
                "PYTHONPATH": str(ROOT),
                "SB": connection_string(port),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (found := re.search(r"Now listening on: \S+:(\d+)", log.read_text("utf-8"))):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the host does not start:\n{log.read_text('utf-8')}")
            time.sleep(0.05)
        yield int(found[1]), process.pid
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


def _fill(port: int, queue: str, count: int, sessions: int) -> None:
    from azure.servicebus import ServiceBusClient, ServiceBusMessage

    with (
        ServiceBusClient.from_connection_string(connection_string(port)) as client,
        client.get_queue_sender(queue) as sender,
    ):
        for start in range(0, count, _BATCH):
            sender.send_messages(
                [
                    ServiceBusMessage(
                        "{}", session_id=f"s{number % sessions}" if sessions else None
                    )
                    for number in range(start, min(start + _BATCH, count))
                ]
            )


def _get(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
