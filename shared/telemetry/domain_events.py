"""What happened in the business, as custom events in Application Insights.

These are for charts and alerts: sent at most once, and never at a caller's expense. What must not
be lost is an outbox event. opencensus-ext-azure is retired; nothing but this module knows it.
"""

import json
import logging
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from shared.telemetry.application_insights import ApplicationInsights
from shared.telemetry.logs import get_correlation_id, get_logger
from shared.telemetry.redaction import plain_fields
from shared.telemetry.tracing import current_span_id, current_trace_id

log = get_logger("telemetry")

_NETWORK_TIMEOUT_SECONDS = 3.0
_LONGEST_FLUSH_SECONDS = 3.0


class DomainEvents(Protocol):
    def record(
        self,
        name: str,
        properties: Mapping[str, object],
        measurements: Mapping[str, float] | None = None,
    ) -> None:
        """`name` is the event's, such as `order.placed`. Returns at once and never raises."""
        ...

    def close(self) -> None:
        """Sends what waits, for some seconds at most. A process that ends does it by itself."""
        ...


def domain_events(insights: ApplicationInsights | None) -> DomainEvents:
    return LoggedEvents() if insights is None else ApplicationInsightsEvents(insights)


class LoggedEvents:
    """Without Application Insights, events are lines in the log."""

    def record(
        self,
        name: str,
        properties: Mapping[str, object],
        measurements: Mapping[str, float] | None = None,
    ) -> None:
        log.info(
            "domain_event.recorded",
            name=name,
            properties=properties,
            measurements=measurements or {},
        )

    def close(self) -> None:
        pass


class ApplicationInsightsEvents:
    """Sends in batches on a thread of its own; the library is imported at the first event.

    `spool` is the folder where events wait while Application Insights cannot be reached; by default
    one under the system's temporary folder.
    """

    def __init__(self, insights: ApplicationInsights, spool: Path | None = None) -> None:
        self._insights = insights
        self._spool = spool
        self._lock = threading.Lock()
        self._handler: logging.Handler | None = None
        self._broken = False

    def record(
        self,
        name: str,
        properties: Mapping[str, object],
        measurements: Mapping[str, float] | None = None,
    ) -> None:
        handler = self._ready_handler()
        if handler is None:
            LoggedEvents().record(name, properties, measurements)
            return
        dimensions = {
            "correlation_id": get_correlation_id(),
            **{key: _as_text(value) for key, value in plain_fields(properties).items()},
        }
        handler.handle(
            logging.makeLogRecord(
                {
                    "msg": name,
                    "levelno": logging.INFO,
                    "levelname": "INFO",
                    "custom_dimensions": dimensions,
                    "custom_measurements": dict(measurements or {}),
                    "traceId": current_trace_id() or "0" * 32,
                    "spanId": current_span_id() or "0" * 16,
                }
            )
        )

    def close(self) -> None:
        with self._lock:
            if self._handler is not None:
                self._handler.close()

    def _ready_handler(self) -> logging.Handler | None:
        if self._handler is None and not self._broken:
            with self._lock:
                if self._handler is None and not self._broken:
                    try:
                        self._handler = _azure_event_handler(self._insights, self._spool)
                    except Exception as error:  # a bad setting costs charts, not orders
                        self._broken = True
                        log.error("telemetry.application_insights_unusable", exc_info=error)
        return self._handler


def _as_text(value: object) -> str:
    """Custom dimensions are strings; App Insights shows others as their JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _azure_event_handler(insights: ApplicationInsights, spool: Path | None) -> logging.Handler:
    with warnings.catch_warnings():
        # It calls locale.getdefaultlocale at import, deprecated until Python 3.15 removes it.
        warnings.simplefilter("ignore", DeprecationWarning)
        from opencensus.ext.azure.log_exporter import AzureEventHandler

    class EventHandler(AzureEventHandler):  # type: ignore[misc]
        def createLock(self) -> None:  # noqa: N802 - the name is logging's
            """The library sets the lock to None, which Handler.handle cannot use on Python 3.13."""
            logging.Handler.createLock(self)

        def flush(self, timeout: float | None = None) -> None:
            """logging.shutdown passes no limit, and the library would wait without one."""
            super().flush(timeout or _LONGEST_FLUSH_SECONDS)

        built = False

        def _check_stats_collection(self) -> bool:
            """Asked at first, it starts usage statistics about us for the library's makers.

            Asked later, it only counts; without that the library drops what it could not send
            instead of keeping it.
            """
            return self.built

    handler = EventHandler(
        connection_string=insights.connection_string,
        credential=insights.credential(),
        storage_path=None if spool is None else str(spool),
        timeout=_NETWORK_TIMEOUT_SECONDS,
        grace_period=_LONGEST_FLUSH_SECONDS,
    )
    handler.built = True
    handler.add_telemetry_processor(_name_the_role)
    return handler


def _name_the_role(envelope: Any) -> None:
    envelope.tags["ai.cloud.role"] = "bookstore"
