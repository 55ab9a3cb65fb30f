"""An orchestration goes on with the trace of who started it, and its activities with its own."""

import sqlite3
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func
import pytest

from funchost.durable.store.schema import connect, hub_file
from tests.support.durable_engine import running

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"

app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def outer(context: df.DurableOrchestrationContext):
    first = yield context.call_activity("traced", "a")
    inner = yield context.call_sub_orchestrator("inner")
    return [first, inner]


@app.orchestration_trigger(context_name="context")
def inner(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("traced", "b"))


@app.orchestration_trigger(context_name="context")
def forever(context: df.DurableOrchestrationContext):
    rounds = context.get_input()
    last = yield context.call_activity("traced", "c")
    if rounds:
        context.continue_as_new(rounds - 1)
        return None
    return last


@app.activity_trigger(input_name="name")
def traced(name: str, context: func.Context) -> str:
    return context.trace_context.trace_parent


async def test_activities_are_in_the_trace_of_who_started_the_orchestration(
    tmp_path: Path,
) -> None:
    async with running(app, tmp_path) as shop:
        first, second = await shop.result("outer", traceparent=CALLER)
        assert first.split("-")[1] == second.split("-")[1] == TRACE
        assert first != second
        assert (await shop.result("forever", 2, traceparent=CALLER)).split("-")[1] == TRACE


async def test_without_a_caller_each_activity_has_a_trace_of_its_own(tmp_path: Path) -> None:
    async with running(app, tmp_path) as shop:
        first, second = await shop.result("outer")
        assert first.split("-")[1] != second.split("-")[1]


@pytest.mark.parametrize("said", ["", "nonsense", f"00-{'0' * 32}-b7ad6b7169203331-01"])
async def test_what_is_no_trace_context_starts_a_new_one(tmp_path: Path, said: str) -> None:
    async with running(app, tmp_path) as shop:
        first, _ = await shop.result("outer", traceparent=said)
        assert len(first.split("-")[1].strip("0")) > 0


def test_a_hub_from_before_traces_is_brought_up_to_date(tmp_path: Path) -> None:
    file = hub_file(tmp_path, "Hub")
    connect(file).close()
    with sqlite3.connect(file) as older:
        older.execute("ALTER TABLE activities DROP COLUMN traceparent")
        older.execute("PRAGMA user_version = 1")
    older.close()
    newer = connect(file)
    columns = [row[1] for row in newer.execute("PRAGMA table_info(activities)")]
    assert "traceparent" in columns
    assert newer.execute("PRAGMA user_version").fetchone() == (2,)
    newer.close()
