"""The maps that requests to `$management` carry."""

from typing import Any

from funchost.servicebus.broker.errors import ArgumentOutOfRange

__all__ = ["Body"]


class Body:
    """The map that a request carries; each getter names the field that is missing or wrong."""

    def __init__(self, value: Any) -> None:
        if value is not None and not isinstance(value, dict):
            raise ArgumentOutOfRange("The body of the request is not a map.")
        self._fields: dict[Any, Any] = value or {}

    def get(self, name: str, *kinds: type) -> Any:
        """None where it is absent or null."""
        value = self._fields.get(name)
        if value is not None and (type(value) not in kinds or _is_too_large(value)):
            raise ArgumentOutOfRange(f"'{name}' may not be this {type(value).__name__}.")
        return value

    def need(self, name: str, *kinds: type) -> Any:
        value = self.get(name, *kinds)
        if value is None:
            raise ArgumentOutOfRange(f"'{name}' is missing.")
        return value

    def items(self, name: str, kind: type) -> list[Any]:
        values = self.need(name, list)
        if not values or any(type(value) is not kind or _is_too_large(value) for value in values):
            raise ArgumentOutOfRange(f"'{name}' is not an array of {kind.__name__}.")
        return list(values)


def _is_too_large(value: Any) -> bool:
    return isinstance(value, int) and not -(1 << 63) <= value < 1 << 63
