"""Runs functions: arguments, threads, time limit, log lines, outputs, retries."""

import asyncio
import contextvars
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from funchost.context import (
    Context,
    Invocation,
    Out,
    RetryContext,
    RpcException,
    current_invocation,
    thread_local_storage,
)
from funchost.convert import Datum, decode, encode
from funchost.failures import as_rpc_exception, failure_text
from funchost.function import Function, RetryPolicy
from funchost.kinds import HostedFunction, Outcome, TriggerEvent
from funchost.logs import DEBUG, ERROR, INFORMATION, HostLog
from funchost.spans import HostSpans
from funchost.threads import ThreadPool

__all__ = ["HTTP_REASON", "FunctionTimeoutError", "InvocationFailedError", "Invoker"]

HTTP_REASON = "This function was programmatically called via the host APIs."
# The triggers whose binding says [SupportsRetry]; the policy of any other is ignored.
_RETRIED_TRIGGERS = frozenset(
    {"timertrigger", "eventhubtrigger", "kafkatrigger", "cosmosdbtrigger"}
)

T = TypeVar("T")


class InvocationFailedError(Exception):
    """A function failed; its failure has been logged. The cause is `__cause__`."""


class FunctionTimeoutError(Exception):
    """The function ran longer than host.json's `functionTimeout`."""


class _Lines:
    """What is the same in every log line of one function."""

    def __init__(self, log: HostLog, name: str) -> None:
        threshold = log.threshold(f"Function.{name}")
        self.category = f"Function.{name}"
        self.is_chatty = threshold <= INFORMATION
        self.executing = f"Executing 'Functions.{name}' (Reason='"
        self.succeeded = f"Executed 'Functions.{name}' (Succeeded, Id="


class Invoker:
    """`timeout` is in seconds; None is no limit."""

    def __init__(
        self,
        log: HostLog,
        pool: ThreadPool,
        timeout: float | None = None,
        retry: RetryPolicy | None = None,
        spans: HostSpans | None = None,
    ) -> None:
        self._log = log
        self._console = log.console
        self._pool = pool
        self._timeout = timeout
        self._retry = retry
        self._spans = spans
        self._lines: dict[str, _Lines] = {}
        self._active: dict[str, Invocation] = {}
        self._watch: asyncio.TimerHandle | None = None

    @property
    def active_count(self) -> int:
        return len(self._active)

    def function_of_current_invocation(self) -> str | None:
        """For a log line: by the context of this task or thread, or by the invocation id that the
        app put into `thread_local_storage` of a thread of its own."""
        invocation = current_invocation.get()
        if invocation is None:
            identity = getattr(thread_local_storage, "invocation_id", None)
            invocation = self._active.get(identity) if isinstance(identity, str) else None
        return None if invocation is None else invocation.function_name

    def retries(self, hosted: HostedFunction) -> bool:
        """Whether a retry policy has any effect on this function."""
        return hosted.trigger_type in _RETRIED_TRIGGERS

    async def trigger(self, hosted: HostedFunction, event: TriggerEvent) -> Outcome:
        """See kinds.Invoke."""
        function = hosted.function
        policy = function.retry or self._retry
        if not self.retries(hosted):
            policy = None
        attempt = 0
        previous: RpcException | None = None
        while True:
            invocation = Invocation(
                function.name, time.perf_counter(), event.traceparent, event.tracestate
            )
            if policy is not None:
                invocation.retry = RetryContext(attempt, policy.maximum_retries, previous)
            try:
                returned = await self.run(hosted, invocation, event, _encode_return)
                return Outcome(invocation.id, returned)
            except InvocationFailedError as failure:
                if policy is None:
                    raise
                if attempt == policy.maximum_retries:
                    self._log.log(
                        f"Function.{function.name}",
                        ERROR,
                        f"Function execution failed after '{attempt}' retries.",
                    )
                    raise
                previous = as_rpc_exception(failure.__cause__ or failure)
            delay = policy.delay(attempt)
            attempt += 1
            self._log.log(
                f"Function.{function.name}",
                DEBUG,
                f"Waiting for `{timedelta(seconds=delay)}` before retrying function execution. "
                f"Next attempt: '{attempt}'. Max retry count: '{policy.maximum_retries}'.",
            )
            await asyncio.sleep(delay)

    async def run(
        self,
        hosted: HostedFunction,
        invocation: Invocation,
        event: TriggerEvent,
        conclude: Callable[[HostedFunction, Any, Mapping[str, Any]], T],
        arguments: dict[str, Any] | None = None,
    ) -> T:
        """One attempt. `conclude` turns the result and the arguments into what the trigger wants;
        `arguments` has the trigger's own, unless that is to be decoded from the event. Whatever
        goes wrong in any of it, in the function or in an output binding is logged and raised as
        InvocationFailedError."""
        function = hosted.function
        lines = self._lines.get(function.name) or self._prepare_lines(function.name)
        if lines.is_chatty:
            console = self._console
            console.write(
                f"{console.stamp()}{lines.executing}{event.reason}', Id={invocation.id})\n"
            )
            if event.details is not None:
                console.line(event.details)
        self._active[invocation.id] = invocation
        if self._watch is None and self._timeout is not None:
            self._watch_active()
        if self._spans is not None:
            self._spans.begin(invocation)
        failure: BaseException | None = None
        token = current_invocation.set(invocation)
        try:
            if arguments is None:
                name = hosted.trigger["name"]
                parameter = function.inputs[name]
                arguments = {name: event.decode(parameter, event.data, event.metadata)}
            for name, parameter, binding, source in hosted.inputs:
                arguments[name] = decode(parameter, await source(binding, event))
            if function.requires_context:
                arguments["context"] = Context(invocation, function.name, function.directory)
            for name in function.outputs:
                arguments[name] = Out()
            if function.is_async:
                result = await self._run_async(function, invocation, arguments)
            else:
                result = await self._run_in_thread(function, invocation, arguments)
            if result is not None and function.returns is None:
                raise RuntimeError(
                    f"function {function.name!r} without a $return binding returned a "
                    "non-None value"
                )
            concluded = conclude(hosted, result, arguments)
            if hosted.outputs:
                await _send_outputs(hosted, result, arguments)
        except BaseException as error:
            # SystemExit of an app fails its invocation; only the end of the host cancels this task.
            failure = error
            self._report_failure(lines, invocation, error)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise InvocationFailedError(function.name) from error
        finally:
            current_invocation.reset(token)
            if self._spans is not None:
                self._spans.end(invocation, hosted.trigger_type, failure)
            del self._active[invocation.id]
        if lines.is_chatty:
            milliseconds = int((time.perf_counter() - invocation.started) * 1000)
            console.write(
                f"{console.stamp()}{lines.succeeded}{invocation.id}, Duration={milliseconds}ms)\n"
            )
        else:
            self._console.flush_soon()
        return concluded

    async def _run_async(
        self, function: Function, invocation: Invocation, arguments: dict[str, Any]
    ) -> Any:
        task = asyncio.current_task()
        assert task is not None
        invocation.cancel = task.cancel
        thread_local_storage.invocation_id = invocation.id
        try:
            return await function.code(**arguments)
        except asyncio.CancelledError as error:
            if invocation.timed_out:
                task.uncancel()
                raise self._timeout_error(function.name) from error
            if task.cancelling():
                raise
            # The app cancelled something of its own and let it escape.
            raise RuntimeError("the function was cancelled from within") from error
        finally:
            invocation.cancel = None

    async def _run_in_thread(
        self, function: Function, invocation: Invocation, arguments: dict[str, Any]
    ) -> Any:
        future = self._pool.submit(
            contextvars.copy_context(), _call, function.code, arguments, invocation.id
        )

        def give_up() -> None:
            if not future.done():
                future.set_result((self._timeout_error(function.name), None))

        invocation.cancel = give_up
        error, result = await future
        if isinstance(error, asyncio.CancelledError):
            # Of the app's own making: nobody cancels this task from within a thread.
            raise RuntimeError("the function was cancelled from within") from error
        if error is not None:
            raise error
        return result

    def _prepare_lines(self, name: str) -> _Lines:
        lines = self._lines[name] = _Lines(self._log, name)
        return lines

    def _report_failure(self, lines: _Lines, invocation: Invocation, error: BaseException) -> None:
        milliseconds = int((time.perf_counter() - invocation.started) * 1000)
        name = invocation.function_name
        self._log.log(
            lines.category,
            ERROR,
            f"Executed 'Functions.{name}' (Failed, Id={invocation.id}, Duration={milliseconds}ms)",
        )
        if isinstance(error, FunctionTimeoutError):
            text = f"Microsoft.Azure.WebJobs.Host: {error}"
        else:
            text = (
                f"System.Private.CoreLib: Exception while executing function: Functions.{name}. "
                f"System.Private.CoreLib: {failure_text(error)}"
            )
        self._log.log(lines.category, ERROR, text)
        self._console.flush()

    def _timeout_error(self, name: str) -> FunctionTimeoutError:
        assert self._timeout is not None
        span = timedelta(seconds=self._timeout)
        hours, rest = divmod(int(span.total_seconds()), 3600)
        fraction = f".{span.microseconds:06d}0" if span.microseconds else ""
        text = f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}{fraction}"
        return FunctionTimeoutError(
            f"Timeout value of {text} was exceeded by function: Functions.{name}"
        )

    def _watch_active(self) -> None:
        """All have the same limit, so that the one that started first is the next to exceed it."""
        self._watch = None
        assert self._timeout is not None
        now = time.perf_counter()
        for invocation in self._active.values():
            remaining = invocation.started + self._timeout - now
            if remaining > 0:
                loop = asyncio.get_running_loop()
                self._watch = loop.call_later(remaining, self._watch_active)
                return
            if invocation.cancel is not None and not invocation.timed_out:
                invocation.timed_out = True
                invocation.cancel()

    def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()


def _call(code: Callable[..., Any], arguments: dict[str, Any], invocation_id: str) -> Any:
    thread_local_storage.invocation_id = invocation_id
    try:
        return code(**arguments)
    finally:
        thread_local_storage.invocation_id = None


def _encode_return(hosted: HostedFunction, result: Any, _: Mapping[str, Any]) -> Datum | None:
    """None when a sink takes the return value, or nobody does."""
    returns = hosted.function.returns
    if returns is None or any(name == "$return" for name, *_ in hosted.outputs):
        return None
    return encode(returns, result)


async def _send_outputs(hosted: HostedFunction, result: Any, arguments: Mapping[str, Any]) -> None:
    sends = []
    for name, parameter, binding, sink in hosted.outputs:
        value = result if name == "$return" else arguments[name].get()
        if value is None:
            continue
        data = encode(parameter, value)
        if data is not None and data.type is not None:
            sends.append(sink(binding, data))
    await asyncio.gather(*sends)
