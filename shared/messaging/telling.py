"""Domain events of what transactions announced: told once, after the commit that decided it."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from shared.contracts.envelope import Payload
from shared.telemetry import DomainEvents


class Told(Protocol):
    def __call__(self, announced: Sequence[Payload]) -> None:
        """Returns at once and never raises."""
        ...


def untold(announced: Sequence[Payload]) -> None:
    """For who works beside the app: it sends nothing of its own."""


class Telling:
    """A payload says which of its fields may be told (`Payload.told`). Whole numbers become
    measurements and lists their lengths; the rest are dimensions."""

    def __init__(self, events: Callable[[], DomainEvents]) -> None:
        self._events = events

    def __call__(self, announced: Sequence[Payload]) -> None:
        for payload in announced:
            if payload.told is not None:
                dimensions, measurements = split(payload)
                self._events().record(payload.kind, dimensions, measurements)


def split(payload: Payload) -> tuple[dict[str, object], dict[str, float]]:
    dimensions: dict[str, object] = {}
    measurements: dict[str, float] = {}
    for name in payload.told or ():
        value: Any = getattr(payload, name)
        if isinstance(value, tuple):
            measurements[name] = len(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            measurements[name] = value
        elif value is not None:
            dimensions[name] = value
    return dimensions, measurements
