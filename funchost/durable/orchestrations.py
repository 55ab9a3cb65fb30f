"""Runs one episode of an orchestration: the function, the replay, and all that is to be written."""

import json
import time
from collections.abc import Callable
from datetime import datetime

from funchost.convert import Datum
from funchost.durable.actions import OrchestratorResult
from funchost.durable.batches import (
    Batch,
    Trace,
    new_execution_id,
    started_event,
    started_instance,
    take_batch,
    trace_of,
    traced,
)
from funchost.durable.decisions import (
    Command,
    CommandKind,
    Completed,
    Conclusion,
    ContinuedAsNew,
    Decision,
    FailedExecution,
    TerminatedExecution,
    request_id,
)
from funchost.durable.events import Event, EventType, to_micros
from funchost.durable.failures import orchestrator_failure
from funchost.durable.functions import FunctionTable
from funchost.durable.interface import RuntimeStatus
from funchost.durable.live import LiveInstance
from funchost.durable.options import DurableOptions
from funchost.durable.replay import Replay
from funchost.durable.store.records import (
    DelayedEvent,
    EpisodeCommit,
    NewActivity,
    OutgoingMessage,
)
from funchost.durable.wire import (
    EntityRequest,
    WireError,
    entity_request,
    orchestrator_context,
    parse_orchestrator_result,
    stored_activity_input,
    timestamp,
)
from funchost.invoke import FunctionTimeoutError, InvocationFailedError
from funchost.kinds import HostedFunction, Invoke, TriggerEvent
from funchost.spans import HostSpans

__all__ = ["Aborted", "OrchestrationRunner"]

_MARKER = "$OutOfProcData$:"
_CUSTOM_STATUS_LIMIT = 16 * 1024
"""Bytes of UTF-16, as the real host counts."""


class Aborted(Exception):
    """The episode came to nothing and is to be run again; the text says why."""


class OrchestrationRunner:
    def __init__(
        self,
        options: DurableOptions,
        functions: FunctionTable,
        invoke: Invoke,
        now: Callable[[], datetime],
        spans: HostSpans | None = None,
    ) -> None:
        self._options = options
        self._functions = functions
        self._invoke = invoke
        self._now = now
        self._spans = spans

    async def run(self, live: LiveInstance, hosted: HostedFunction) -> EpisodeCommit | None:
        """None when all messages are of an execution that is over. Raises Aborted."""
        at = to_micros(self._now())
        batch = take_batch(live, at)
        if len(batch.events) == 1:
            return None
        context = orchestrator_context(
            live.history,
            batch.events,
            input=live.input,
            instance_id=live.id,
            parent_instance_id=live.parent_id,
            http_sleep_milliseconds=self._options.http_sleep_milliseconds,
        )
        trace = trace_of(live, batch.events)
        result = await self._call(hosted, context, trace)
        decision = Replay(
            live.name,
            result,
            self._functions.names,
            instance_id=live.id,
            parent_id=live.parent_id,
            maximum_actions=self._options.maximum_actions,
        ).run(live.history, batch.events)
        return self._commit(live, batch, result, decision)

    def conclude(self, live: LiveInstance, conclusion: Conclusion) -> EpisodeCommit:
        """Ends an instance without running its function."""
        batch = take_batch(live, to_micros(self._now()))
        number = 1 + max((event.id for event in live.history), default=-1)
        decision = Decision((), conclusion, number, is_suspended=False)
        return self._commit(live, batch, OrchestratorResult(is_done=True), decision)

    async def _call(
        self, hosted: HostedFunction, context: str, trace: Trace | None
    ) -> OrchestratorResult:
        own = "" if trace is None else trace[0]
        try:
            outcome = await self._invoke(
                hosted, TriggerEvent(Datum(context, "string"), traceparent=own)
            )
            returned = outcome.returned
            return parse_orchestrator_result(str(returned.value if returned else None))
        except WireError as error:
            return OrchestratorResult(is_done=True, error=str(error))
        except InvocationFailedError as failure:
            cause = failure.__cause__ or failure
            if isinstance(cause, FunctionTimeoutError):
                raise Aborted(str(cause)) from cause
            _, marker, data = str(cause).partition(_MARKER)
            if marker:
                try:
                    return parse_orchestrator_result(data)
                except WireError:
                    pass  # the app's own text has the marker in it
            return OrchestratorResult(is_done=True, error=orchestrator_failure(cause))

    def _commit(
        self,
        live: LiveInstance,
        batch: Batch,
        result: OrchestratorResult,
        decision: Decision,
    ) -> EpisodeCommit:
        at = to_micros(self._now())
        conclusion = self._limited(live, batch, result, decision)
        commands = () if conclusion is not decision.conclusion else decision.commands
        commit = EpisodeCommit(
            live.id,
            live.epoch,
            batch.numbers,
            RuntimeStatus.SUSPENDED if decision.is_suspended else RuntimeStatus.RUNNING,
            at,
            live.execution_id,
            history_from=len(live.history),
            custom_status=live.custom_status
            if result.custom_status is None
            else result.custom_status,
            problem="\n".join(decision.problems) or None,
        )
        events = batch.events.copy()
        trace = trace_of(live, events)
        for command in commands:
            events.append(self._carry_out(live, command, commit, at, trace))
        if conclusion is not None:
            self._finish(live, conclusion, commit, batch, decision.next_id, events, trace)
        if commit.history_from or events:
            events.append(Event(EventType.ORCHESTRATOR_COMPLETED, at))
        commit.events = events
        return commit

    def _limited(
        self, live: LiveInstance, batch: Batch, result: OrchestratorResult, decision: Decision
    ) -> Conclusion | None:
        """The decision's conclusion, or a failure where a limit is exceeded."""
        problem = None
        most = self._options.maximum_payload
        length = len(live.history) + len(batch.events) + len(decision.commands) + 1
        if _utf16_size(result.custom_status) > _CUSTOM_STATUS_LIMIT:
            problem = (
                "The size of the JSON-serialized payload must not exceed 16 KB of UTF-16 text. "
                "It is that of the custom status."
            )
        elif (too_large := _oversized(result, decision, most)) is not None:
            problem = (
                f"{too_large} is larger than the {most} bytes that "
                "extensions.durableTask.local.maxPayloadBytes in host.json allows."
            )
        elif decision.conclusion is None and length > self._options.maximum_history:
            problem = (
                f"The history has {length} events, more than the {self._options.maximum_history} "
                "that extensions.durableTask.local.maxHistoryEvents in host.json allows. "
                "An orchestration that goes on for ever should continue as new."
            )
        if problem is None:
            return decision.conclusion
        return FailedExecution(
            f"Orchestrator function '{live.name}' failed: {problem}",
            f"Message: {problem}, StackTrace: ",
        )

    def _carry_out(
        self,
        live: LiveInstance,
        command: Command,
        commit: EpisodeCommit,
        at: int,
        trace: Trace | None,
    ) -> Event:
        """Adds the command's work to the commit, and returns its event."""
        match command.kind:
            case CommandKind.ACTIVITY:
                commit.activities.append(
                    NewActivity(
                        command.id, command.name, command.input, None if trace is None else trace[0]
                    )
                )
                stored = (
                    stored_activity_input(command.input) if self._options.stores_inputs else None
                )
                task = {"name": command.name, "version": None, "input": stored}
                return Event(EventType.TASK_SCHEDULED, at, task, command.id)
            case CommandKind.SUB_ORCHESTRATION:
                return self._start_child(live, command, commit, at, trace)
            case CommandKind.TIMER:
                self._set_timer(live, command, commit, at)
                timer = {"fire_at": command.fire_at}
                return Event(EventType.TIMER_CREATED, at, timer, command.id)
            case CommandKind.EVENT:
                return self._send(live, command, commit, at)

    def _start_child(
        self,
        live: LiveInstance,
        command: Command,
        commit: EpisodeCommit,
        at: int,
        trace: Trace | None,
    ) -> Event:
        assert command.instance_id is not None
        version = command.version or self._options.default_version
        parent = {
            "instance_id": live.id,
            "execution_id": live.execution_id,
            "name": live.name,
            "version": live.version,
            "task_id": command.id,
        }
        commit.children.append(
            started_instance(
                command.instance_id,
                command.name,
                command.input,
                version,
                at,
                parent=parent,
                trace=traced(trace[0]) if trace is not None else None,
            )
        )
        members = {
            "name": command.name,
            "version": version,
            "instance_id": command.instance_id,
            "input": command.input,
        }
        return Event(EventType.SUB_ORCHESTRATION_CREATED, at, members, command.id)

    def _set_timer(
        self, live: LiveInstance, command: Command, commit: EpisodeCommit, at: int
    ) -> None:
        fired = Event(
            EventType.TIMER_FIRED, at, {"task_id": command.id, "fire_at": command.fire_at}
        )
        if command.fire_at <= at:
            commit.messages.append(OutgoingMessage(live.id, live.execution_id, fired))
        else:
            commit.delayed.append(DelayedEvent(command.fire_at, live.id, live.execution_id, fired))

    def _send(self, live: LiveInstance, command: Command, commit: EpisodeCommit, at: int) -> Event:
        assert command.instance_id is not None
        due = command.fire_at or None
        content = entity_request(
            EntityRequest(
                request_id(live.execution_id, command.id),
                command.name,
                command.input,
                is_signal=command.is_signal,
                parent_instance_id=live.id,
                parent_execution_id=live.execution_id,
                due=due,
            ),
            at,
        )
        name = "op" if due is None else f"op@{timestamp(due)}"
        raised = Event(EventType.EVENT_RAISED, at, {"name": name, "input": content})
        if due is not None and due > at:
            commit.delayed.append(DelayedEvent(due, command.instance_id, None, raised))
        else:
            commit.messages.append(OutgoingMessage(command.instance_id, None, raised))
        members = {"instance_id": command.instance_id, "name": name, "input": content}
        return Event(EventType.EVENT_SENT, at, members, command.id)

    def _finish(
        self,
        live: LiveInstance,
        conclusion: Conclusion,
        commit: EpisodeCommit,
        batch: Batch,
        number: int,
        events: list[Event],
        trace: Trace | None,
    ) -> None:
        commit.drops_delayed = live.has_delayed
        if isinstance(conclusion, ContinuedAsNew):
            self._continue_as_new(live, conclusion, commit, batch, trace)
            events.clear()
            return
        details = ""
        match conclusion:
            case Completed(output):
                commit.status, commit.output = RuntimeStatus.COMPLETED, output
            case FailedExecution(reason, details):
                # The text is the app's: it may hold what cannot be stored as it is.
                commit.status = RuntimeStatus.FAILED
                commit.output = reason.encode("utf-8", "backslashreplace").decode()
            case TerminatedExecution(reason):
                commit.status, commit.output = RuntimeStatus.TERMINATED, reason
        if self._spans is not None and trace is not None:
            self._send_span(self._spans, live, commit, trace)
        members = {"status": int(commit.status), "result": commit.output}
        events.append(Event(EventType.EXECUTION_COMPLETED, commit.at, members, number))
        if live.parent is not None:
            commit.messages.append(_report(live, commit, details))

    @staticmethod
    def _send_span(
        spans: HostSpans, live: LiveInstance, commit: EpisodeCommit, trace: Trace
    ) -> None:
        """From its creation to now: business time may be hours ahead of the machine's."""
        ended = time.time_ns()
        spans.send(
            f"orchestration:{live.name}",
            trace[0],
            trace[1],
            ended - (commit.at - live.created) * 1000,
            ended,
            {
                "durabletask.type": "orchestration",
                "durabletask.task.name": live.name,
                "durabletask.task.instance_id": live.id,
                "durabletask.task.status": commit.status.text,
            },
            is_failed=commit.status is RuntimeStatus.FAILED,
        )

    def _continue_as_new(
        self,
        live: LiveInstance,
        conclusion: ContinuedAsNew,
        commit: EpisodeCommit,
        batch: Batch,
        trace: Trace | None,
    ) -> None:
        """The next execution begins with messages of its own. What came after the decision is not
        taken: it stays where it is, in its order, for the next one."""
        carried = {batch.by_event[id(event)] for event in conclusion.carried}
        commit.consumed = [number for number in batch.numbers if number not in carried]
        commit.history_from = 0
        commit.execution_id = new_execution_id()
        commit.input, commit.replaces_input = conclusion.input, True
        started = started_event(
            live.id,
            live.name,
            conclusion.input,
            live.version,
            commit.at,
            execution_id=commit.execution_id,
            parent=live.parent,
            trace=trace,
        )
        commit.messages.append(OutgoingMessage(live.id, commit.execution_id, started))


def _report(live: LiveInstance, commit: EpisodeCommit, details: str) -> OutgoingMessage:
    """Tells the parent how its sub-orchestration ended."""
    assert live.parent is not None
    task_id = live.parent["task_id"]
    if commit.status is RuntimeStatus.COMPLETED:
        event = Event(
            EventType.SUB_ORCHESTRATION_COMPLETED,
            commit.at,
            {"task_id": task_id, "result": commit.output},
        )
    else:
        event = Event(
            EventType.SUB_ORCHESTRATION_FAILED,
            commit.at,
            {"task_id": task_id, "reason": commit.output, "details": details},
        )
    return OutgoingMessage(live.parent["instance_id"], live.parent["execution_id"], event)


def _oversized(result: OrchestratorResult, decision: Decision, most: int) -> str | None:
    if _is_larger(result.output, most):
        return "The output of the orchestrator"
    for command in decision.commands:
        if _is_larger(command.input, most):
            return f"The input of the {command.kind.value} '{command.name}'"
    conclusion = decision.conclusion
    if isinstance(conclusion, ContinuedAsNew) and _is_larger(conclusion.input, most):
        return "The input to continue with"
    return None


def _utf16_size(text: str | None) -> int:
    """Of the JSON text without escapes, as the real host writes it; 0 for a short one."""
    if text is None or len(text) * 2 <= _CUSTOM_STATUS_LIMIT:
        return 0
    plain = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    return len(plain.encode("utf-16-le", "surrogatepass"))


def _is_larger(text: str | None, most: int) -> bool:
    """In UTF-8, whose characters have up to four bytes; the usual short text is not encoded."""
    if text is None or len(text) * 4 <= most:
        return False
    return len(text) > most or len(text.encode("utf-8", "surrogatepass")) > most
