"""Sends spans, metrics and logs through the OpenTelemetry SDK: to an OTLP/HTTP collector, such as
Honeycomb's, to Azure Monitor, or to both.

The SDK is imported only once one of them is configured, for it takes longer than the whole shop.
"""

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from shared.telemetry.application_insights import ApplicationInsights
from shared.telemetry.logs import export_with
from shared.telemetry.metrics import measure_with
from shared.telemetry.tracing import record_with

if TYPE_CHECKING:
    from pydantic import SecretStr


class ExportSettings(Protocol):
    OTEL_EXPORTER_OTLP_ENDPOINT: str | None
    APPLICATIONINSIGHTS_CONNECTION_STRING: "SecretStr | None"
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: str | None


def configure(settings: ExportSettings, service_name: str = "bookstore") -> Callable[[], None]:
    """Spans begun, values recorded and lines logged from now on go where the settings say.

    Sending happens in batches on threads of its own; a collector that is slow or away costs what it
    was sent, never an answer. Returns what sends the rest and stops; a process that ends does so by
    itself, within a few seconds. `OTEL_SERVICE_NAME` goes before `service_name`.
    """
    azure = logging.getLogger("azure")
    if azure.level == logging.NOTSET:
        # Azure's SDKs tell of every request, at the level at which the shop tells of orders.
        azure.setLevel(logging.WARNING)
    otlp, insights = settings.OTEL_EXPORTER_OTLP_ENDPOINT, application_insights(settings)
    is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if is_disabled or (otlp is None and insights is None):
        return lambda: None
    from shared.telemetry.exported.logs import LogExport
    from shared.telemetry.exported.metrics import OpenTelemetryMeter
    from shared.telemetry.exported.providers import Providers
    from shared.telemetry.exported.spans import SpanRecorder

    providers = Providers(otlp, insights, service_name)
    record_with(SpanRecorder(providers.tracer))
    measure_with(OpenTelemetryMeter(providers.meter))
    export_with(LogExport(providers.logger))

    def stop() -> None:
        record_with(None)
        measure_with(None)
        export_with(None)
        providers.shutdown()

    return stop


def application_insights(settings: ExportSettings) -> ApplicationInsights | None:
    connection = settings.APPLICATIONINSIGHTS_CONNECTION_STRING
    if connection is None:
        return None
    return ApplicationInsights(
        connection.get_secret_value(), settings.APPLICATIONINSIGHTS_AUTHENTICATION_STRING
    )
