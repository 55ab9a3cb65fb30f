"""What a function sees as its `context` parameter, and which invocation a log line belongs to.

The shapes are the worker's own: plain classes with the attributes of `func.Context`.
"""

import os
import random
import threading
from contextvars import ContextVar
from functools import cached_property
from typing import Any

__all__ = [
    "Context",
    "Invocation",
    "Out",
    "RetryContext",
    "TraceContext",
    "child_of",
    "current_invocation",
    "new_id",
    "thread_local_storage",
]

_SAMPLED = "01"


def new_id() -> str:
    """A random GUID as .NET prints it (version 4, lower case)."""
    digits = _random_hex(16)
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _random_hex(count: int) -> str:
    """Of `count` bytes. Ids need no secrecy, and a system call lets go of the interpreter's lock,
    which a busy thread then waits for."""
    return f"{random.getrandbits(8 * count):0{2 * count}x}"


class Invocation:
    """One attempt to run a function."""

    __slots__ = (
        "cancel",
        "function_name",
        "id",
        "retry",
        "span",
        "started",
        "timed_out",
        "traceparent",
        "tracestate",
    )

    def __init__(
        self, function_name: str, started: float, traceparent: str = "", tracestate: str = ""
    ) -> None:
        self.id = new_id()
        self.function_name = function_name
        self.started = started
        self.traceparent = traceparent
        self.tracestate = tracestate
        self.span = ""
        """Its own traceparent, where the host sends spans."""
        self.retry = NO_RETRY
        self.timed_out = False
        self.cancel: Any = None


class TraceContext:
    """W3C trace context of this invocation: the caller's trace with a span of its own."""

    def __init__(self, invocation: Invocation) -> None:
        self.trace_parent = invocation.span or child_of(invocation.traceparent)
        self.trace_state = invocation.tracestate
        self._function_name = invocation.function_name

    @cached_property
    def attributes(self) -> dict[str, str]:
        return {
            "ProcessId": str(os.getpid()),
            "HostInstanceId": HOST_INSTANCE_ID,
            "CategoryName": f"Host.Triggers.{self._function_name}",
            "OperationName": self._function_name,
        }

    # The names before 1.0 of the trace context, which apps still use.
    @property
    def Traceparent(self) -> str:  # noqa: N802
        return self.trace_parent

    @property
    def Tracestate(self) -> str:  # noqa: N802
        return self.trace_state

    @property
    def Attributes(self) -> dict[str, str]:  # noqa: N802
        return self.attributes


class RpcException:
    """Why the attempt before failed."""

    def __init__(self, source: str, message: str, stack_trace: str) -> None:
        self.source = source
        self.message = message
        self.stack_trace = stack_trace


class RetryContext:
    """`max_retry_count` -1 means for ever; `exception` is None at the first attempt."""

    def __init__(
        self, retry_count: int = 0, max_retry_count: int = 0, exception: RpcException | None = None
    ) -> None:
        self.retry_count = retry_count
        self.max_retry_count = max_retry_count
        self.exception = exception


class Context:
    def __init__(self, invocation: Invocation, function_name: str, directory: str) -> None:
        self.invocation_id = invocation.id
        self.function_name = function_name
        self.function_directory = directory
        self.thread_local_storage = thread_local_storage
        self.retry_context = invocation.retry
        self._invocation = invocation

    @cached_property
    def trace_context(self) -> TraceContext:
        """Made for those who look, which costs as much as all the rest."""
        return TraceContext(self._invocation)


class Out:
    """A holder for an output binding's value; None means that nothing was set."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, value: Any) -> None:
        self._value = value

    def get(self) -> Any:
        return self._value


def child_of(traceparent: str) -> str:
    """Keeps the trace id and flags of a valid W3C `traceparent`; anything else starts a trace."""
    parts = traceparent.strip().split("-") if traceparent else []
    if (
        len(parts) >= 4
        and [len(part) for part in parts[:4]] == [2, 32, 16, 2]
        and set("".join(parts[:4])) <= set("0123456789abcdef")
        and parts[0] != "ff"
        and parts[1].strip("0")
        and parts[2].strip("0")
    ):
        trace_id, flags = parts[1], parts[3]
    else:
        trace_id, flags = _random_hex(16), _SAMPLED
    return f"00-{trace_id}-{random.getrandbits(64):016x}-{flags}"


NO_RETRY = RetryContext()
HOST_INSTANCE_ID = new_id()
current_invocation: ContextVar[Invocation | None] = ContextVar("invocation", default=None)
thread_local_storage = threading.local()
