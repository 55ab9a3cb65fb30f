"""Our spans as OpenTelemetry's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry import context, trace

from shared.telemetry.exported.attributes import attributes_from
from shared.telemetry.redaction import plain_exception
from shared.telemetry.tracing import Kind, TraceContext


class SpanRecorder:
    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def begin(
        self,
        name: str,
        kind: Kind,
        remote_parent: TraceContext | None,
        attributes: Mapping[str, object],
        links: Sequence[TraceContext] = (),
    ) -> _Recording:
        parent = None
        if remote_parent is not None:
            remote = trace.NonRecordingSpan(_span_context(remote_parent))
            parent = trace.set_span_in_context(remote)
        span = self._tracer.start_span(
            name,
            parent,
            trace.SpanKind[kind.upper()],
            attributes_from(attributes),
            [trace.Link(_span_context(one)) for one in links],
        )
        return _Recording(span)


class _Recording:
    """Also makes the span OpenTelemetry's current one, for libraries with spans of their own."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token = context.attach(trace.set_span_in_context(span))
        ours = span.get_span_context()
        self.context = TraceContext(
            trace.format_trace_id(ours.trace_id),
            trace.format_span_id(ours.span_id),
            int(ours.trace_flags),
            ours.trace_state.to_header() or None,
        )

    def set_attribute(self, name: str, value: object) -> None:
        self._span.set_attributes(attributes_from({name: value}))

    def set_failed(self, reason: str) -> None:
        self._span.set_attribute("error.type", reason)
        self._span.set_status(trace.StatusCode.ERROR, reason)

    def end(self, error: BaseException | None) -> None:
        if error is not None and self._span.is_recording():
            shown = plain_exception(error)
            self._span.add_event(
                "exception",
                {
                    "exception.type": str(shown["type"]),
                    "exception.message": str(shown["message"]),
                    "exception.stacktrace": str(shown["stack"]),
                },
            )
            self._span.set_status(trace.StatusCode.ERROR, str(shown["message"]))
        self._span.end()
        context.detach(self._token)


def _span_context(ours: TraceContext) -> trace.SpanContext:
    return trace.SpanContext(
        trace_id=int(ours.trace_id, 16),
        span_id=int(ours.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(ours.flags),
        trace_state=trace.TraceState.from_header([ours.tracestate] if ours.tracestate else []),
    )
