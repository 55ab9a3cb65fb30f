"""Spans and W3C trace context (https://www.w3.org/TR/trace-context/).

The ids are ours, kept in a context variable, whether or not anything exports them: logs, events and
outgoing calls always have a valid trace to name. They are made when something first names them,
which most requests never do. Where an exporter is configured it takes part in each span and gives
the ids, so that both views agree.
"""

import random
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Caller = Callable[[], tuple[str | None, str | None]]
"""Gives the headers traceparent and tracestate of who called us."""

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_TRACESTATE = re.compile(r"[\x20-\x7e\t]{1,512}")
_SAMPLED = 0x01
_RANDOM_TRACE_ID = 0x02
"""Level 2 of the recommendation; passed on, like `sampled`. Other bits must be sent as zero."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Which span we are in, as it crosses a border: ids in lower-case hex, flags as one byte."""

    trace_id: str
    span_id: str
    flags: int
    tracestate: str | None = None

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


class Recording(Protocol):
    """An exporter's side of one span."""

    context: TraceContext

    def set_attribute(self, name: str, value: object) -> None: ...

    def set_failed(self, reason: str) -> None: ...

    def end(self, error: BaseException | None) -> None: ...


class Recorder(Protocol):
    """What an exporter implements to take part in every span of the process."""

    def begin(
        self,
        name: str,
        kind: Kind,
        remote_parent: TraceContext | None,
        attributes: Mapping[str, object],
        links: Sequence[TraceContext] = (),
    ) -> Recording:
        """Without a remote parent, the parent is the span that is current in this context. `links`
        are spans that had a part in this one without being its parent."""
        ...


_current: ContextVar["Span | None"] = ContextVar("bookstore_span", default=None)
_recorder: Recorder | None = None
_naming = threading.RLock()


def record_with(recorder: Recorder | None) -> None:
    """Spans begun from now on go to `recorder`; None turns recording off."""
    global _recorder
    _recorder = recorder


def is_traced() -> bool:
    """Whether spans go anywhere."""
    return _recorder is not None


def is_recording() -> bool:
    """Whether this is part of a trace that goes somewhere; for spans worth their cost only then."""
    return _recorder is not None and _current.get() is not None


class Span:
    """One timed step. Entered and left in the same task or thread; begin it with `span(...)`."""

    __slots__ = (
        "_attributes", "_caller", "_context", "_kind", "_links", "_name", "_outer", "_recording",
        "_token",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: Kind,
        caller: Caller | None,
        attributes: Mapping[str, object] | None,
        links: Iterable[str] = (),
    ) -> None:
        self._name = name
        self._kind = kind
        self._caller = caller
        self._attributes = attributes
        self._links = links
        self._context: TraceContext | None = None
        self._outer: Span | None = None
        self._recording: Recording | None = None
        self._token: Token[Span | None] | None = None

    @property
    def context(self) -> TraceContext:
        """The same whichever thread asks first."""
        if self._context is None:
            with _naming:
                if self._context is None:
                    parent = self._remote_parent()
                    if parent is None and self._outer is not None:
                        parent = self._outer.context
                    self._context = _next_context(parent)
        return self._context

    def _remote_parent(self) -> TraceContext | None:
        return None if self._caller is None else parse_traceparent(*self._caller())

    def __enter__(self) -> Self:
        self._outer = _current.get()
        if _recorder is not None:
            links = [found for one in self._links if (found := parse_traceparent(one)) is not None]
            self._recording = _recorder.begin(
                self._name, self._kind, self._remote_parent(), self._attributes or {}, links
            )
            self._context = self._recording.context
        self._token = _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._token is not None
        _current.reset(self._token)
        if self._recording is not None:
            self._recording.end(error)

    def set_attribute(self, name: str, value: object) -> None:
        if self._recording is not None:
            self._recording.set_attribute(name, value)

    def set_failed(self, reason: str) -> None:
        """For what failed and was answered: an exception that leaves the block says it itself.
        `reason` is a short word that stands for many such failures (`error.type`)."""
        if self._recording is not None:
            self._recording.set_failed(reason)


def span(
    name: str,
    *,
    kind: Kind = "internal",
    traceparent: str | None = None,
    tracestate: str | None = None,
    caller: Caller | None = None,
    attributes: Mapping[str, object] | None = None,
    links: Iterable[str] = (),
) -> Span:
    """A span for a `with` block, in sync and async code alike.

    `traceparent` and `tracestate` are the headers of who called us, taken as they came: an invalid
    one is ignored, as the recommendation asks; `caller` finds both when something first wants to
    know. Without them the parent is the current span, else
    the span starts a trace of its own. `links` are the traceparents of spans beside the parent that
    led here. An exception that leaves the block marks the span as failed.
    """
    if traceparent is not None:
        caller = lambda: (traceparent, tracestate)  # noqa: E731
    return Span(name, kind, caller, attributes, links)


def current_traceparent() -> str:
    """For outgoing calls and events. Outside of any span each call names a new trace."""
    return (_current_context() or _next_context(None)).traceparent


def current_tracestate() -> str | None:
    context = _current_context()
    return context.tracestate if context else None


def current_trace_id() -> str | None:
    """32 hex digits; None outside of any span."""
    context = _current_context()
    return context.trace_id if context else None


def current_span_id() -> str | None:
    """16 hex digits; None outside of any span."""
    context = _current_context()
    return context.span_id if context else None


def _current_context() -> TraceContext | None:
    current = _current.get()
    return None if current is None else current.context


def parse_traceparent(header: str | None, tracestate: str | None = None) -> TraceContext | None:
    """None where the header is missing or breaks the recommendation (section 3.2)."""
    found = _TRACEPARENT.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest is not None):
        return None
    if not (trace_id.strip("0") and span_id.strip("0")):
        return None
    known_flags = int(flags, 16) & (_SAMPLED | _RANDOM_TRACE_ID)
    usable_state = tracestate if tracestate and _TRACESTATE.fullmatch(tracestate) else None
    return TraceContext(trace_id, span_id, known_flags, usable_state)


def _next_context(parent: TraceContext | None) -> TraceContext:
    # As the OpenTelemetry SDK makes them: a system call would let go of the interpreter's lock.
    span_id = f"{random.getrandbits(64):016x}"
    if parent is None:
        return TraceContext(f"{random.getrandbits(128):032x}", span_id, _SAMPLED | _RANDOM_TRACE_ID)
    return TraceContext(parent.trace_id, span_id, parent.flags, parent.tracestate)
