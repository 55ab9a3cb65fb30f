"""Telling people: an error in the log, and a domain event for the alert that hangs on it."""

from collections.abc import Callable
from typing import Any

from shared.telemetry import DomainEvents, get_logger

log = get_logger("payments")


class TelemetryReports:
    def __init__(self, events: Callable[[], DomainEvents]) -> None:
        self._events = events

    def mismatch(self, order_id: str, what: str, **details: Any) -> None:
        log.error("payment.mismatch", order_id=order_id, what=what, **details)
        self._events().record("payment.mismatch", {"order_id": order_id, "what": what, **details})
