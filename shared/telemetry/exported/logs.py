"""Our log lines as OpenTelemetry's records."""

from collections.abc import Mapping
from datetime import datetime

from opentelemetry import trace
from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context

from shared.telemetry.exported.attributes import attributes_from

_OF_THE_RECORD = frozenset({"time", "level", "event", "trace_id", "span_id", "exception"})
_SEVERITIES = (
    (50, SeverityNumber.FATAL),
    (40, SeverityNumber.ERROR),
    (30, SeverityNumber.WARN),
    (20, SeverityNumber.INFO),
)


class LogExport:
    """The event's name is the body and its fields are attributes, so that both can be searched."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def __call__(self, level: int, entry: Mapping[str, object]) -> None:
        attributes = attributes_from(
            {name: value for name, value in entry.items() if name not in _OF_THE_RECORD}
        )
        exception = entry.get("exception")
        if isinstance(exception, Mapping):
            attributes["exception.type"] = str(exception["type"])
            attributes["exception.message"] = str(exception["message"])
            attributes["exception.stacktrace"] = str(exception["stack"])
        moment = datetime.fromisoformat(str(entry["time"]))
        self._logger.emit(
            timestamp=int(moment.timestamp() * 1000) * 1_000_000,
            severity_number=next(
                (severity for least, severity in _SEVERITIES if level >= least),
                SeverityNumber.DEBUG,
            ),
            severity_text=str(entry["level"]).upper(),
            body=str(entry["event"]),
            attributes=attributes,
            context=_context(entry.get("trace_id"), entry.get("span_id")),
        )


def _context(trace_id: object, span_id: object) -> Context:
    """Of our own ids: a line may be written where OpenTelemetry's current span is another."""
    if not isinstance(trace_id, str) or not isinstance(span_id, str):
        return Context()
    ours = trace.SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=trace.TraceFlags(1)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(ours), Context())
