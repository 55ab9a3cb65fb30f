"""An app's durable functions, run by the engine in the test's own process and on a clock that the
test moves."""

import contextlib
import functools
import io
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from funchost.clock import ManualClock
from funchost.durable.client import HubClient
from funchost.durable.extension import DurableExtension
from funchost.durable.interface import InstanceStatus, RuntimeStatus
from funchost.function import Function
from funchost.hostjson import HostJson
from funchost.index import functions_of
from funchost.invoke import Invoker
from funchost.kinds import BindingKinds, Services
from funchost.logs import Console, HostLog
from funchost.rules import host_function
from funchost.threads import ThreadPool

START = datetime(2026, 1, 1, tzinfo=UTC)
_PATIENCE_SECONDS = 30.0


@dataclass
class RunningApp:
    client: HubClient
    clock: ManualClock
    extension: DurableExtension
    printed: io.StringIO

    async def start(self, name: str, value: Any = None, **options: Any) -> str:
        """As the SDK's client does: JSON within JSON."""
        text = None if value is None else json.dumps(json.dumps(value))
        return await self.client.start(name, input=text, **options)

    async def raise_event(self, instance_id: str, name: str, value: Any = None) -> None:
        await self.client.raise_event(instance_id, name, json.dumps(value))

    async def until(
        self, instance_id: str, reached: Callable[[InstanceStatus], bool]
    ) -> InstanceStatus:
        """The status for which `reached` is true."""
        revision = -1
        while True:
            status = await self.client.wait_for_change(instance_id, revision, _PATIENCE_SECONDS)
            assert status is not None, instance_id
            if reached(status):
                return status
            assert status.revision != revision, status
            revision = status.revision

    async def finished(self, instance_id: str) -> InstanceStatus:
        return await self.until(instance_id, lambda status: status.is_finished)

    async def result(self, name: str, value: Any = None, **options: Any) -> Any:
        """The output of an orchestration that is started and completes."""
        status = await self.finished(await self.start(name, value, **options))
        assert status.runtime_status is RuntimeStatus.COMPLETED, status
        return None if status.output is None else json.loads(status.output)

    async def recorded(self, instance_id: str, kind: int, count: int = 1) -> InstanceStatus:
        """Once its history has `count` events of the type."""
        revision = -1
        while True:
            status = await self.client.wait_for_change(instance_id, revision, _PATIENCE_SECONDS)
            assert status is not None
            history = await self.client.history(instance_id)
            if sum(event["EventType"] == kind for event in history) >= count:
                return status
            assert status.revision != revision, status
            revision = status.revision

    def advance(self, **duration: float) -> None:
        self.clock.advance(timedelta(**duration))


@functools.cache
def _indexed(app: df.DFApp) -> list[Function]:
    """An app can be asked for its functions once."""
    return functions_of(app)


@contextlib.asynccontextmanager
async def running(
    app: df.DFApp,
    state: Path,
    *,
    options: Mapping[str, Any] | None = None,
    clock: ManualClock | None = None,
    function_timeout: float | None = None,
    machine_time: Callable[[], float] = time.time,
) -> AsyncGenerator[RunningApp, None]:
    """`options` is host.json's `extensions.durableTask`. Several may run on one state folder: they
    are to each other as processes are."""
    printed = io.StringIO()
    log = HostLog(Console(printed))
    pool = ThreadPool(8)
    invoker = Invoker(log, pool, function_timeout)
    clock = clock or ManualClock(START)
    host_json = HostJson({"version": "2.0", "extensions": {"durableTask": options or {}}})
    services = Services(invoker.trigger, clock, state, host_json, log)
    extension = DurableExtension(services, machine_time=machine_time, backoff_seconds=0.0)
    kinds = BindingKinds()
    extension.register(kinds)
    for function in _indexed(app):
        hosted = host_function(function, kinds)
        factory = kinds.triggers[hosted.trigger_type]
        assert factory is not None
        factory(hosted, services)
    await extension.start()
    try:
        yield RunningApp(extension.hubs.client(), clock, extension, printed)
    finally:
        await extension.stop()
        extension.close()
        invoker.close()
        pool.close()
