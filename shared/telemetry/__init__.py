"""What a running shop says about itself: structured logs, W3C trace context, spans, metrics, domain
events.

Importing this costs nothing but the standard library. Spans, metrics and logs leave the process
only after `configure` found where to; ids, log lines and propagation work the same without that.
"""

from shared.telemetry.calls import http_call
from shared.telemetry.domain_events import DomainEvents, domain_events
from shared.telemetry.export import application_insights, configure
from shared.telemetry.logs import (
    Log,
    bind_correlation_id,
    get_correlation_id,
    get_logger,
)
from shared.telemetry.metrics import Instrument, is_measuring
from shared.telemetry.redaction import redact_text
from shared.telemetry.tracing import (
    Span,
    current_span_id,
    current_trace_id,
    current_traceparent,
    current_tracestate,
    is_recording,
    is_traced,
    span,
)

__all__ = [
    "DomainEvents",
    "Instrument",
    "Log",
    "Span",
    "application_insights",
    "bind_correlation_id",
    "configure",
    "current_span_id",
    "current_trace_id",
    "current_traceparent",
    "current_tracestate",
    "domain_events",
    "get_correlation_id",
    "get_logger",
    "http_call",
    "is_measuring",
    "is_recording",
    "is_traced",
    "redact_text",
    "span",
]
