"""The host's own spans: one for each invocation and each orchestration, as Azure's host sends them.

Azure's host does so where host.json says `"telemetryMode": "OpenTelemetry"` and
`OTEL_EXPORTER_OTLP_ENDPOINT` says where to. An app finds its parent in the trace context that a
function is given, so a trace without these spans has gaps.
"""

import os
import time
from typing import Any

from funchost.context import Invocation, TraceContext
from funchost.hostjson import HostJson
from funchost.settings import setting

__all__ = ["HostSpans", "host_spans"]

_LONGEST_FLUSH_MILLISECONDS = 2000
_TRIGGERS = {
    "httptrigger": "http",
    "servicebustrigger": "pubsub",
    "timertrigger": "timer",
}
"""`faas.trigger` of OpenTelemetry's semantic conventions; the others are `other`."""


def host_spans(host_json: HostJson) -> "HostSpans | None":
    """None where the settings ask for none."""
    mode = host_json.text("telemetryMode", default="")
    endpoint = setting("OTEL_EXPORTER_OTLP_ENDPOINT")
    if mode.lower() != "opentelemetry" or not endpoint:
        return None
    return HostSpans(endpoint)


class HostSpans:
    """Sends in batches on a thread of its own; a collector that is away costs spans alone."""

    def __init__(self, endpoint: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        own = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        exporter = OTLPSpanExporter(endpoint=own or f"{endpoint.rstrip('/')}/v1/traces")
        self._processor = BatchSpanProcessor(exporter)
        self._resource = Resource.create().merge(Resource({SERVICE_NAME: "funchost"}))

    def begin(self, invocation: Invocation) -> None:
        """Gives the invocation a span before its function asks for one."""
        invocation.span = TraceContext(invocation).trace_parent

    def end(self, invocation: Invocation, trigger_type: str, error: BaseException | None) -> None:
        now = time.time_ns()
        seconds = time.perf_counter() - invocation.started
        trigger = _TRIGGERS.get(trigger_type, "other")
        self.send(
            invocation.function_name,
            invocation.span,
            invocation.traceparent,
            now - int(seconds * 1e9),
            now,
            {"faas.trigger": trigger, "faas.invocation_id": invocation.id},
            is_server=trigger in ("http", "pubsub"),
            is_failed=error is not None,
        )

    def send(
        self,
        name: str,
        traceparent: str,
        parent: str,
        started: int,
        ended: int,
        attributes: dict[str, Any],
        *,
        is_server: bool = False,
        is_failed: bool = False,
    ) -> None:
        """`traceparent` is the span's own. Moments are nanoseconds since 1970."""
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind, Status, StatusCode

        own = _context(traceparent)
        above = _context(parent)
        self._processor.on_end(
            ReadableSpan(
                name,
                own,
                above if above is not None and above.trace_id == own.trace_id else None,
                self._resource,
                attributes,
                kind=SpanKind.SERVER if is_server else SpanKind.INTERNAL,
                status=Status(StatusCode.ERROR if is_failed else StatusCode.UNSET),
                start_time=started,
                end_time=ended,
            )
        )

    def close(self) -> None:
        self._processor._batch_processor.shutdown(timeout_millis=_LONGEST_FLUSH_MILLISECONDS)


def _context(traceparent: str) -> Any:
    """None for what names no span."""
    from opentelemetry.trace import SpanContext, TraceFlags

    try:
        _, trace_id, span_id, flags = traceparent.split("-")[:4]
        return SpanContext(
            int(trace_id, 16),
            int(span_id, 16),
            is_remote=True,
            trace_flags=TraceFlags(int(flags, 16)),
        )
    except ValueError:
        return None
