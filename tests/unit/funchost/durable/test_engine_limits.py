"""Limits and misfits: unknown functions, changed code, other versions, too much of anything."""

from pathlib import Path

import azure.durable_functions as df
import pytest

from funchost.durable.interface import ArgumentError, RuntimeStatus
from tests.support.durable_engine import running

app = df.DFApp()
broken: set[str] = set()
calls: list[str] = []


@app.activity_trigger(input_name="name")
def work(name: str) -> str:
    calls.append(name)
    if name in broken:
        raise ValueError(f"{name} is broken")
    return f"{name} done"


@app.orchestration_trigger(context_name="context")
def collects(context):
    got = []
    for _ in range(context.get_input()):
        got.append((yield context.wait_for_external_event("Item")))
    return got


@app.orchestration_trigger(context_name="context")
def two_steps(context):
    one = yield context.call_activity("work", "one")
    two = yield context.call_activity("work", "two")
    return [one, two]


@app.orchestration_trigger(context_name="context")
def unknown_activity(context):
    yield context.call_activity("nowhere", 1)


@app.orchestration_trigger(context_name="context")
def moody(context):
    yield context.call_activity("work" if "moody" not in broken else "other", "x")
    yield context.wait_for_external_event("Go")


@app.activity_trigger(input_name="name")
def other(name: str) -> str:
    return name


@app.orchestration_trigger(context_name="context")
def talkative(context):
    context.set_custom_status("x" * context.get_input())
    yield context.call_activity("work", "talk")
    return "said"


@app.orchestration_trigger(context_name="context")
def endless(context):
    number = 0
    while True:
        number += 1
        yield context.call_activity("other", str(number))


@app.orchestration_trigger(context_name="context")
def tells_version(context):
    return context.version


@app.orchestration_trigger(context_name="context")
def starts_itself_twice(context):
    yield context.call_sub_orchestrator("collects", 1, "taken")


@app.orchestration_trigger(context_name="context")
def echoes(context):
    return (yield context.call_activity("other", context.get_input()))


@app.orchestration_trigger(context_name="context")
def raises_half(context):
    yield context.call_activity("other", "x")
    raise ValueError("\ud800")


async def test_an_unknown_activity_is_told_on_the_instance_and_stops_no_other(
    tmp_path: Path,
) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("unknown_activity")
        status = await host.until(instance, lambda status: status.problem is not None)
        assert status.runtime_status is RuntimeStatus.RUNNING
        assert status.problem.startswith("The function 'nowhere' doesn't exist, is disabled,")
        assert await host.result("two_steps") == ["one done", "two done"]
        # It is printed when it has been committed, and so when others can read it already.
        assert status.problem in host.printed.getvalue()


async def test_changed_code_is_detected(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("moody")
        await host.recorded(instance, 5)
        broken.add("moody")
        await host.raise_event(instance, "Go")
        status = await host.finished(instance)
        broken.clear()
        assert status.runtime_status is RuntimeStatus.FAILED
        assert "Non-Deterministic workflow detected: A previous execution" in status.output
        assert "sequence ID 0 and name 'work' (version '')" in status.output


async def test_a_custom_status_above_16_kb_fails_the_orchestration(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("talkative", 8000) == "said"
        status = await host.finished(await host.start("talkative", 8200))
        assert status.runtime_status is RuntimeStatus.FAILED
        assert "16 KB of UTF-16" in status.output


async def test_half_a_surrogate_pair_is_carried_through(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("echoes", "\ud800") == "\ud800"
        status = await host.finished(await host.start("raises_half"))
        assert status.output == "Orchestrator function 'raises_half' failed: \\ud800"


async def test_an_input_that_is_not_json_is_refused(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        with pytest.raises(ArgumentError, match="The input is not JSON"):
            await host.client.start("collects", input="{")


async def test_a_history_that_grows_too_long_fails_with_a_sentence(tmp_path: Path) -> None:
    async with running(app, tmp_path, options={"local": {"maxHistoryEvents": 40}}) as host:
        status = await host.finished(await host.start("endless"))
        assert status.runtime_status is RuntimeStatus.FAILED
        assert "local.maxHistoryEvents in host.json" in status.output
        assert status.history_length <= 44


async def test_more_actions_than_allowed_fail_the_orchestration(tmp_path: Path) -> None:
    async with running(app, tmp_path, options={"maxOrchestrationActions": 5}) as host:
        status = await host.finished(await host.start("endless"))
        assert "Maximum amount of orchestration actions (5) has been reached" in status.output


async def test_too_large_an_input_is_refused_and_too_large_a_result_fails(tmp_path: Path) -> None:
    async with running(app, tmp_path, options={"local": {"maxPayloadBytes": 1000}}) as host:
        with pytest.raises(ArgumentError, match="The input is larger than the 1000 bytes"):
            await host.start("two_steps", "x" * 1000)
        instance = await host.start("collects", 1)
        with pytest.raises(ArgumentError, match="The event is larger"):
            await host.raise_event(instance, "Item", "x" * 1000)


async def test_a_version_is_given_or_that_of_host_json(tmp_path: Path) -> None:
    async with running(app, tmp_path, options={"defaultVersion": "2.0"}) as host:
        assert await host.result("tells_version") == "2.0"
        assert await host.result("tells_version", version="1.5") == "1.5"


@pytest.mark.parametrize(
    ("version", "strategy", "runs"),
    [
        ("2.10", "Strict", True),
        ("2.9", "Strict", False),
        ("2.9", "CurrentOrOlder", True),
        ("2.11", "CurrentOrOlder", False),
        ("3", "None", True),
    ],
)
async def test_other_versions_are_run_as_host_json_says(
    tmp_path: Path, version: str, strategy: str, runs: bool
) -> None:
    options = {
        "defaultVersion": "2.10",
        "versionMatchStrategy": strategy,
        "versionFailureStrategy": "Fail",
    }
    async with running(app, tmp_path, options=options) as host:
        status = await host.finished(await host.start("tells_version", version=version))
        assert (status.runtime_status is RuntimeStatus.COMPLETED) is runs
        if not runs:
            assert f"The orchestration has the version '{version}'" in status.output


async def test_a_rejected_version_waits_and_can_be_terminated(tmp_path: Path) -> None:
    options = {"defaultVersion": "1", "versionMatchStrategy": "Strict"}
    async with running(app, tmp_path, options=options) as host:
        instance = await host.start("tells_version", version="2")
        status = await host.until(instance, lambda status: status.problem is not None)
        assert status.runtime_status is RuntimeStatus.PENDING
        await host.client.terminate(instance, "no")
        assert (await host.finished(instance)).runtime_status is RuntimeStatus.TERMINATED


async def test_a_sub_orchestration_that_runs_already_is_told_on_its_parent(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        await host.start("collects", 1, instance_id="taken")
        await host.recorded("taken", 0)
        parent = await host.start("starts_itself_twice")
        status = await host.until(parent, lambda status: status.problem is not None)
        assert status.problem == "The sub-orchestration 'taken' runs already: not started."
