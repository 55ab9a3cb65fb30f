"""What was taken in, in the shapes that a test or a page asks for."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Attributes = Mapping[str, Any]
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_MOST_KEPT = 100_000


@dataclass(frozen=True)
class Span:
    """Ids in hex, empty where there is no parent; moments in nanoseconds since 1970."""

    service: str
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    started: int
    ended: int
    is_failed: bool
    attributes: Attributes
    links: tuple[str, ...]
    """The ids of the traces that are linked."""


@dataclass(frozen=True)
class LogLine:
    service: str
    trace_id: str
    span_id: str
    severity: str
    body: str
    attributes: Attributes


@dataclass(frozen=True)
class Point:
    """`value` is a histogram's count."""

    service: str
    name: str
    unit: str
    value: float
    attributes: Attributes


@dataclass
class Kept:
    """The newest of each. All may be used from any thread."""

    spans: list[Span] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    envelopes: list[dict[str, Any]] = field(default_factory=list)
    """As Application Insights gets them."""
    bodies: list[bytes] = field(default_factory=list)
    """Every body as it came, unzipped."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take_traces(self, request: ExportTraceServiceRequest) -> None:
        self._keep(self.spans, _spans(request))

    def take_logs(self, request: ExportLogsServiceRequest) -> None:
        self._keep(self.logs, _logs(request))

    def take_metrics(self, request: ExportMetricsServiceRequest) -> None:
        self._keep(self.points, _points(request))

    def take_envelopes(self, envelopes: Sequence[dict[str, Any]]) -> None:
        self._keep(self.envelopes, envelopes)

    def take_body(self, body: bytes) -> None:
        self._keep(self.bodies, [body])

    def wait_for(self, enough: Callable[["Kept"], bool], seconds: float) -> bool:
        """Whether it was enough in time; asked again at each change."""
        with self.changed:
            return self.changed.wait_for(lambda: enough(self), seconds)

    def trace(self, trace_id: str) -> list[Span]:
        with self.changed:
            return [span for span in self.spans if span.trace_id == trace_id]

    def events(self) -> list[tuple[str, Attributes, Attributes]]:
        """Custom events: name, dimensions, measurements."""
        with self.changed:
            found = [one["data"]["baseData"] for one in self.envelopes if _is_event(one)]
        return [(one["name"], one["properties"], one["measurements"]) for one in found]

    def _keep(self, kept: list[Any], new: Sequence[Any]) -> None:
        with self.changed:
            kept.extend(new)
            del kept[:-_MOST_KEPT]
            self.changed.notify_all()


def _is_event(envelope: Mapping[str, Any]) -> bool:
    return str(envelope.get("name", "")).endswith(".Event")


def _spans(request: ExportTraceServiceRequest) -> list[Span]:
    return [
        Span(
            service=_service(resource.resource.attributes),
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            name=span.name,
            kind=_KINDS[span.kind],
            started=span.start_time_unix_nano,
            ended=span.end_time_unix_nano,
            is_failed=span.status.code == span.status.STATUS_CODE_ERROR,
            attributes=_attributes(span.attributes),
            links=tuple(link.trace_id.hex() for link in span.links),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _logs(request: ExportLogsServiceRequest) -> list[LogLine]:
    return [
        LogLine(
            service=_service(resource.resource.attributes),
            trace_id=record.trace_id.hex(),
            span_id=record.span_id.hex(),
            severity=record.severity_text,
            body=str(_value(record.body)),
            attributes=_attributes(record.attributes),
        )
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def _points(request: ExportMetricsServiceRequest) -> list[Point]:
    found = []
    for resource in request.resource_metrics:
        service = _service(resource.resource.attributes)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                data = getattr(metric, metric.WhichOneof("data") or "gauge")
                found += [
                    Point(
                        service,
                        metric.name,
                        metric.unit,
                        _number(point),
                        _attributes(point.attributes),
                    )
                    for point in data.data_points
                ]
    return found


def _number(point: Any) -> float:
    if hasattr(point, "bucket_counts"):
        return float(point.count)
    return float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)


def _service(attributes: Sequence[KeyValue]) -> str:
    return str(_attributes(attributes).get("service.name", ""))


def _attributes(attributes: Sequence[KeyValue]) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    found = getattr(value, kind)
    return [_value(one) for one in found.values] if kind == "array_value" else found
