"""Puts Service Bus triggers behind the host's seam."""

import asyncio
from datetime import UTC, datetime

from funchost.kinds import BindingError, HostedFunction, Services, TriggerEvent
from funchost.servicebus.connections import Connection, find_connection
from funchost.servicebus.conversion import (
    batch_data,
    batch_metadata,
    single_data,
    single_metadata,
)
from funchost.servicebus.entities import entity_use
from funchost.servicebus.messages import ReceivedMessage
from funchost.servicebus.options import ServiceBusOptions
from funchost.servicebus.providers import Providers
from funchost.servicebus.triggers.batches import BatchDispatcher
from funchost.servicebus.triggers.dispatch import Dispatcher
from funchost.servicebus.triggers.handling import Handling
from funchost.servicebus.triggers.sessions import SessionDispatcher
from funchost.servicebus.triggers.singles import SingleDispatcher

__all__ = ["ServiceBusTrigger", "manual_event"]

_FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
_SOUND_SECONDS = 10.0
"""After a run of so many seconds the next failure counts as the first one again."""


class ServiceBusTrigger:
    """Listens for one function, from `start` until `stop`. A failure of the connection is logged
    and listening begins anew; where the host's broker has moved into this process, at once."""

    def __init__(
        self,
        hosted: HostedFunction,
        services: Services,
        options: ServiceBusOptions,
        providers: Providers,
    ) -> None:
        """Raises BindingError for a trigger that is declared wrongly."""
        use = entity_use(hosted.function.name, hosted.trigger)
        cardinality = str(hosted.trigger.get("cardinality") or "ONE").upper()
        if cardinality not in {"ONE", "MANY"}:
            raise BindingError(f"'{cardinality}' is not a cardinality; it is ONE or MANY.")
        self._use = use
        self._providers = providers
        self._handling = Handling(hosted, services, options, use.path)
        self._dispatcher: Dispatcher
        if use.requires_session:
            self._dispatcher = SessionDispatcher(self._handling, is_batched=cardinality == "MANY")
        elif cardinality == "MANY":
            self._dispatcher = BatchDispatcher(self._handling)
        else:
            self._dispatcher = SingleDispatcher(self._handling)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises ConnectionSettingError."""
        connection = find_connection(self._use.connection)
        self._task = asyncio.create_task(
            self._listen(connection), name=f"Service Bus {self._use.path}"
        )

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._dispatcher.finish()

    async def _listen(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE_SECONDS
        while True:
            moved = self._providers.moved(connection)
            started = loop.time()
            try:
                await self._run_until(moved, connection)
            except Exception as error:
                # Whatever it is, the other messages of the entity must not wait for a restart.
                self._handling.report("Receive", error)
                if loop.time() - started > _SOUND_SECONDS:
                    pause = _FIRST_PAUSE_SECONDS
                await _wait(moved, pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                pause = _FIRST_PAUSE_SECONDS

    async def _run_until(self, moved: asyncio.Event, connection: Connection) -> None:
        """Raises SourceError; returns when the provider of the connection is another one."""
        provider = await self._providers.provider(connection)
        source = provider.source(self._use.path)
        running = asyncio.create_task(self._dispatcher.run(source))
        moving = asyncio.create_task(moved.wait())
        try:
            await asyncio.wait({running, moving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            moving.cancel()
            running.cancel()
            await asyncio.wait({running, moving})
            failure = None if running.cancelled() else running.exception()
        if failure is not None:
            raise failure


def manual_event(hosted: HostedFunction, text: str) -> TriggerEvent:
    """What a run through the management endpoint gives: a message that never was in an entity."""
    message = ReceivedMessage(
        body=text.encode(),
        sequence_number=-1,
        delivery_count=0,
        lock_token="00000000-0000-0000-0000-000000000000",  # noqa: S106 - of no lock
        enqueued_time=datetime.min.replace(tzinfo=UTC),
    )
    is_binary = str(hosted.trigger.get("dataType", "")).lower() == "binary"
    if str(hosted.trigger.get("cardinality")).upper() == "MANY":
        return TriggerEvent(batch_data([message], is_binary=is_binary), batch_metadata([message]))
    data = single_data(message, is_binary=is_binary)
    return TriggerEvent(data, single_metadata(message, data))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
