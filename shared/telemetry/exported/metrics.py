"""Our instruments as OpenTelemetry's."""

import threading
from collections.abc import Callable

from opentelemetry.metrics import Meter

from shared.telemetry.metrics import Attributes, Instrument

_Write = Callable[[float, Attributes], None]


class OpenTelemetryMeter:
    """Makes an instrument when it is first written to."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._lock = threading.Lock()
        self._writes: dict[Instrument, _Write] = {}

    def record(self, instrument: Instrument, value: float, attributes: Attributes) -> None:
        write = self._writes.get(instrument)
        if write is None:
            with self._lock:
                write = self._writes.setdefault(instrument, self._made(instrument))
        write(value, attributes)

    def _made(self, ours: Instrument) -> _Write:
        match ours.kind:
            case "counter":
                return self._meter.create_counter(ours.name, ours.unit, ours.description).add
            case "gauge":
                return self._meter.create_gauge(ours.name, ours.unit, ours.description).set
            case "histogram":
                return self._meter.create_histogram(
                    ours.name,
                    ours.unit,
                    ours.description,
                    explicit_bucket_boundaries_advisory=ours.boundaries,
                ).record
