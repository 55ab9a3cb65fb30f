"""Entities: state, signals, calls, batches, errors, and calls out over HTTP."""

import asyncio
import json
from functools import partial
from pathlib import Path

import azure.durable_functions as df
import pytest

from funchost.durable.events import Event, EventType
from funchost.durable.interface import (
    ArgumentError,
    EntityFilter,
    EntityId,
    InstanceFilter,
    UnknownFunctionError,
)
from funchost.durable.signals import signal_event
from funchost.durable.store import instances
from funchost.durable.wire import EntityRequest, entity_request
from tests.support.durable_engine import RunningApp, running

app = df.DFApp()


@app.entity_trigger(context_name="context", entity_name="Counter")
def counts(context):
    value = context.get_state(lambda: 0)
    match context.operation_name:
        case "add":
            value += context.get_input()
            context.set_state(value)
            context.set_result(value)
        case "get":
            context.set_result(value)
        case "fail":
            context.set_state(value + 100)
            raise ValueError("no")
        case "delete":
            context.destruct_on_exit()


@app.orchestration_trigger(context_name="context")
def adds(context):
    entity = df.EntityId("Counter", context.get_input())
    for number in (1, 2, 3):
        context.signal_entity(entity, "add", number)
    return (yield context.call_entity(entity, "get"))


@app.orchestration_trigger(context_name="context")
def fails(context):
    entity = df.EntityId("counter", "fails")
    try:
        yield context.call_entity(entity, "fail")
    except Exception as error:
        return [str(error), (yield context.call_entity(entity, "get"))]


@app.orchestration_trigger(context_name="context")
def transfers(context):
    first, second = df.EntityId("Counter", "a"), df.EntityId("Counter", "b")
    yield context.call_entity(first, "add", -5)
    results = yield context.task_all(
        [context.call_entity(second, "add", 5), context.call_entity(first, "get")]
    )
    return results


@app.orchestration_trigger(context_name="context")
def calls_nobody(context):
    yield context.call_entity(df.EntityId("nobody", "x"), "any")


@app.orchestration_trigger(context_name="context")
def fetches(context):
    answer = yield context.call_http("GET", context.get_input())
    return [answer["statusCode"], answer["headers"]["Content-Type"], answer["content"]]


@app.orchestration_trigger(context_name="context")
def fetches_nothing(context):
    try:
        yield context.call_http("GET", context.get_input())
    except Exception as error:
        return str(error).split("\n")[0]


def counter(key: str) -> EntityId:
    return EntityId("Counter", key)


async def state_of(host: RunningApp, key: str, expected: str) -> None:
    """Returns once the entity has that state."""
    status = await host.until(
        counter(key).instance_id, lambda status: status.custom_status is not None
    )
    while True:
        entity = await host.client.entity(counter(key))
        if entity is not None and entity.state == expected:
            return
        status = await host.client.wait_for_change(status.instance_id, status.revision, 30)


async def test_signals_and_a_call_are_applied_in_order(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("adds", "k") == 6
        assert await host.result("adds", "k") == 12
        assert await host.result("adds", "K") == 6
        entity = await host.client.entity(EntityId("COUNTER", "k"))
        assert (entity.id.name, entity.state, entity.exists) == ("counter", "12", True)


async def test_a_client_signals_and_reads(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.client.entity(counter("new")) is None
        for _ in range(10):
            await host.client.signal_entity(counter("new"), "add", json.dumps("2"))
        await state_of(host, "new", "20")


async def test_a_deleted_entity_is_gone_and_can_come_back(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        await host.result("adds", "x")
        before = await host.client.status("@counter@x")
        await host.client.signal_entity(counter("x"), "delete", None)
        await host.until("@counter@x", lambda status: status.revision != before.revision)
        assert await host.client.entity(counter("x")) is None
        assert (await host.client.entities(EntityFilter())).items == []
        assert await host.client.clean_entities() == 1
        assert await host.client.status("@counter@x") is None
        assert await host.result("adds", "x") == 6


async def test_a_signal_that_fails_is_told_in_the_log(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        await host.client.signal_entity(EntityId("counter", "loud"), "fail", None)
        await host.until("@counter@loud", lambda status: status.revision > 1)
        assert "@counter@loud: the operation 'fail' failed: \"no\"" in host.printed.getvalue()


async def test_a_failed_operation_is_raised_where_it_was_called(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("fails") == ["no", 100]


async def test_calls_to_several_entities(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        assert await host.result("transfers") == [5, -5]


async def test_entities_are_listed_by_name_with_their_state(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        for key in "abc":
            await host.result("adds", key)
        page = await host.client.entities(EntityFilter(name="COUNTER", with_state=True), top=2)
        assert [(item.id.key, item.state) for item in page.items] == [("a", "6"), ("b", "6")]
        rest = await host.client.entities(EntityFilter(), top=2, continuation=page.continuation)
        assert [(item.id.key, item.state) for item in rest.items] == [("c", None)]
        assert rest.continuation is None
        instances = await host.client.query(InstanceFilter(id_prefix="@counter@"))
        assert len(instances.items) == 3
        assert (await host.client.query(InstanceFilter(with_entities=False))).items[
            0
        ].name == "adds"


async def test_what_cannot_be_an_entity_is_refused(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        with pytest.raises(UnknownFunctionError, match=r"known entity functions: 'Counter'\."):
            await host.client.signal_entity(EntityId("nobody", "k"), "op", None)
        with pytest.raises(ArgumentError):
            await host.client.signal_entity(EntityId("counter", "a/b"), "op", None)


async def test_a_caller_of_an_unknown_entity_is_told_on_its_instance(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        instance = await host.start("calls_nobody")
        status = await host.until(instance, lambda status: status.problem is not None)
        assert "The function 'nobody' doesn't exist" in status.problem


async def test_a_thousand_signals_from_many_sides_are_counted_once_each(tmp_path: Path) -> None:
    async with running(app, tmp_path, options={"maxEntityOperationBatchSize": 50}) as host:
        signals = [
            host.client.signal_entity(counter("many"), "add", json.dumps("1")) for _ in range(1000)
        ]
        await asyncio.gather(*signals)
        await state_of(host, "many", "1000")


async def test_a_lock_keeps_others_out_until_it_is_released(tmp_path: Path) -> None:
    """The SDK cannot ask for locks yet; the messages are those of the extension."""
    async with running(app, tmp_path) as host:
        target = "@counter@locked"
        lock = EntityRequest(
            "lock-1",
            parent_instance_id="holder",
            parent_execution_id="e",
            lockset=[("counter", "locked")],
        )
        await post(host, target, "op", lock)
        await host.until(target, lambda status: status.custom_status is not None)
        await host.client.signal_entity(counter("locked"), "add", json.dumps("1"))
        held = EntityRequest(
            "held", "add", json.dumps("10"), is_signal=True, parent_instance_id="holder"
        )
        await post(host, target, "op", held)
        await state_of(host, "locked", "10")
        assert (await host.client.entity(counter("locked"))).locked_by == "holder"
        await post(host, target, "release", EntityRequest("r", parent_instance_id="holder"))
        await state_of(host, "locked", "11")
        assert (await host.client.entity(counter("locked"))).locked_by is None


async def post(host: RunningApp, target: str, name: str, request: EntityRequest) -> None:
    hub = host.extension.hubs.hub(host.extension.hubs.default_hub)
    event = Event(EventType.EVENT_RAISED, 0, {"name": name, "input": entity_request(request, 0)})
    await hub.writer().submit(
        partial(
            instances.post,
            instance_id=target,
            execution_id=None,
            event=event,
            owner=hub.engine.owner,
        )
    )


def test_a_delayed_signal_carries_its_time() -> None:
    event = signal_event("add", json.dumps("1"), 0, due=5)
    assert json.loads(event.members["input"])["due"] == "1970-01-01T00:00:00.0000050Z"


async def test_call_http_returns_status_headers_and_content(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 202 Accepted\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
            b"Location: /later\r\nConnection: close\r\n\r\nhello"
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running(app, tmp_path) as host:
        url = f"http://127.0.0.1:{port}/"
        assert await host.result("fetches", url) == [202, "text/plain", "hello"]


async def test_call_http_to_nobody_fails(tmp_path: Path) -> None:
    async with running(app, tmp_path) as host:
        said = await host.result("fetches_nothing", "http://127.0.0.1:9/")
        assert said.startswith(
            "Activity function 'BuiltIn::HttpActivity' failed:  HttpActivityError"
        )
