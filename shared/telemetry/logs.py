"""Structured logs: one event, one JSON object, one line, through the standard library's logging.

The host that runs us (Azure, the Core Tools, our own) shows and ships what stdlib logging is given,
so the object is the log message itself.
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime

from shared.telemetry.redaction import plain_exception, plain_fields, redact_text
from shared.telemetry.tracing import current_span_id, current_trace_id

_correlation_id: ContextVar[str | None] = ContextVar("bookstore_correlation_id", default=None)
_OURS = frozenset(
    {"time", "level", "event", "service", "correlation_id", "trace_id", "span_id", "exception"}
)

Export = Callable[[int, Mapping[str, object]], None]
"""Takes the level and the line's fields, redacted; must not raise."""

_export: Export | None = None


def export_with(export: Export | None) -> None:
    """Lines written from now on also go to `export`; None turns that off."""
    global _export
    _export = export


def get_correlation_id() -> str:
    """The bound one; else the trace's id, so that it is empty only outside of any span."""
    return _correlation_id.get() or current_trace_id() or ""


def bind_correlation_id(correlation_id: str) -> None:
    """Ties the id to this task or thread, and to all tasks that it starts from now on."""
    _correlation_id.set(correlation_id)


class Log:
    """Writes events of one service. Names are `noun.verb_in_past_tense`; fields are any values.

    Each call writes one line or none, and never raises: secrets are redacted, values that JSON does
    not know are shown as text. A field named like one of ours gets an underscore behind it.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._logger = logging.getLogger(f"bookstore.{service}")

    def debug(self, event: str, /, **fields: object) -> None:
        self._write(logging.DEBUG, event, None, fields)

    def info(self, event: str, /, **fields: object) -> None:
        self._write(logging.INFO, event, None, fields)

    def warning(
        self, event: str, /, *, exc_info: BaseException | None = None, **fields: object
    ) -> None:
        self._write(logging.WARNING, event, exc_info, fields)

    def error(
        self, event: str, /, *, exc_info: BaseException | None = None, **fields: object
    ) -> None:
        self._write(logging.ERROR, event, exc_info, fields)

    def _write(
        self, level: int, event: str, error: BaseException | None, fields: dict[str, object]
    ) -> None:
        if not self._logger.isEnabledFor(level):
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry: dict[str, object] = {
            "time": now.replace("+00:00", "Z"),
            "level": logging.getLevelName(level).lower(),
            "event": redact_text(event),
            "service": self._service,
            "correlation_id": redact_text(get_correlation_id()),
            "trace_id": current_trace_id(),
            "span_id": current_span_id(),
        }
        for name, value in plain_fields(fields).items():
            entry[f"{name}_" if name in _OURS else name] = value
        if error is not None:
            entry["exception"] = plain_exception(error)
        # Escaped to ASCII: a console's or log shipper's own encoding must not decide what arrives.
        self._logger.log(level, json.dumps(entry, separators=(",", ":")), stacklevel=3)
        if _export is not None:
            _export(level, entry)


def get_logger(service: str) -> Log:
    return Log(service)
