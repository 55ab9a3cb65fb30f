"""Exporters that keep what they were told, instead of sending it anywhere."""

from collections.abc import Mapping, Sequence

from shared.telemetry.metrics import Attributes, Instrument
from shared.telemetry.tracing import Kind, TraceContext


class Spans:
    """What every span was told, by the span's name."""

    def __init__(self) -> None:
        self.attributes: dict[str, dict[str, object]] = {}

    def begin(
        self,
        name: str,
        kind: Kind,
        remote_parent: TraceContext | None,
        attributes: Mapping[str, object],
        links: Sequence[TraceContext] = (),
    ) -> "SpanOf":
        return SpanOf(self.attributes.setdefault(name, dict(attributes)))


class SpanOf:
    def __init__(self, attributes: dict[str, object]) -> None:
        self.context = TraceContext("1" * 32, "2" * 16, 1)
        self._attributes = attributes

    def set_attribute(self, name: str, value: object) -> None:
        self._attributes[name] = value

    def set_failed(self, reason: str) -> None:
        self._attributes["error.type"] = reason

    def end(self, error: BaseException | None) -> None:
        self._attributes["error"] = type(error).__name__


class Meter:
    """Values that are kept."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, float, Attributes]] = []

    def record(self, instrument: Instrument, value: float, attributes: Attributes) -> None:
        self.taken.append((instrument.name, value, attributes))
