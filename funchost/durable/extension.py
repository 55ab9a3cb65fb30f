"""Durable Functions behind the host's seam for triggers."""

import os
import sqlite3
import time
from collections.abc import Callable
from functools import partial

from funchost.durable.functions import DurableKind, FunctionTable
from funchost.durable.hubs import Hubs
from funchost.durable.options import DurableOptions
from funchost.kinds import BindingKinds, HostedFunction, Services
from funchost.logs import ERROR

__all__ = ["DurableExtension"]


class DurableExtension:
    """One per host. The engine runs where the app has durable functions; a hub's database is made
    when it is first needed."""

    def __init__(
        self,
        services: Services,
        *,
        machine_time: Callable[[], float] = time.time,
        backoff_seconds: float = 1.0,
    ) -> None:
        """`machine_time` is that of leases, `backoff_seconds` the first wait after an episode that
        came to nothing. Raises SettingsError."""
        self.options = DurableOptions.read(services.host_json, os.cpu_count() or 1)
        self.functions = FunctionTable()
        self.hubs = Hubs(services.state, self.options, services.clock.now, self.functions)
        self._services = services
        self._machine_time = machine_time
        self._backoff_seconds = backoff_seconds

    def register(self, kinds: BindingKinds) -> None:
        kinds.triggers |= {
            "orchestrationtrigger": partial(DurableTrigger, self, DurableKind.ORCHESTRATOR),
            "activitytrigger": partial(DurableTrigger, self, DurableKind.ACTIVITY),
            "entitytrigger": partial(DurableTrigger, self, DurableKind.ENTITY),
        }

    async def start(self) -> None:
        """Takes up the work of the default hub. Where that is impossible, the log says so and the
        other functions run."""
        hub = self.hubs.hub(self.hubs.default_hub)
        if self.functions.is_empty or hub.engine is not None:
            return
        # Only apps with durable functions pay for the engine.
        from funchost.durable.engine import Engine
        from funchost.durable.lease import Lease
        from funchost.durable.sdk_times import read_own_times

        read_own_times()
        services = self._services
        try:
            hub.engine = Engine(
                hub.writer(),
                Lease(hub.file.parent, hub.name, self._machine_time),
                self.options,
                self.functions,
                services.invoke,
                services.clock,
                services.log,
                hub.changes.tell,
                self._backoff_seconds,
                services.spans,
            )
            await hub.engine.start()
        except (sqlite3.Error, OSError) as error:
            hub.engine = None
            services.log.log(
                "Host.Startup", ERROR, f"The task hub '{hub.name}' cannot be used: {error}"
            )

    async def stop(self) -> None:
        """Running functions end and their results are committed; clients are served until
        `close`."""
        hub = self.hubs.hub(self.hubs.default_hub)
        if hub.engine is not None:
            await hub.engine.stop()
            hub.engine = None

    def close(self) -> None:
        self.hubs.close()


class DurableTrigger:
    """A durable function: the engine calls it, so there is nothing to listen to."""

    def __init__(
        self,
        extension: DurableExtension,
        kind: DurableKind,
        hosted: HostedFunction,
        _services: Services,
    ) -> None:
        """Raises BindingError for a second function of the same name."""
        extension.functions.add(kind, hosted)

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return
