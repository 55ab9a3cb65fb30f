"""Sends spans to an OTLP/HTTP collector (Honeycomb, or any other) through the OpenTelemetry SDK.

The SDK is imported only once an endpoint is configured. Sampler, headers, timeouts, resource
attributes and batch sizes are OpenTelemetry's own environment variables (`OTEL_TRACES_SAMPLER`,
`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, ...), which the SDK reads by itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from shared.telemetry.redaction import plain_exception, plain_fields
from shared.telemetry.tracing import Kind, TraceContext, record_with

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

_LONGEST_FLUSH_AT_EXIT_MILLISECONDS = 2000
_INTEGER_BITS_OF_OTLP = 63


class ExportSettings(Protocol):
    OTEL_EXPORTER_OTLP_ENDPOINT: str | None


def configure(settings: ExportSettings, service_name: str = "bookstore") -> Callable[[], None]:
    """Spans begun from now on go to the configured collector, if there is one.

    Sending happens in batches on a thread of its own; a collector that is slow or away costs spans,
    never an answer. Returns what sends the rest and stops; a process that ends does so by itself,
    within a few seconds. `OTEL_SERVICE_NAME` goes before `service_name`.
    """
    endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT
    if not endpoint or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return lambda: None
    provider = _provider(f"{endpoint.rstrip('/')}/v1/traces", service_name)
    record_with(_OpenTelemetryRecorder(provider.get_tracer("bookstore")))

    def stop() -> None:
        record_with(None)
        provider.shutdown()

    return stop


def _provider(endpoint: str, service_name: str) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    class BoundedBatchSpanProcessor(BatchSpanProcessor):
        """The SDK would hold a process that ends for 30 s when its collector hangs."""

        def shutdown(self) -> None:
            self._batch_processor.shutdown(timeout_millis=_LONGEST_FLUSH_AT_EXIT_MILLISECONDS)

    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: service_name}))
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BoundedBatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return provider


class _OpenTelemetryRecorder:
    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def begin(
        self,
        name: str,
        kind: Kind,
        remote_parent: TraceContext | None,
        attributes: Mapping[str, object],
    ) -> _OpenTelemetryRecording:
        from opentelemetry import trace

        parent = None if remote_parent is None else _remote(remote_parent)
        span = self._tracer.start_span(
            name, parent, trace.SpanKind[kind.upper()], _attributes(attributes)
        )
        return _OpenTelemetryRecording(span)


class _OpenTelemetryRecording:
    """Also makes the span OpenTelemetry's current one, for libraries with spans of their own."""

    def __init__(self, span: trace.Span) -> None:
        from opentelemetry import context, trace

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
        self._span.set_attributes(_attributes({name: value}))

    def end(self, error: BaseException | None) -> None:
        from opentelemetry import context, trace

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


def _remote(parent: TraceContext) -> Any:
    from opentelemetry import trace

    return trace.set_span_in_context(
        trace.NonRecordingSpan(
            trace.SpanContext(
                trace_id=int(parent.trace_id, 16),
                span_id=int(parent.span_id, 16),
                is_remote=True,
                trace_flags=trace.TraceFlags(parent.flags),
                trace_state=trace.TraceState.from_header(
                    [parent.tracestate] if parent.tracestate else []
                ),
            )
        )
    )


def _attributes(values: Mapping[str, object]) -> dict[str, str | bool | int | float]:
    """OTLP knows no null, and one integer above 64 bits would cost a whole batch its sending."""
    attributes: dict[str, str | bool | int | float] = {}
    for name, value in plain_fields(values).items():
        if isinstance(value, bool | float | str):
            attributes[name] = value
        elif isinstance(value, int):
            attributes[name] = value if value.bit_length() <= _INTEGER_BITS_OF_OTLP else str(value)
        elif value is not None:
            attributes[name] = json.dumps(value)
    return attributes
