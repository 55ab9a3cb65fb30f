"""The SDK's providers with their exporters: OTLP over HTTP, Azure Monitor, or both at once.

Sampler, headers, timeouts, resource attributes and batch sizes are OpenTelemetry's own environment
variables, which the SDK reads by itself.
"""

import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from shared.telemetry.application_insights import ApplicationInsights

_LONGEST_FLUSH_AT_EXIT_MILLISECONDS = 2000
_NETWORK_TIMEOUT_SECONDS = 5
_SCOPE = "bookstore"


class _BoundedSpanProcessor(BatchSpanProcessor):
    """The SDK would hold a process that ends for 30 s when its collector hangs."""

    def shutdown(self) -> None:
        self._batch_processor.shutdown(timeout_millis=_LONGEST_FLUSH_AT_EXIT_MILLISECONDS)


class _BoundedLogProcessor(BatchLogRecordProcessor):
    def shutdown(self) -> None:
        self._batch_processor.shutdown(timeout_millis=_LONGEST_FLUSH_AT_EXIT_MILLISECONDS)


class _BoundedMetricReader(PeriodicExportingMetricReader):
    def shutdown(self, timeout_millis: float = 30_000, **more: Any) -> None:
        super().shutdown(min(timeout_millis, _LONGEST_FLUSH_AT_EXIT_MILLISECONDS), **more)


class Providers:
    """`otlp` is the collector's address without a path, or None."""

    def __init__(
        self, otlp: str | None, insights: ApplicationInsights | None, service_name: str
    ) -> None:
        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: service_name}))
        # Of several processes, each counts for itself.
        resource = Resource({"service.instance.id": uuid4().hex}).merge(resource)
        spans, metrics, logs = _exporters(otlp, insights)
        self._tracers = TracerProvider(resource=resource)
        for span_exporter in spans:
            self._tracers.add_span_processor(_BoundedSpanProcessor(span_exporter))
        self._meters = MeterProvider([_BoundedMetricReader(one) for one in metrics], resource)
        self._loggers = LoggerProvider(resource=resource)
        for log_exporter in logs:
            self._loggers.add_log_record_processor(_BoundedLogProcessor(log_exporter))
        self.tracer = self._tracers.get_tracer(_SCOPE)
        self.meter = self._meters.get_meter(_SCOPE)
        self.logger = self._loggers.get_logger(_SCOPE)

    def shutdown(self) -> None:
        """Sends the rest, for some seconds at most."""
        self._tracers.shutdown()
        self._loggers.shutdown()
        self._meters.shutdown()


_Exporters = tuple[list[SpanExporter], list[MetricExporter], list[LogRecordExporter]]


def _exporters(otlp: str | None, insights: ApplicationInsights | None) -> _Exporters:
    made = (*_otlp(otlp), *_azure_monitor(insights))

    def of(signal: str, place: int) -> list[Any]:
        if os.environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() == "none":
            return []
        return [make() for make in made[place::3]]

    return of("TRACES", 0), of("METRICS", 1), of("LOGS", 2)


SWITCHED_OFF = (
    # Usage statistics about us, and settings by remote control, for the library's makers.
    "STATSBEAT_DISABLED_ALL",
    "SDKSTATS_DISABLED",
    "CONTROLPLANE_DISABLED",
    # It would be read from a provider of the whole process, and there is none.
    "OPENTELEMETRY_RESOURCE_METRIC_DISABLED",
)
_Makers = tuple[Callable[[], Any], ...]
"""Of exporters for spans, metrics and logs, in this order."""


def _otlp(endpoint: str | None) -> _Makers:
    if endpoint is None:
        return ()
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    def address(signal: str) -> str:
        """A signal's own variable is a whole address; the common one has the path added."""
        own = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
        return own or f"{endpoint.rstrip('/')}/v1/{signal}"

    return (
        lambda: OTLPSpanExporter(endpoint=address("traces")),
        lambda: OTLPMetricExporter(endpoint=address("metrics")),
        lambda: OTLPLogExporter(endpoint=address("logs")),
    )


def _azure_monitor(insights: ApplicationInsights | None) -> _Makers:
    if insights is None:
        return ()
    for name in SWITCHED_OFF:
        os.environ.setdefault(f"APPLICATIONINSIGHTS_{name}", "true")
    from azure.monitor.opentelemetry.exporter import (
        AzureMonitorLogExporter,
        AzureMonitorMetricExporter,
        AzureMonitorTraceExporter,
    )

    options: dict[str, Any] = {
        "connection_string": insights.connection_string,
        "timeout": _NETWORK_TIMEOUT_SECONDS,
        # What cannot be sent waits in memory, not on a disk that an instance loses anyway.
        "disable_offline_storage": True,
    }
    credential = insights.credential()
    if credential is not None:
        options["credential"] = credential
    return tuple(
        lambda kind=kind: kind(**options)
        for kind in (AzureMonitorTraceExporter, AzureMonitorMetricExporter, AzureMonitorLogExporter)
    )
