"""Activities, retries, compound tasks, sub-orchestrations: one process, the SDK's own replay."""

import json
from pathlib import Path

import azure.durable_functions as df
import pytest

from funchost.durable.interface import RuntimeStatus
from tests.support.durable_engine import running

app = df.DFApp()
RETRY = df.RetryOptions(5000, 3)
attempts: dict[str, int] = {}


@app.activity_trigger(input_name="city")
def hello(city: str) -> str:
    return f"Hello {city}!"


@app.activity_trigger(input_name="value", activity="Echo")
async def answer(value):
    return value


@app.activity_trigger(input_name="key")
def fails_twice(key: str) -> int:
    attempts[key] = attempts.get(key, 0) + 1
    if attempts[key] < 3:
        raise ValueError(f"attempt {attempts[key]}")
    return attempts[key]


@app.activity_trigger(input_name="text")
def boom(text: str) -> None:
    raise ValueError(text)


@app.orchestration_trigger(context_name="context")
def chain(context):
    names = []
    for city in ("Tokyo", "Seattle", "London"):
        names.append((yield context.call_activity("HELLO", city)))
    return names


@app.orchestration_trigger(context_name="context")
def fan(context):
    tasks = [context.call_activity("Echo", number) for number in range(context.get_input())]
    return (yield context.task_all(tasks))


@app.orchestration_trigger(context_name="context")
def echo(context):
    return (yield context.call_activity("Echo", context.get_input()))


@app.orchestration_trigger(context_name="context")
def stubborn(context):
    return (yield context.call_activity_with_retry("fails_twice", RETRY, context.get_input()))


@app.orchestration_trigger(context_name="context")
def hopeless(context):
    try:
        yield context.call_activity_with_retry("boom", df.RetryOptions(1000, 2), "no")
    except Exception as error:
        return (yield context.call_activity("Echo", str(error).split("\n")[0]))


@app.orchestration_trigger(context_name="context")
def fan_of_retries(context):
    keys = context.get_input()
    tasks = [context.call_activity_with_retry("fails_twice", RETRY, key) for key in keys]
    return (yield context.task_all(tasks))


@app.orchestration_trigger(context_name="context")
def uncaught(context):
    yield context.call_activity("boom", "it broke")


@app.orchestration_trigger(context_name="context")
def raises(context):
    yield context.call_activity("hello", "x")
    raise KeyError("missing")


@app.orchestration_trigger(context_name="context")
def plain(context):
    return {"given": context.get_input()}


@app.orchestration_trigger(context_name="context")
def parent(context):
    ids = [
        (yield context.call_sub_orchestrator("child", {"n": 1})),
        (yield context.call_sub_orchestrator("child", {"n": 2}, "given-id")),
    ]
    return ids


@app.orchestration_trigger(context_name="context")
def child(context):
    yield context.call_activity("Echo", 1)
    return [context.instance_id, context.parent_instance_id, context.get_input()]


@app.orchestration_trigger(context_name="context")
def parent_of_failure(context):
    try:
        yield context.call_sub_orchestrator("raises")
    except Exception as error:
        return str(error)


@app.orchestration_trigger(context_name="context")
def parent_that_retries(context):
    options = df.RetryOptions(1000, 3)
    return (yield context.call_sub_orchestrator_with_retry("flaky", options, context.get_input()))


@app.orchestration_trigger(context_name="context")
def flaky(context):
    key = context.get_input()
    return (yield context.call_activity("fails_twice", key))


@app.orchestration_trigger(context_name="context")
def first_of_two(context):
    tasks = [context.call_activity("Echo", number) for number in (1, 2)]
    first = yield context.task_any(tasks)
    second = yield context.task_any([task for task in tasks if task is not first])
    return sorted([first.result, second.result])


@app.orchestration_trigger(context_name="context")
def counts_down(context):
    left = context.get_input()
    context.set_custom_status(f"{left} left")
    yield context.call_activity("Echo", left)
    if left > 0:
        context.continue_as_new(left - 1)
        return None
    return "done"


async def test_a_chain_passes_its_results_on(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("chain") == ["Hello Tokyo!", "Hello Seattle!", "Hello London!"]


async def test_a_fan_out_gathers_in_the_order_of_its_tasks(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("fan", 50) == list(range(50))


@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, "", 'quo"te', "æ 漢 \U0001f4da", [1, [2]], {"a": {"b": None}}]
)
async def test_a_value_comes_back_as_it_went(tmp_path: Path, value: object) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("echo", value) == value


async def test_an_orchestrator_without_yield_completes_at_once(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("plain", [1, 2]) == {"given": [1, 2]}


async def test_a_failed_activity_is_tried_again_after_its_interval(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("stubborn", "one")
        for failures in (1, 2):
            await host.recorded(instance, 10, failures)
            host.advance(seconds=5)
        status = await host.finished(instance)
        assert status.output == "3"
        types = [event["EventType"] for event in await host.client.history(instance)]
        assert [kind for kind in types if kind not in (12, 13)] == [
            0,
            4,
            6,
            10,
            11,
            4,
            6,
            10,
            11,
            4,
            5,
            1,
        ]


async def test_the_last_failure_is_followed_by_one_more_timer(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("hopeless")
        await host.recorded(instance, 10)
        host.advance(seconds=1)
        status = await host.finished(instance)
        assert json.loads(status.output) == "Activity function 'boom' failed:  ValueError: no "
        history = await host.client.history(instance)
        numbers = [event["EventId"] for event in history if event["EventId"] >= 0]
        assert numbers == [0, 1, 2, 3, 4, 5]


async def test_retries_in_a_fan_out_keep_their_numbers_apart(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        keys = [f"fan {number}" for number in range(8)]
        instance = await host.start("fan_of_retries", keys)
        while True:
            host.advance(seconds=5)
            status = await host.client.wait_for_change(instance, -1, 0.05)
            if status is not None and status.is_finished:
                break
            status = await host.client.wait_for_change(instance, status.revision, 0.05)
        assert status.output == json.dumps([3] * 8, separators=(",", ":"))


async def test_an_uncaught_failure_fails_the_orchestration(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        status = await host.finished(await host.start("uncaught"))
        assert status.runtime_status is RuntimeStatus.FAILED
        expected = (
            "Orchestrator function 'uncaught' failed: "
            "Activity function 'boom' failed:  ValueError: it broke \n {"
        )
        assert status.output.startswith(expected)
        details = json.loads(status.output.split("\n", 1)[1])
        assert details["Message"] == " ValueError: it broke"
        assert details["InnerException"]["Message"].startswith(
            "Result: Failure\nException: ValueError: it broke\nStack: "
        )


async def test_an_exception_in_the_orchestrator_is_its_output(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        status = await host.finished(await host.start("raises"))
        assert status.runtime_status is RuntimeStatus.FAILED
        assert status.output == "Orchestrator function 'raises' failed: 'missing'"


async def test_a_sub_orchestration_knows_its_parent(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("parent")
        status = await host.finished(instance)
        (first, its_parent, its_input), second = json.loads(status.output)
        assert first == f"{status.execution_id}:0"
        assert (its_parent, its_input) == (instance, {"n": 1})
        assert second == ["given-id", instance, {"n": 2}]
        child_status = await host.client.status("given-id")
        assert child_status.parent_instance_id == instance


async def test_a_failed_sub_orchestration_tells_its_parent_why(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("parent_of_failure") == (
            "Orchestrator function 'raises' failed: 'missing' \n Message: 'missing', StackTrace: "
        )


async def test_a_sub_orchestration_is_tried_again(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("parent_that_retries", "sub")
        for failures in (1, 2):
            await host.recorded(instance, 10, failures)
            host.advance(seconds=1)
        assert (await host.finished(instance)).output == "3"


async def test_both_of_two_are_seen_one_after_the_other(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("first_of_two") == [1, 2]


async def test_continuing_as_new_begins_a_fresh_history(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("counts_down", 5)
        status = await host.finished(instance)
        assert (status.output, status.custom_status) == ('"done"', '"0 left"')
        types = [event["EventType"] for event in await host.client.history(instance)]
        assert types == [12, 0, 4, 13, 12, 5, 1, 13]
