"""Runs one activity and says how it ended."""

from collections.abc import Callable
from datetime import datetime

from funchost.convert import Datum
from funchost.durable.actions import HTTP_ACTIVITY
from funchost.durable.events import Event, EventType, to_micros
from funchost.durable.failures import activity_failure, missing_activity
from funchost.durable.functions import DurableKind, FunctionTable
from funchost.durable.http_activity import HttpActivityError, call_http
from funchost.durable.options import DurableOptions
from funchost.durable.store.records import ActivityRow
from funchost.invoke import InvocationFailedError
from funchost.kinds import Invoke, TriggerEvent
from funchost.logs import ERROR, HostLog

__all__ = ["ActivityRunner"]


class ActivityRunner:
    def __init__(
        self,
        options: DurableOptions,
        functions: FunctionTable,
        invoke: Invoke,
        now: Callable[[], datetime],
        log: HostLog,
    ) -> None:
        self._options = options
        self._functions = functions
        self._invoke = invoke
        self._now = now
        self._log = log

    async def run(self, activity: ActivityRow) -> Event:
        """TASK_COMPLETED or TASK_FAILED."""
        if activity.name == HTTP_ACTIVITY:
            return await self._call_http(activity)
        hosted = self._functions.find(DurableKind.ACTIVITY, activity.name)
        if hosted is None:
            reason, details = missing_activity(activity.name)
            self._log.log("Host.Triggers.DurableTask", ERROR, reason)
            return self.failed(activity, reason, details)
        data = Datum(activity.input, "string")
        metadata = {"instanceId": Datum(activity.instance_id, "string"), "data": data}
        try:
            outcome = await self._invoke(
                hosted, TriggerEvent(data, metadata, traceparent=activity.traceparent or "")
            )
        except InvocationFailedError as failure:
            cause = failure.__cause__ or failure
            return self.failed(activity, *activity_failure(activity.name, cause))
        returned = outcome.returned
        result = None if returned is None or returned.value is None else str(returned.value)
        return self._completed(activity, None if result == "null" else result)

    def failed(self, activity: ActivityRow, reason: str, details: str) -> Event:
        members = {"task_id": activity.task_id, "reason": reason, "details": details}
        return Event(EventType.TASK_FAILED, to_micros(self._now()), members)

    def _completed(self, activity: ActivityRow, result: str | None) -> Event:
        most = self._options.maximum_payload
        if result is not None and len(result.encode("utf-8", "surrogatepass")) > most:
            error = ValueError(
                f"the result is larger than the {most} bytes that "
                "extensions.durableTask.local.maxPayloadBytes in host.json allows"
            )
            return self.failed(activity, *activity_failure(activity.name, error))
        members = {"task_id": activity.task_id, "result": result}
        return Event(EventType.TASK_COMPLETED, to_micros(self._now()), members)

    async def _call_http(self, activity: ActivityRow) -> Event:
        try:
            return self._completed(activity, await call_http(activity.input))
        except HttpActivityError as error:
            return self.failed(activity, *activity_failure(activity.name, error))
