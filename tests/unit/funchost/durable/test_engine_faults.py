"""What goes wrong: functions that never answer, processes that die, two that share a folder."""

import asyncio
import json
import os
import sqlite3
import threading
import time
from pathlib import Path

import azure.durable_functions as df
import pytest

from funchost.durable.hubs import open_hubs
from funchost.durable.interface import ArgumentError, InstanceFilter, RuntimeStatus
from funchost.durable.store.schema import hub_file
from tests.support.durable_engine import running

app = df.DFApp()
never = threading.Event()
gate = threading.Event()
entered = threading.Semaphore(0)
meeting = threading.Barrier(3)
ran: list[str] = []
runs: list[int] = []


@app.orchestration_trigger(context_name="context")
def hangs(context):
    runs.append(1)
    never.wait(0.5)
    return "at last"


@app.activity_trigger(input_name="name")
def work(name: str) -> str:
    ran.append(name)
    return name


@app.activity_trigger(input_name="name")
def at_gate(name: str) -> str:
    ran.append(name)
    entered.release()
    gate.wait(30)
    return name


@app.activity_trigger(input_name="name")
def overstays(name: str) -> str:
    never.wait(0.5)
    return name


@app.orchestration_trigger(context_name="context")
def one(context):
    return (yield context.call_activity("work", "one"))


@app.orchestration_trigger(context_name="context")
def through_gate(context):
    return (yield context.call_activity("at_gate", context.get_input()))


@app.orchestration_trigger(context_name="context")
def waits(context):
    got = yield context.wait_for_external_event("Go")
    return (yield context.call_activity("work", got))


@app.orchestration_trigger(context_name="context")
def listens(context):
    got = []
    while len(got) < context.get_input():
        got.append((yield context.wait_for_external_event("Go")))
    return got


@app.orchestration_trigger(context_name="context")
def waits_too_long(context):
    try:
        yield context.call_activity("overstays", "x")
    except Exception as error:
        return str(error).split("\n")[0]


@app.activity_trigger(input_name="name")
def meets(name: str) -> str:
    """Returns when three of it run at once."""
    meeting.wait(30)
    return name


@app.orchestration_trigger(context_name="context")
def meeting_of_three(context):
    tasks = [context.call_activity("meets", str(number)) for number in range(3)]
    return len((yield context.task_all(tasks)))


@app.entity_trigger(context_name="context")
def breaks(context):
    context.set_state(object())


@app.orchestration_trigger(context_name="context")
def calls_what_breaks(context):
    try:
        yield context.call_entity(df.EntityId("breaks", "x"), "any")
    except Exception as error:
        return str(error)


async def test_an_orchestrator_that_never_answers_is_given_up_and_stops_no_other(
    tmp_path: Path,
) -> None:
    runs.clear()
    async with running(app, tmp_path, function_timeout=0.02) as host:
        stuck = await host.start("hangs")
        assert await host.result("one") == "one"
        status = await host.finished(stuck)
        assert status.runtime_status is RuntimeStatus.FAILED
        assert "Timeout value of 00:00:00.0200000 was exceeded by function" in status.output
        assert len(runs) == 5
        assert "is given up after 5 attempts" in host.printed.getvalue()


async def test_an_activity_that_exceeds_its_time_fails(tmp_path: Path) -> None:
    async with running(app, tmp_path, function_timeout=0.02) as host:
        assert (await host.result("waits_too_long")).startswith(
            "Activity function 'overstays' failed: Timeout value of 00:00:00.0200000 was exceeded"
        )


async def test_an_entity_that_cannot_answer_gives_its_callers_an_error(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert "does not expose a `to_json` function" in await host.result("calls_what_breaks")
        assert "@breaks@x is given up after 5 attempts" in host.printed.getvalue()


async def test_an_instance_that_kills_its_process_is_given_up(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        poisoned = await host.start("waits")
        await host.recorded(poisoned, 0)
    # As three processes leave it behind that died while this instance alone was running.
    with sqlite3.connect(hub_file(tmp_path, "TestHubName")) as connection:
        connection.execute("UPDATE instances SET deaths = 6, trials = 3")
    connection.close()
    async with running(app, tmp_path) as host:
        await host.raise_event(poisoned, "Go", "x")
        status = await host.finished(poisoned)
        assert status.runtime_status is RuntimeStatus.FAILED
        assert "its host process ended in each of 3 attempts to run it" in status.output
        assert await host.result("one") == "one"


async def test_a_suspect_that_is_innocent_goes_on(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        suspect = await host.start("waits")
        await host.recorded(suspect, 0)
    with sqlite3.connect(hub_file(tmp_path, "TestHubName")) as connection:
        connection.execute("UPDATE instances SET deaths = 6, trials = 2")
    connection.close()
    async with running(app, tmp_path) as host:
        await host.raise_event(suspect, "Go", "x")
        assert (await host.finished(suspect)).output == '"x"'


async def test_two_processes_share_the_activities_of_one_fan_out(tmp_path: Path) -> None:
    two = {"maxConcurrentActivityFunctions": 2}
    async with (
        running(app, tmp_path, options=two) as first,
        running(app, tmp_path, options=two) as second,
    ):
        assert await first.result("meeting_of_three") == 3
        logs = [host.printed.getvalue() for host in (first, second)]
        counts = [log.count("Executing 'Functions.meets'") for log in logs]
        assert sorted(counts) == [1, 2]


async def test_a_process_passes_on_what_another_is_told(tmp_path: Path) -> None:
    async with running(app, tmp_path) as first, running(app, tmp_path) as second:
        instance = await first.start("waits")
        await first.recorded(instance, 0)
        await second.raise_event(instance, "Go", "told to the other")
        assert json.loads((await second.finished(instance)).output) == "told to the other"
        assert "Executing 'Functions.waits'" not in second.printed.getvalue()


async def test_a_command_without_a_host_is_heard(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host, open_hubs(tmp_path) as hubs:
        client = hubs.client()
        instance = await client.start("waits")
        await host.recorded(instance, 0)
        await client.raise_event(instance, "Go", '"by hand"')
        assert (await host.finished(instance)).output == '"by hand"'
        assert list(hubs.known) == ["TestHubName"]


async def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    async with open_hubs(tmp_path) as hubs:
        client = hubs.client()
        assert await client.status("x") is None
        assert (await client.query(InstanceFilter())).items == ()
        assert await client.history("x") == []
    assert os.listdir(tmp_path) == []


async def test_hubs_are_those_that_are_stored_or_declared(tmp_path: Path) -> None:
    async with open_hubs(tmp_path, "Stored") as hubs:
        await hubs.client().start("anything")
    async with open_hubs(tmp_path, "Own") as hubs:
        hubs.declare("Named")
        assert hubs.known == ["Named", "Own", "stored"]
        for name in ("NAMED", "own", "Stored"):
            assert await hubs.client(name).status("x") is None
        for name in ("Another", "no hub"):
            with pytest.raises(ArgumentError, match=name):
                hubs.client(name)


async def test_events_arrive_in_order_whichever_process_takes_them(tmp_path: Path) -> None:
    async with running(app, tmp_path) as owner, running(app, tmp_path) as other:
        instance = await owner.start("listens", 60)
        await owner.until(instance, lambda status: status.history_length > 0)
        for number in range(60):
            sender = other if number % 3 else owner
            await sender.raise_event(instance, "Go", number)
        status = await owner.finished(instance)
        assert status.output is not None
        assert json.loads(status.output) == list(range(60))


async def test_a_silent_process_loses_its_work_and_its_late_result_is_dropped(
    tmp_path: Path,
) -> None:
    """The second process takes the first one for dead, since its lease seems to be over."""
    gate.clear()
    ran.clear()
    later = lambda: time.time() + 3600  # noqa: E731
    async with running(app, tmp_path) as first:
        instance = await first.start("through_gate", "once")
        assert await asyncio.to_thread(entered.acquire, timeout=30)
        async with running(app, tmp_path, machine_time=later) as second:
            assert await asyncio.to_thread(entered.acquire, timeout=30)
            gate.set()
            assert (await second.finished(instance)).output == '"once"'
            types = [event["EventType"] for event in await second.client.history(instance)]
            assert types.count(5) == 1
    assert ran == ["once", "once"]
    assert "a second result of 'at_gate' was dropped" in first.printed.getvalue()


async def test_what_another_process_took_is_not_committed(tmp_path: Path) -> None:
    later = lambda: time.time() + 3600  # noqa: E731
    async with running(app, tmp_path) as first:
        instance = await first.start("waits")
        await first.recorded(instance, 0)
        async with running(app, tmp_path, machine_time=later) as second:
            await first.raise_event(instance, "Go", "x")
            assert (await second.finished(instance)).output == '"x"'
            types = [event["EventType"] for event in await second.client.history(instance)]
            assert types.count(15) == 1


async def test_old_instances_are_purged_by_their_age(tmp_path: Path) -> None:
    async with running(
        app, tmp_path, options={"local": {"purgeFinishedAfter": "1.00:00:00"}}
    ) as host:
        instance = await host.start("one")
        await host.finished(instance)
        host.advance(hours=23)
        await host.extension.hubs.hub("TestHubName").engine.purge()
        assert await host.client.status(instance) is not None
        host.advance(hours=2)
        await host.extension.hubs.hub("TestHubName").engine.purge()
        assert await host.client.status(instance) is None


async def test_more_starts_than_places_are_all_done(tmp_path: Path) -> None:
    async with running(app, tmp_path, options={"maxConcurrentOrchestratorFunctions": 2}) as host:
        ids = await asyncio.gather(*(host.start("one") for _ in range(50)))
        for instance in ids:
            assert (await host.finished(instance)).output == '"one"'
