"""What a running shop says about itself: structured logs, W3C trace context, spans, domain events.

Importing this costs nothing but the standard library. Spans reach a collector only after
`configure` found an OTLP endpoint; ids, logs and propagation work the same without one.
"""

from shared.telemetry.domain_events import DomainEvents, domain_events
from shared.telemetry.export import configure
from shared.telemetry.logs import (
    Log,
    bind_correlation_id,
    get_correlation_id,
    get_logger,
)
from shared.telemetry.redaction import redact_text
from shared.telemetry.tracing import (
    Span,
    current_span_id,
    current_trace_id,
    current_traceparent,
    current_tracestate,
    span,
)

__all__ = [
    "DomainEvents",
    "Log",
    "Span",
    "bind_correlation_id",
    "configure",
    "current_span_id",
    "current_trace_id",
    "current_traceparent",
    "current_tracestate",
    "domain_events",
    "get_correlation_id",
    "get_logger",
    "redact_text",
    "span",
]
