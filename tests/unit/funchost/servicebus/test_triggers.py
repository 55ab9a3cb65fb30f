"""How triggers take, run and settle messages, on a source in memory."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from funchost.clock import SystemClock
from funchost.function import Function
from funchost.hostjson import HostJson
from funchost.invoke import InvocationFailedError
from funchost.kinds import HostedFunction, Outcome, Services, TriggerEvent
from funchost.logs import Console, HostLog
from funchost.servicebus.options import ServiceBusOptions
from funchost.servicebus.sources.port import EntityError
from funchost.servicebus.triggers.batches import BatchDispatcher
from funchost.servicebus.triggers.handling import Handling
from funchost.servicebus.triggers.sessions import SessionDispatcher
from funchost.servicebus.triggers.singles import SingleDispatcher
from tests.support.message_source import MemorySource


@dataclass
class App:
    """A function that runs until it is let go, or at once."""

    waits: bool = False
    fails: set[str] = field(default_factory=set)
    events: list[TriggerEvent] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    running: int = 0
    most: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    text: io.StringIO = field(default_factory=io.StringIO)

    async def __call__(self, hosted: HostedFunction, event: TriggerEvent) -> Outcome:
        body = (
            event.data.value if event.data.type == "string" else "|".join(event.data.value.string)
        )
        async with self.changed:
            self.events.append(event)
            self.begun.append(body)
            self.running += 1
            self.most = max(self.most, self.running)
            self.changed.notify_all()
        if self.waits:
            await self.may_end.wait()
        async with self.changed:
            self.running -= 1
            self.changed.notify_all()
        if body in self.fails:
            raise InvocationFailedError("f")
        return Outcome("id", None)

    async def until_begun(self, count: int) -> list[str]:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.begun) >= count)
        return self.begun

    def handling(self, binding: dict[str, Any] | None = None, **options: Any) -> Handling:
        trigger = {"type": "serviceBusTrigger", "name": "m", **(binding or {})}
        function = Function("f", lambda m: None, "id", ".", [], False, False, {}, {}, None)
        host_json = HostJson({"extensions": {"serviceBus": options}})
        services = Services(self, SystemClock(), Path(), host_json, HostLog(Console(self.text)))
        hosted = HostedFunction(function, trigger, [], [])
        return Handling(hosted, services, ServiceBusOptions.read(host_json), "orders")


@asynccontextmanager
async def running(dispatcher: Any, source: MemorySource) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(dispatcher.run(source))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
        await dispatcher.finish()


async def test_a_message_is_completed_when_its_function_has_run():
    app, source = App(), MemorySource("a")
    async with running(SingleDispatcher(app.handling()), source):
        assert await source.until_settled(1) == [("a", "complete")]
    assert app.events[0].reason == "(null)"
    assert app.events[0].details.startswith("Trigger Details: MessageId: , SequenceNumber: 1")


async def test_a_message_whose_function_fails_is_abandoned_at_once_and_comes_again():
    app, source = App(fails={"a"}), MemorySource("a")
    async with running(SingleDispatcher(app.handling()), source):
        settled = await source.until_settled(2)
    assert settled[:2] == [("a", "abandon"), ("a", "abandon")]
    counts = [event.metadata["DeliveryCount"].value for event in app.events[:2]]
    assert counts == ["1", "2"]


@pytest.mark.parametrize("where", ["host.json", "binding"])
async def test_without_auto_completion_success_settles_nothing(where):
    app, source = App(), MemorySource("a", "b")
    handling = (
        app.handling(autoCompleteMessages=False)
        if where == "host.json"
        else app.handling({"autoCompleteMessages": False})
    )
    async with running(SingleDispatcher(handling), source):
        await app.until_begun(2)
    assert source.settled == []


async def test_no_more_functions_run_than_allowed_and_no_message_waits_for_one():
    app, source = App(waits=True), MemorySource(*"abcdef")
    async with running(SingleDispatcher(app.handling(maxConcurrentCalls=2)), source):
        assert await app.until_begun(2) == ["a", "b"]
        assert len(source.take(None, 10)) == 4
        await source.put("g", "h")
        app.may_end.set()
        await source.until_settled(4)
    assert app.most == 2
    assert max(source.asked) == 2


async def test_to_stop_lets_what_runs_finish_and_settle():
    app, source = App(waits=True), MemorySource("a", "b")
    dispatcher = SingleDispatcher(app.handling(maxConcurrentCalls=1))
    task = asyncio.create_task(dispatcher.run(source))
    await app.until_begun(1)
    task.cancel()
    await asyncio.wait([task])
    finishing = asyncio.create_task(dispatcher.finish())
    await asyncio.sleep(0)
    assert not finishing.done()
    app.may_end.set()
    await finishing
    assert source.settled == [("a", "complete")]
    assert not source.is_open


async def test_a_lost_lock_is_logged_and_nothing_else():
    app, source = App(), MemorySource("a", "b")
    source.lost = {"a"}
    async with running(SingleDispatcher(app.handling()), source):
        await source.until_settled(1)
    assert source.settled == [("b", "complete")]
    logged = app.text.getvalue()
    assert "Message processing error (Action=Complete, EntityPath=orders): The lock of" in logged


async def test_a_failure_of_the_source_ends_the_run_and_not_what_runs():
    app, source = App(waits=True), MemorySource("a")
    dispatcher = SingleDispatcher(app.handling())
    task = asyncio.create_task(dispatcher.run(source))
    await app.until_begun(1)
    await source.fail(EntityError("gone"))
    with pytest.raises(EntityError):
        await task
    app.may_end.set()
    await dispatcher.finish()
    assert source.settled == [("a", "complete")]


async def test_the_lock_of_a_message_is_renewed_while_its_function_runs():
    app, source = App(waits=True), MemorySource("a", lock_seconds=0.2)
    async with running(SingleDispatcher(app.handling()), source):
        await app.until_begun(1)
        async with source.changed:
            await source.changed.wait_for(lambda: source.renewals >= 3)
        app.may_end.set()
        await source.until_settled(1)


async def test_without_a_renewal_duration_no_lock_is_renewed():
    app, source = App(waits=True), MemorySource("a", "b", lock_seconds=0.02)
    options = {"maxAutoLockRenewalDuration": "00:00:00", "maxConcurrentCalls": 1}
    async with running(SingleDispatcher(app.handling(**options)), source):
        await app.until_begun(1)
        await asyncio.get_running_loop().run_in_executor(None, int)
        app.may_end.set()
        await source.until_settled(2)
    assert source.renewals == 0


async def test_a_body_that_cannot_be_carried_is_abandoned():
    app, source = App(), MemorySource("a")
    message = source.take(None, 1)[0]
    object.__setattr__(message, "body", ["a", "sequence"])
    handling = app.handling()
    settled: list[Any] = []

    class Receiver:
        async def abandon(self, abandoned: Any) -> None:
            settled.append(abandoned)

    assert await handling.single(Receiver(), message) is False  # type: ignore[arg-type]
    assert settled == [message]
    assert "AMQP value or sequence of type 'list'" in app.text.getvalue()


@pytest.mark.parametrize("name", ["Diagnostic-Id", "traceparent"])
async def test_the_sender_s_trace_goes_on(name):
    app, source = App(), MemorySource("a")
    message = source.take(None, 1)[0]
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    message.application_properties.update({name: trace, "tracestate": "x=y"})
    receiver = await source.open(0)
    await app.handling().single(receiver, message)
    assert (app.events[0].traceparent, app.events[0].tracestate) == (trace, "x=y")


async def test_a_batch_takes_what_is_there_and_shares_one_fate():
    app, source = App(fails={"a|b|c"}), MemorySource("a", "b", "c")
    async with running(BatchDispatcher(app.handling()), source):
        settled = await source.until_settled(3)
        app.fails.clear()
        settled = await source.until_settled(6)
    assert [outcome for _, outcome in settled[:3]] == ["abandon"] * 3
    assert [outcome for _, outcome in settled[-3:]] == ["complete"] * 3


async def test_a_batch_is_no_larger_than_allowed():
    app, source = App(), MemorySource(*"abcde")
    async with running(BatchDispatcher(app.handling(maxMessageBatchSize=2)), source):
        await source.until_settled(5)
    assert app.begun == ["a|b", "c|d", "e"]


async def test_one_batch_at_a_time():
    app, source = App(waits=True), MemorySource("a")
    async with running(BatchDispatcher(app.handling()), source):
        await app.until_begun(1)
        await source.put("b")
        assert app.begun == ["a"]
        app.may_end.set()
        await source.until_settled(2)
    assert app.most == 1


async def test_a_batch_waits_for_the_least_number_of_messages():
    app, source = App(), MemorySource("a")
    options = {"minMessageBatchSize": 3, "maxBatchWaitTime": "00:01:00"}
    async with running(BatchDispatcher(app.handling(**options)), source):
        await source.put("b")
        await source.put("c")
        await source.until_settled(3)
    assert app.begun == ["a|b|c"]


async def test_a_batch_does_not_wait_longer_than_allowed():
    app, source = App(), MemorySource("a")
    options = {"minMessageBatchSize": 3, "maxBatchWaitTime": "00:00:00.01"}
    async with running(BatchDispatcher(app.handling(**options)), source):
        await source.until_settled(1)
    assert app.begun == ["a"]


async def test_to_stop_while_a_batch_is_collected_gives_it_back():
    app, source = App(), MemorySource("a")
    options = {"minMessageBatchSize": 3, "maxBatchWaitTime": "00:01:00"}
    dispatcher = BatchDispatcher(app.handling(**options))
    task = asyncio.create_task(dispatcher.run(source))
    async with source.changed:
        await source.changed.wait_for(lambda: len(source.asked) == 2)
    task.cancel()
    await asyncio.wait([task])
    await dispatcher.finish()
    assert source.settled == [("a", "release")]
    assert app.begun == []


def order_of(bodies: list[str], session: str) -> list[str]:
    return [body for body in bodies if body.startswith(f"{session}:")]


async def test_sessions_run_side_by_side_and_each_in_order():
    bodies = [f"{session}:{number}" for number in range(5) for session in "xyz"]
    app, source = App(), MemorySource(*bodies, sessions=True)
    handling = app.handling(sessionIdleTimeout="00:00:00.01")
    async with running(SessionDispatcher(handling, is_batched=False), source):
        await source.until_settled(len(bodies))
    for session in "xyz":
        assert order_of(app.begun, session) == [f"{session}:{number}" for number in range(5)]


async def test_no_more_sessions_are_held_than_allowed():
    app = App(waits=True)
    source = MemorySource("x:1", "y:1", "z:1", sessions=True)
    handling = app.handling(maxConcurrentSessions=2, sessionIdleTimeout="00:00:00.01")
    async with running(SessionDispatcher(handling, is_batched=False), source):
        await app.until_begun(2)
        assert source.held == {"x", "y"}
        app.may_end.set()
        await source.until_settled(3)
    assert app.most == 2
    assert source.held == set()


async def test_one_alone_asks_for_sessions_until_the_source_has_answered():
    app = App(waits=True)
    source = MemorySource(sessions=True)

    async def until_waiting(count: int) -> None:
        async with source.changed:
            await source.changed.wait_for(lambda: source.waiting_for_sessions >= count)

    async with running(SessionDispatcher(app.handling(), is_batched=False), source):
        await until_waiting(1)
        await asyncio.sleep(0)
        assert source.waiting_for_sessions == 1
        await source.put("x:1")
        await until_waiting(4)
        app.may_end.set()
        await source.until_settled(1)


async def test_a_failing_message_holds_up_its_session_and_no_other():
    app = App(fails={"x:1"})
    source = MemorySource("x:1", "x:2", "y:1", sessions=True)
    async with running(SessionDispatcher(app.handling(prefetchCount=5), is_batched=False), source):
        async with source.changed:
            await source.changed.wait_for(
                lambda: (
                    source.settled.count(("x:1", "abandon")) >= 3
                    and ("y:1", "complete") in source.settled
                )
            )
        app.fails.clear()
        async with source.changed:
            await source.changed.wait_for(lambda: ("x:2", "complete") in source.settled)
    assert order_of(app.begun, "x")[-2:] == ["x:1", "x:2"]
    assert app.begun.count("x:2") == 1


async def test_the_lock_of_a_session_is_renewed_while_it_is_held():
    app = App(waits=True)
    source = MemorySource("x:1", sessions=True, lock_seconds=0.2)
    async with running(SessionDispatcher(app.handling(), is_batched=False), source):
        async with source.changed:
            await source.changed.wait_for(lambda: source.renewals >= 2)
        app.may_end.set()
        await source.until_settled(1)


async def test_a_session_s_batches_are_of_that_session_alone():
    app = App()
    source = MemorySource("x:1", "y:1", "x:2", sessions=True)
    handling = app.handling(sessionIdleTimeout="00:00:00.01")
    async with running(SessionDispatcher(handling, is_batched=True), source):
        await source.until_settled(3)
    assert sorted(app.begun) == ["x:1|x:2", "y:1"]
    assert source.renewals == 0


async def test_to_stop_gives_a_session_back_after_its_function_has_ended():
    app = App(waits=True)
    source = MemorySource("x:1", "x:2", sessions=True)
    dispatcher = SessionDispatcher(app.handling(prefetchCount=5), is_batched=False)
    task = asyncio.create_task(dispatcher.run(source))
    await app.until_begun(1)
    task.cancel()
    await asyncio.wait([task])
    assert source.held == {"x"}
    app.may_end.set()
    await dispatcher.finish()
    assert source.held == set()
    assert source.settled == [("x:1", "complete"), ("x:2", "release")]
