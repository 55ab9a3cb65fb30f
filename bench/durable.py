"""The durable engine: what the SDK's replay costs by itself, what the engine adds, and how an app
feels it."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.http_overhead import wait_for_port
from funchost.durable.batches import started_event
from funchost.durable.decisions import Names
from funchost.durable.events import Event, EventType
from funchost.durable.replay import Replay
from funchost.durable.store.schema import connect, hub_file
from funchost.durable.wire import orchestrator_context, parse_orchestrator_result

_ROOT = Path(__file__).parent.parent
_APP = """
import azure.functions as func
import azure.durable_functions as df

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="empty")
def empty(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")

@app.activity_trigger(input_name="value")
def echo(value):
    return value

@app.orchestration_trigger(context_name="context")
def chain(context):
    results = []
    for number in range(3):
        results.append((yield context.call_activity("echo", number)))
    return results

@app.orchestration_trigger(context_name="context")
def fan(context):
    count = context.get_input()
    return len((yield context.task_all([context.call_activity("echo", n) for n in range(count)])))
"""
_START = 1_767_225_600_000_000


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows {name, value, unit, aim}; `aim` is what the value is to stay below, or above (>)."""
    warnings.simplefilter("ignore")
    rows = [*_replay_rows(quick)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "function_app.py").write_text(_APP, "utf-8")
        rows += _chain_rows(folder, quick, "NORMAL", aim="< 20")
        rows += _chain_rows(folder, quick, "FULL", aim="< 30")
        rows += _load_rows(folder, quick)
        rows += _growth_rows(folder, quick)
    return rows


# By itself


def _replay_rows(quick: bool) -> Iterator[dict[str, Any]]:
    """CPU time of one episode, of the SDK and of the engine, on the same histories."""
    for activities in (3, 500) if quick else (3, 500, 2500):
        history, batch = _fan_history(activities)
        context = _context(history, batch)
        sdk, result = _cpu(partial(_orchestrate, context), rounds=3 if activities > 100 else 200)
        engine, _ = _cpu(
            partial(_engine_episode, history, batch, result), rounds=3 if activities > 100 else 200
        )
        events = len(history) + len(batch)
        yield {
            "name": f"SDK: last episode of a fan-out to {activities} activities",
            "value": round(sdk * 1000, 2),
            "unit": "ms CPU",
        }
        yield {
            "name": f"engine: the same, per history event ({events})",
            "value": round(engine * 1000 / events, 4),
            "unit": "ms CPU",
            "aim": "< 0.05",
        }


def _fan_history(activities: int) -> tuple[list[Event], list[Event]]:
    text = json.dumps(json.dumps(activities))
    started = started_event("bench", "fan", text, None, _START, execution_id="e", parent=None)
    history = [Event(EventType.ORCHESTRATOR_STARTED, _START), started]
    history += [
        Event(EventType.TASK_SCHEDULED, _START, {"name": "echo", "version": None, "input": None}, n)
        for n in range(activities)
    ]
    history.append(Event(EventType.ORCHESTRATOR_COMPLETED, _START))
    completions = [
        Event(EventType.TASK_COMPLETED, _START, {"task_id": n, "result": str(n)})
        for n in range(activities)
    ]
    return history, [Event(EventType.ORCHESTRATOR_STARTED, _START + 1), *completions]


def _context(history: list[Event], batch: list[Event]) -> str:
    return orchestrator_context(
        history,
        batch,
        input=history[1].members["input"],
        instance_id="bench",
        parent_instance_id=None,
        http_sleep_milliseconds=30_000,
    )


def _orchestrate(context: str) -> str:
    import azure.durable_functions as df

    def fan(given: Any) -> Any:
        tasks = [given.call_activity("echo", n) for n in range(given.get_input())]
        return len((yield given.task_all(tasks)))

    return str(df.Orchestrator.create(fan)(context))


def _engine_episode(history: list[Event], batch: list[Event], result: str) -> None:
    for event in batch:
        event.rendered = None
    _context(history, batch)
    names = Names(lambda _: None, lambda _: None, lambda _: None)
    decision = Replay("fan", parse_orchestrator_result(result), names, instance_id="bench").run(
        history, batch
    )
    if decision.conclusion is None:
        raise RuntimeError("the orchestration did not complete")


def _cpu(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Seconds of CPU time, the median, and what it returned."""
    times = []
    for _ in range(rounds):
        before = time.process_time()
        result = work()
        times.append(time.process_time() - before)
    return median(times), result


# On a started host


@dataclass(frozen=True)
class _Running:
    port: int
    state: Path
    process_id: int

    def cpu_seconds(self) -> float:
        """Of the host so far. Other work of the machine hardly shows in it."""
        fields = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def call(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()

    def orchestrate(self, name: str, value: Any = None) -> float:
        """Seconds from the start to the output in hand."""
        body = None if value is None else json.dumps(json.dumps(value))
        path = f"/runtime/webhooks/durabletask/orchestrators/{name}?timeout=500&pollingInterval=1"
        before = time.perf_counter()
        status, answer = self.call("POST", path, body)
        if status != 200:
            raise RuntimeError(f"{name} answered {status}: {answer[:300]!r}")
        return time.perf_counter() - before

    def empty(self) -> float:
        before = time.perf_counter()
        self.call("GET", "/api/empty")
        return time.perf_counter() - before


@contextlib.contextmanager
def _host(folder: Path, synchronous: str = "NORMAL") -> Iterator[_Running]:
    (folder / "host.json").write_text(
        json.dumps(
            {
                "version": "2.0",
                "logging": {"logLevel": {"default": "Warning"}},
                "extensions": {"durableTask": {"local": {"synchronous": synchronous}}},
            }
        ),
        "utf-8",
    )
    state, log = folder / f"state-{uuid.uuid4().hex}", folder / "host.log"
    command = [sys.executable, "-m", "funchost", "start", "--app-dir", str(folder), "--port", "0"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--state", str(state)], cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            # The line that tells the port is one of information.
            yield _Running(wait_for_port(process, log), state, process.pid)
        finally:
            process.terminate()
            process.wait(60)


def _chain_rows(folder: Path, quick: bool, synchronous: str, aim: str) -> Iterator[dict[str, Any]]:
    rounds = 30 if quick else 150
    with _host(folder, synchronous) as host:
        for _ in range(5):
            host.empty()
            host.orchestrate("chain")
        pairs = [(host.empty(), host.orchestrate("chain")) for _ in range(rounds)]
    yield {
        "name": f"chain of three activities ({synchronous}), end to end",
        "value": round(median(chain for _, chain in pairs) * 1000, 2),
        "unit": "ms",
    }
    yield {
        "name": f"chain of three activities ({synchronous}) / an empty HTTP call",
        "value": round(
            median(chain for _, chain in pairs) / median(empty for empty, _ in pairs), 1
        ),
        "unit": "times",
        "aim": aim,
    }


def _load_rows(folder: Path, quick: bool) -> Iterator[dict[str, Any]]:
    activities = 500 if quick else 1000
    with _host(folder) as host:
        host.orchestrate("fan", 20)
        before, rates = host.cpu_seconds(), []
        for _ in range(3):
            rates.append(activities / host.orchestrate("fan", activities))
        yield {
            "name": f"activities in a fan-out to {activities}, the best of three",
            "value": round(max(rates)),
            "unit": "per second",
            "aim": "> 300",
        }
        yield {
            "name": "the same, by the CPU time of the host",
            "value": round(3 * activities / (host.cpu_seconds() - before)),
            "unit": "per second",
        }
        rounds = 3 if quick else 9
        alone = _cpu_of_chains(host, 1, rounds * 16)
        together = _cpu_of_chains(host, 16, rounds)
        yield {
            "name": "CPU time of the host for a chain, the SDK's four episodes included",
            "value": round(alone * 1000, 1),
            "unit": "ms CPU",
        }
        yield {
            "name": "CPU time of a chain among 16 at once / of one alone",
            "value": round(together / alone, 2),
            "unit": "times",
            "aim": "< 1",
        }


def _cpu_of_chains(host: _Running, at_once: int, rounds: int) -> float:
    """Seconds for each chain."""
    before = host.cpu_seconds()
    with ThreadPoolExecutor(at_once) as pool:
        for _ in range(rounds):
            list(pool.map(host.orchestrate, ["chain"] * at_once))
    return (host.cpu_seconds() - before) / (at_once * rounds)


def _growth_rows(folder: Path, quick: bool) -> Iterator[dict[str, Any]]:
    """The same work in a store with few and with many finished instances, in turns."""
    many = 10_000 if quick else 100_000
    with _host(folder) as small, _host(folder) as large:
        for host, count in ((small, 1000), (large, many)):
            host.orchestrate("chain")
            _fill(hub_file(host.state, "TestHubName"), count)
            for _ in range(5):
                host.orchestrate("chain")
        rounds = 30 if quick else 100
        pairs = [(small.orchestrate("chain"), large.orchestrate("chain")) for _ in range(rounds)]
    yield {
        "name": f"a chain beside {many:,} finished instances / beside 1,000",
        "value": round(median(after / before for before, after in pairs), 2),
        "unit": "times",
        "aim": "about 1",
    }


def _fill(file: Path, count: int) -> None:
    """Finished instances with the history of a chain."""
    now = int(datetime.now(UTC).timestamp() * 1_000_000)
    connection = connect(file)
    with contextlib.closing(connection):
        events = connection.execute("SELECT instance, first, events FROM history").fetchall()
        template = events[0][0]
        rows = [row[1:] for row in events if row[0] == template]
        connection.execute("BEGIN IMMEDIATE")
        for number in range(count):
            key = f"filled-{number}"
            connection.execute(
                "INSERT INTO instances (id, name, execution_id, status, created, updated, finished,"
                " output, history_length) VALUES (?, 'chain', 'e', 1, ?, ?, ?, '[0,1,2]', 20)",
                (key, now, now, now),
            )
            connection.executemany(
                "INSERT INTO history VALUES (?, ?, ?)", [(key, *row) for row in rows]
            )
        connection.execute("COMMIT")


if __name__ == "__main__":
    for row in run(quick="--full" not in sys.argv):
        print(row)
