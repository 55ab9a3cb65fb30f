"""What the shop counts and measures. Each instrument costs one comparison until an exporter asks.

Names and units follow OpenTelemetry's semantic conventions where those have one; the others begin
with `bookstore`. An attribute has few values: no ids, nobody's data.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

Kind = Literal["counter", "histogram", "gauge"]
Attributes = Mapping[str, str | int | bool]

_NONE: Attributes = {}


class Meter(Protocol):
    """What an exporter implements to take part in every measurement of the process."""

    def record(self, instrument: "Instrument", value: float, attributes: Attributes) -> None: ...


_meter: Meter | None = None


def measure_with(meter: Meter | None) -> None:
    """Values recorded from now on go to `meter`; None turns measuring off."""
    global _meter
    _meter = meter


def is_measuring() -> bool:
    """Whether values go anywhere; for what is worth looking up only then."""
    return _meter is not None


class Instrument:
    """`boundaries` are a histogram's, in its unit."""

    __slots__ = ("boundaries", "description", "kind", "name", "unit")

    def __init__(
        self,
        kind: Kind,
        name: str,
        unit: str,
        description: str,
        boundaries: tuple[float, ...] | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.unit = unit
        self.description = description
        self.boundaries = boundaries

    def record(self, value: float, attributes: Attributes = _NONE) -> None:
        """Adds to a counter, sets a gauge, or is one of a histogram's values."""
        if _meter is not None:
            _meter.record(self, value, attributes)


_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""https://opentelemetry.io/docs/specs/semconv/http/http-metrics/"""

HTTP_DURATION = Instrument(
    "histogram", "http.server.request.duration", "s", "Requests by route and status", _SECONDS
)
MESSAGE_DURATION = Instrument(
    "histogram", "messaging.process.duration", "s", "Messages by kind, failed ones too", _SECONDS
)
DEAD_LETTERS = Instrument(
    "counter", "bookstore.dead_letters", "{message}", "Messages whose last delivery failed"
)
OUTBOX_LAG = Instrument(
    "gauge", "bookstore.outbox.lag", "s", "Age of the oldest event that is not sent yet"
)
OUTBOX_WAITING = Instrument(
    "gauge", "bookstore.outbox.waiting", "{event}", "Events that are not sent yet"
)
SAGA_STEPS = Instrument(
    "counter", "bookstore.saga.steps", "{step}", "Activities by what they decided"
)
CACHE_LOOKUPS = Instrument(
    "counter", "bookstore.cache.lookups", "{lookup}", "Reads by `hit`, `miss` or `shared`"
)
ALL = (
    HTTP_DURATION,
    MESSAGE_DURATION,
    DEAD_LETTERS,
    OUTBOX_LAG,
    OUTBOX_WAITING,
    SAGA_STEPS,
    CACHE_LOOKUPS,
)
