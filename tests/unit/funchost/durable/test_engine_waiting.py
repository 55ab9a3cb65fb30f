"""Timers on business time, external events, suspension, termination, rewind."""

import json
from datetime import timedelta
from pathlib import Path

import azure.durable_functions as df
import pytest

from funchost.durable.interface import (
    ArgumentError,
    InstanceExistsError,
    InstanceFilter,
    InstanceGoneError,
    InstanceNotFoundError,
    InvalidOperationError,
    RuntimeStatus,
    UnknownFunctionError,
)
from tests.support.durable_engine import START, RunningApp, running

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
def sleeper(context):
    due = context.current_utc_datetime + timedelta(**context.get_input())
    yield context.create_timer(due)
    return str(context.current_utc_datetime - due)


@app.orchestration_trigger(context_name="context")
def approval(context):
    due = context.current_utc_datetime + timedelta(hours=1)
    timer = context.create_timer(due)
    event = context.wait_for_external_event("Approval")
    winner = yield context.task_any([timer, event])
    if winner is event:
        timer.cancel()
        yield context.call_activity("work", "approve")
        return ["approved", event.result]
    return ["too late"]


@app.orchestration_trigger(context_name="context")
def careless(context):
    timer = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    activity = context.call_activity("work", "fast")
    yield context.task_any([timer, activity])
    return "returned"


@app.orchestration_trigger(context_name="context")
def collects(context):
    got = []
    for _ in range(context.get_input()):
        got.append((yield context.wait_for_external_event("Item")))
    return got


@app.orchestration_trigger(context_name="context")
def asks_late(context):
    yield context.call_activity("work", "first")
    yield context.wait_for_external_event("Go")
    return (yield context.wait_for_external_event("Item"))


@app.orchestration_trigger(context_name="context")
def two_steps(context):
    one = yield context.call_activity("work", "one")
    two = yield context.call_activity("work", "two")
    return [one, two]


@app.orchestration_trigger(context_name="context")
def over_two_steps(context):
    yield context.call_activity("work", "zero")
    return (yield context.call_sub_orchestrator("two_steps", None, "below"))


@app.orchestration_trigger(context_name="context")
def monitor(context):
    event = yield context.wait_for_external_event("Item")
    if event == "stop":
        return context.get_input()
    context.continue_as_new([*context.get_input(), event])


async def test_thirty_days_pass_in_milliseconds(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("sleeper", {"days": 30})
        for hops in range(1, 9):
            # The SDK cuts what is longer than six days into pieces of three.
            await host.recorded(instance, 10, hops)
            host.advance(days=3)
        await host.recorded(instance, 10, 9)
        host.advance(days=6)
        status = await host.finished(instance)
        assert status.output == '"0:00:00"'
        assert status.updated == START + timedelta(days=30)


async def test_a_timer_that_is_due_already_fires_at_once(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("sleeper", {"seconds": -5}) == "0:00:05"


async def test_a_timer_waits_until_its_time(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("sleeper", {"minutes": 10})
        await host.recorded(instance, 10)
        host.advance(minutes=9, seconds=59)
        marker = await host.start("sleeper", {"seconds": 0})
        await host.finished(marker)
        assert not (await host.client.status(instance)).is_finished
        host.advance(seconds=1)
        assert (await host.finished(instance)).output == '"0:00:00"'


async def test_an_event_wins_against_a_timer_that_is_cancelled(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("approval")
        await host.recorded(instance, 10)
        await host.raise_event(instance, "Approval", {"by": "me"})
        status = await host.finished(instance)
        assert json.loads(status.output) == ["approved", {"by": "me"}]


async def test_a_timer_wins_when_no_event_comes(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("approval")
        await host.recorded(instance, 10)
        host.advance(hours=1)
        assert (await host.finished(instance)).output == '["too late"]'


async def test_an_open_timer_keeps_an_orchestration_running(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("careless")
        status = await host.recorded(instance, 5)
        assert status.runtime_status is RuntimeStatus.RUNNING
        host.advance(hours=1)
        assert (await host.finished(instance)).output == '"returned"'


async def test_events_are_kept_in_the_order_of_their_arrival(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("collects", 5)
        for number in range(5):
            await host.raise_event(instance, "Item", number)
        assert json.loads((await host.finished(instance)).output) == [0, 1, 2, 3, 4]


async def test_an_event_that_comes_early_waits_for_its_wait(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("asks_late")
        await host.raise_event(instance, "Item", "early")
        await host.recorded(instance, 15)
        await host.raise_event(instance, "Go")
        assert (await host.finished(instance)).output == '"early"'


async def test_the_sdk_does_not_hear_an_event_in_another_case(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("collects", 1)
        await host.raise_event(instance, "item", "lower")
        await host.recorded(instance, 15)
        await host.raise_event(instance, "Item", "right")
        assert json.loads((await host.finished(instance)).output) == ["right"]


async def test_events_come_along_when_an_orchestration_continues_as_new(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("monitor", [])
        for number in range(20):
            await host.raise_event(instance, "Item", number)
        await host.raise_event(instance, "Item", "stop")
        assert json.loads((await host.finished(instance)).output) == list(range(20))


async def test_a_suspended_instance_does_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("collects", 2)
        await host.client.suspend(instance, "wait")
        suspended = await host.until(
            instance, lambda status: status.runtime_status is RuntimeStatus.SUSPENDED
        )
        await host.raise_event(instance, "Item", 1)
        await host.raise_event(instance, "Item", 2)
        await host.recorded(instance, 15, 2)
        status = await host.client.status(instance)
        assert status.runtime_status is RuntimeStatus.SUSPENDED
        with pytest.raises(InvalidOperationError, match="is in the Suspended state"):
            await host.client.suspend(instance, "again")
        await host.client.resume(instance, "go on")
        assert json.loads((await host.finished(instance)).output) == [1, 2]
        assert suspended.output is None


async def test_only_a_suspended_instance_can_be_resumed(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("collects", 1)
        await host.recorded(instance, 0)
        with pytest.raises(InvalidOperationError, match=r"^Cannot resume .* Running state\.$"):
            await host.client.resume(instance, None)


async def test_a_terminated_instance_ends_with_the_reason(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("careless")
        await host.recorded(instance, 5)
        await host.client.terminate(instance, "no more")
        status = await host.finished(instance)
        assert (status.runtime_status, status.output) == (RuntimeStatus.TERMINATED, "no more")
        with pytest.raises(InstanceGoneError):
            await host.client.terminate(instance, "again")
        with pytest.raises(InstanceGoneError):
            await host.raise_event(instance, "Item")


async def test_a_suspended_instance_can_be_terminated(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("collects", 1)
        await host.client.suspend(instance, None)
        await host.recorded(instance, 19)
        await host.client.terminate(instance, None)
        assert (await host.finished(instance)).runtime_status is RuntimeStatus.TERMINATED


async def test_a_rewound_instance_repeats_what_failed_and_nothing_else(tmp_path: Path) -> None:
    broken.add("two")
    calls.clear()
    async with running(app, tmp_path) as host:
        instance = await host.start("over_two_steps")
        assert (await host.finished(instance)).runtime_status is RuntimeStatus.FAILED
        broken.clear()
        await host.client.rewind(instance, "repaired")
        status = await host.finished(instance)
        assert json.loads(status.output) == ["one done", "two done"]
        assert calls == ["zero", "one", "two", "two"]
        with pytest.raises(InstanceGoneError):
            await host.client.rewind(instance, "again")


async def test_what_has_not_failed_cannot_be_rewound(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("collects", 1)
        with pytest.raises(InvalidOperationError, match="only supported on failed"):
            await host.client.rewind(instance, None)
        with pytest.raises(InstanceNotFoundError):
            await host.client.rewind("nobody", None)


async def test_an_instance_can_be_restarted_under_its_own_id_or_a_new_one(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("sleeper", {"seconds": 0})
        await host.finished(instance)
        again = await host.client.restart(instance)
        assert again != instance
        assert (await host.finished(again)).output == '"0:00:00"'
        assert await host.client.restart(instance, with_new_id=False) == instance
        await host.finished(instance)
        with pytest.raises(ArgumentError, match="does not match a valid orchestration instance"):
            await host.client.restart("nobody")


async def test_an_id_that_runs_is_not_started_again(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        await host.start("collects", 1, instance_id="mine")
        await host.recorded("mine", 0)
        with pytest.raises(InstanceExistsError, match="with the status Running already exists"):
            await host.start("collects", 1, instance_id="mine")


async def test_an_id_that_runs_is_replaced_where_host_json_says_so(tmp_path: Path) -> None:
    async with running(
        app, tmp_path, options={"overridableExistingInstanceStates": "AnyState"}
    ) as host:
        await host.start("collects", 1, instance_id="mine")
        first = await host.recorded("mine", 0)
        await host.start("collects", 1, instance_id="mine")
        second = await host.until("mine", lambda status: status.history_length > 0)
        assert second.execution_id != first.execution_id


@pytest.mark.parametrize("instance_id", ["@a@b", "a/b", "a\\b", "a#b", "a?b", "a\nb", "a" * 257])
async def test_an_id_that_cannot_be_used_is_refused(tmp_path: Path, instance_id: str) -> None:
    async with running(app, tmp_path) as host:
        with pytest.raises(ArgumentError, match="instance ids must not"):
            await host.start("collects", 1, instance_id=instance_id)


async def test_an_unknown_orchestrator_is_refused_with_those_that_are_known(
    tmp_path: Path,
) -> None:
    async with running(app, tmp_path) as host:
        with pytest.raises(
            UnknownFunctionError, match="The function 'nobody' doesn't exist, is"
        ) as refusal:
            await host.start("nobody")
        assert "The following are the known orchestrator functions: 'sleeper'," in str(
            refusal.value
        )


async def test_what_has_ended_can_be_purged(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        done = await host.start("sleeper", {"seconds": 0})
        await host.finished(done)
        waiting = await host.start("collects", 1)
        await host.recorded(waiting, 0)
        assert await host.client.purge_where(InstanceFilter(created_from=START)) == 1
        assert await host.client.status(done) is None
        assert await host.client.history(done) == []
        assert await host.client.purge(waiting) is True
        assert await host.client.purge(waiting) is False


async def test_the_list_is_paged_in_the_order_of_creation(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        ids = [await start_numbered(host, number) for number in range(7)]
        page = await host.client.query(InstanceFilter(id_prefix="item-"), top=3)
        seen = [item.instance_id for item in page.items]
        while page.continuation:
            page = await host.client.query(
                InstanceFilter(id_prefix="item-"), top=3, continuation=page.continuation
            )
            seen += [item.instance_id for item in page.items]
        assert seen == ids
        newest = await host.client.query(InstanceFilter(newest_first=True), top=2)
        assert [item.instance_id for item in newest.items] == ids[:-3:-1]
        with pytest.raises(ArgumentError):
            await host.client.query(InstanceFilter(), continuation="nonsense")


async def start_numbered(host: RunningApp, number: int) -> str:
    return await host.start("sleeper", {"seconds": 0}, instance_id=f"item-{number}")


async def test_everything_goes_on_after_a_stop(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        waiting = await host.start("approval")
        sleeping = await host.start("sleeper", {"hours": 2})
        await host.recorded(waiting, 10)
        await host.recorded(sleeping, 10)
        clock = host.clock
    clock.advance(timedelta(minutes=10))
    async with running(app, tmp_path, clock=clock) as host:
        await host.raise_event(waiting, "Approval", "yes")
        assert json.loads((await host.finished(waiting)).output) == ["approved", "yes"]
        host.advance(hours=2)
        assert (await host.finished(sleeping)).output is not None
