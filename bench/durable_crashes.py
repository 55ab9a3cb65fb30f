"""Kills a host again and again while it runs orchestrations, and looks whether all end right.

Right means: every instance completes; each activity that was scheduled has one recorded result,
that one is what the orchestrator saw, and no result was seen twice.
"""

import asyncio
import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.http_overhead import wait_for_port
from funchost.durable.hubs import open_hubs
from funchost.durable.interface import DurableClient, EntityId

_ROOT = Path(__file__).parent.parent
_PATIENCE_SECONDS = 300.0
_APP = '''
import os, uuid
from datetime import timedelta
import azure.durable_functions as df

app = df.DFApp()
RETRY = df.RetryOptions(50, 4)

@app.activity_trigger(input_name="value")
def token(value):
    return [value, uuid.uuid4().hex]

@app.activity_trigger(input_name="value")
def flaky(value):
    """Fails the first time, by whichever process."""
    marker = os.path.join(os.environ["MARKERS"], value.replace("/", "_"))
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return [value, uuid.uuid4().hex]
    raise ValueError("the first attempt")

@app.orchestration_trigger(context_name="context")
def busy(context):
    seen = []
    for turn in range(context.get_input()["turns"]):
        fan = [context.call_activity("token", [turn, number]) for number in range(3)]
        seen += yield context.task_all(fan)
        yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=100))
    name = f"{context.instance_id}/flaky"
    seen.append((yield context.call_activity_with_retry("flaky", RETRY, name)))
    seen += yield context.call_sub_orchestrator("below", name)
    go = context.wait_for_external_event("Go")
    limit = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    yield context.task_any([go, limit])
    limit.cancel()
    yield context.call_entity(df.EntityId("count", "all"), "add", context.instance_id)
    return seen

@app.orchestration_trigger(context_name="context")
def below(context):
    return [(yield context.call_activity("token", context.get_input()))]

@app.entity_trigger(context_name="context", entity_name="count")
def count(context):
    context.set_state(context.get_state(list) + [context.get_input()])
    context.set_result(True)
'''


def run(quick: bool) -> list[dict[str, Any]]:
    """With one process, and with two that share a state folder. `quick` kills ten times, otherwise
    a hundred."""
    kills, turns = (10, 2) if quick else (100, 8)
    return [play(kills, turns=turns), play(kills, turns=turns, processes=2)]


def play(
    kills: int,
    *,
    instances: int = 200,
    turns: int = 2,
    processes: int = 1,
    seed: int | None = None,
) -> dict[str, Any]:
    """Raises AssertionError, with the seed, when an instance has not ended right."""
    seed = random.randrange(2**32) if seed is None else seed
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "function_app.py").write_text(_APP, "utf-8")
        (folder / "host.json").write_text('{"version": "2.0"}', "utf-8")
        (folder / "markers").mkdir()
        started = time.perf_counter()
        waiting = [f"busy-{number}" for number in range(instances)]
        for _ in range(kills // processes):
            with contextlib.ExitStack() as stack:
                hosts = [stack.enter_context(_host(folder)) for _ in range(processes)]
                waiting = _start(hosts[0][1], waiting, turns, limit=dice.randint(1, instances))
                for process, _ in hosts:
                    time.sleep(dice.uniform(0.02, 0.8))
                    process.send_signal(signal.SIGKILL)
                    process.wait()
        with _host(folder) as (process, port):
            assert not _start(port, waiting, turns, limit=instances)
            for number in range(instances):
                _post(port, f"instances/busy-{number}/raiseEvent/Go", "null")
            checked = asyncio.run(_check(folder / "state", instances, turns, seed))
            process.terminate()
            process.wait(60)
        seconds = time.perf_counter() - started
    return {
        "name": f"{instances} orchestrations, {kills} kills, {processes} at a time",
        "ended_right": instances,
        "activities": checked["activities"],
        "seconds": round(seconds, 1),
        "seed": seed,
    }


def _start(port: int, waiting: list[str], turns: int, limit: int) -> list[str]:
    """Those that could not be started; at most `limit` are tried."""
    rest = waiting[limit:]
    for instance in waiting[:limit]:
        body = json.dumps(json.dumps({"turns": turns}))
        status = _post(port, f"orchestrators/busy/{instance}", body)
        # 500: it was started before, and the answer was lost.
        if status not in (202, 500):
            rest.append(instance)
    return rest


def _post(port: int, path: str, body: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request(
            "POST",
            f"/runtime/webhooks/durabletask/{path}",
            body,
            {"Content-Type": "application/json"},
        )
        return connection.getresponse().status


async def _check(state: Path, instances: int, turns: int, seed: int) -> dict[str, int]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    async with open_hubs(state) as hubs:
        client = hubs.client()
        tokens: Counter[str] = Counter()
        for number in range(instances):
            status = await _ended(client, f"busy-{number}", deadline)
            where = f"seed {seed}: {status.instance_id} {status.runtime_status.text}"
            assert status.runtime_status.text == "Completed", f"{where}: {status.output}"
            seen = json.loads(status.output or "")
            assert len(seen) == 3 * turns + 2, where
            recorded = await _recorded(client, status.instance_id, where)
            below = await _below(client, status.instance_id, where)
            assert sorted(recorded + below, key=str) == sorted(seen, key=str), where
            tokens.update(token for _, token in seen)
        assert tokens.total() == len(tokens), f"seed {seed}: a result was used twice"
        entity = await client.entity(EntityId("count", "all"))
        assert entity is not None
        assert entity.state is not None
        expected = sorted(f"busy-{number}" for number in range(instances))
        assert sorted(json.loads(entity.state)) == expected, (
            f"seed {seed}: a call was lost or twice"
        )
        return {"activities": len(tokens)}


async def _ended(client: DurableClient, instance: str, deadline: float) -> Any:
    revision = -1
    while True:
        status = await client.wait_for_change(instance, revision, 5)
        assert status is not None, f"{instance} is lost"
        if status.is_finished:
            return status
        assert time.monotonic() < deadline, f"{instance} hangs: {status}"
        revision = status.revision


async def _recorded(client: DurableClient, instance: str, where: str) -> list[Any]:
    """The results of its activities, after a look that each has one outcome."""
    history = await client.history(instance)
    scheduled = {event["EventId"] for event in history if event["EventType"] == 4}
    outcomes = Counter(
        event["TaskScheduledId"] for event in history if event["EventType"] in (5, 6)
    )
    assert set(outcomes) == scheduled, where
    assert outcomes.total() == len(outcomes), f"{where}: an activity has two outcomes"
    return [json.loads(event["Result"]) for event in history if event["EventType"] == 5]


async def _below(client: DurableClient, instance: str, where: str) -> list[Any]:
    history = await client.history(instance)
    children = [event["InstanceId"] for event in history if event["EventType"] == 7]
    assert len(children) == 1, where
    return await _recorded(client, children[0], where)


@contextlib.contextmanager
def _host(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    log = folder / f"host-{uuid.uuid4().hex}.log"
    command = [sys.executable, "-m", "funchost", "start", "--app-dir", str(folder), "--port", "0"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--state", str(folder / "state")],
            cwd=_ROOT,
            env={**_environment(), "MARKERS": str(folder / "markers")},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield process, wait_for_port(process, log)
        finally:
            process.kill()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONPATH": str(_ROOT)}


if __name__ == "__main__":
    for row in run(quick="--full" not in sys.argv):
        print(row)
