"""Runs the function for a message or a batch, and settles what it was given."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from funchost.convert import Datum, decode
from funchost.failures import failure_text
from funchost.invoke import InvocationFailedError
from funchost.kinds import HostedFunction, Services, TriggerEvent
from funchost.logs import ERROR
from funchost.servicebus.conversion import (
    ConversionError,
    batch_data,
    batch_metadata,
    single_data,
    single_metadata,
    trigger_details,
)
from funchost.servicebus.deferred import DeferredMetadata, argument
from funchost.servicebus.messages import ReceivedMessage
from funchost.servicebus.options import ServiceBusOptions
from funchost.servicebus.sources.port import MessageReceiver, Receiver
from funchost.servicebus.triggers.renewal import LockRenewal

__all__ = ["Handling"]

_CATEGORY = "Host.Triggers.ServiceBus"
# The first is .NET's own, the second the W3C's name.
_TRACE_PROPERTIES = ("Diagnostic-Id", "traceparent")


class Handling:
    """Of one function. Nothing here raises but for cancellation: what goes wrong is in the log, and
    the message comes back or has been lost to another receiver."""

    def __init__(
        self, hosted: HostedFunction, services: Services, options: ServiceBusOptions, entity: str
    ) -> None:
        self.options = options
        self._hosted = hosted
        self._services = services
        self._entity = entity
        self._is_binary = str(hosted.trigger.get("dataType", "")).lower() == "binary"
        self._auto_complete = _flag(
            hosted.trigger.get("autoCompleteMessages"), options.auto_complete
        )

    async def single(self, receiver: Receiver, message: ReceivedMessage) -> bool:
        """Whether the function succeeded and the message is settled as that asks for."""
        try:
            data = single_data(message, is_binary=self._is_binary)
            metadata = DeferredMetadata(lambda: single_metadata(message, data))
            event = self._event([message], data, metadata)
        except ConversionError as error:
            self._report_conversion(error)
            return await self._settle(False, receiver, [message])
        return await self._settle(await self._invoke(event), receiver, [message])

    async def single_renewed(self, receiver: MessageReceiver, message: ReceivedMessage) -> None:
        """As `single`, with the message's lock kept meanwhile."""
        renewal = LockRenewal(lambda: receiver.renew(message), self.options.max_lock_renewal)
        renewal.start(message.locked_until)
        try:
            await self.single(receiver, message)
        finally:
            await renewal.stop()

    async def batch(self, receiver: Receiver, messages: Sequence[ReceivedMessage]) -> bool:
        """All of a batch share its fate."""
        try:
            data = batch_data(messages, is_binary=self._is_binary)
            event = self._event(messages, data, batch_metadata(messages), is_batch=True)
        except ConversionError as error:
            self._report_conversion(error)
            return await self._settle(False, receiver, messages)
        return await self._settle(await self._invoke(event), receiver, messages)

    def report(self, action: str, error: Exception) -> None:
        """In the words of the extension's exception handler."""
        self._services.log.log(
            _CATEGORY,
            ERROR,
            f"Message processing error (Action={action}, EntityPath={self._entity}): {error}",
        )

    def _event(
        self,
        messages: Sequence[ReceivedMessage],
        data: Datum,
        metadata: Mapping[str, Datum],
        *,
        is_batch: bool = False,
    ) -> TriggerEvent:
        properties = messages[0].application_properties if not is_batch else {}
        traceparent = next(
            (
                value
                for name in _TRACE_PROPERTIES
                if isinstance(value := properties.get(name), str) and value
            ),
            "",
        )
        tracestate = properties.get("tracestate", "")
        return TriggerEvent(
            data,
            metadata,
            details=trigger_details(messages, is_batch=is_batch),
            traceparent=traceparent,
            tracestate=tracestate if isinstance(tracestate, str) else "",
            decode=decode if is_batch else argument,
        )

    async def _invoke(self, event: TriggerEvent) -> bool:
        try:
            await self._services.invoke(self._hosted, event)
        except InvocationFailedError:
            return False  # its failure is in the log
        return True

    async def _settle(
        self, succeeded: bool, receiver: Receiver, messages: Sequence[ReceivedMessage]
    ) -> bool:
        if succeeded and not self._auto_complete:
            return True
        action = "Complete" if succeeded else "Abandon"
        settle = receiver.complete if succeeded else receiver.abandon
        if len(messages) == 1:
            return await self._attempt(action, settle(messages[0])) and succeeded
        settled = await asyncio.gather(
            *(self._attempt(action, settle(message)) for message in messages)
        )
        return succeeded and all(settled)

    async def _attempt(self, action: str, settlement: Awaitable[None]) -> bool:
        try:
            await settlement
        except Exception as error:
            self.report(action, error)
            return False
        return True

    def _report_conversion(self, error: ConversionError) -> None:
        name = self._hosted.function.name
        self._services.log.log(
            f"Function.{name}",
            ERROR,
            f"Exception while executing function: Functions.{name}. {failure_text(error)}",
        )


def _flag(value: object, default: bool) -> bool:
    return default if value is None else str(value).lower() == "true"
