"""What a delivery state of a client means to the broker (3.4, and the vendor's use of it)."""

from typing import Any, Final

from funchost.servicebus.amqp.codec import property_value
from funchost.servicebus.amqp.values import Described
from funchost.servicebus.broker.interface import (
    Abandon,
    Complete,
    DeadLetter,
    Defer,
    Outcome,
    PropertyValue,
    Release,
)

__all__ = ["is_transactional", "read_outcome"]

_CODES = {
    "amqp:accepted:list": 0x24,
    "amqp:rejected:list": 0x25,
    "amqp:released:list": 0x26,
    "amqp:modified:list": 0x27,
}
_REASON: Final = "DeadLetterReason"
_DESCRIPTION: Final = "DeadLetterErrorDescription"


def is_transactional(state: Any) -> bool:
    return isinstance(state, Described) and state.descriptor in (
        0x34,
        "amqp:transactional-state:list",
    )


def read_outcome(state: Any) -> Outcome | None:
    """None for a state that is not terminal, and for one that is not understood."""
    if not isinstance(state, Described):
        return None
    code = _CODES.get(state.descriptor, state.descriptor)
    fields = state.value if isinstance(state.value, list) else []
    match code:
        case 0x24:
            return Complete()
        case 0x25:
            return _dead_letter(fields)
        case 0x26:
            return Release()
        case 0x27:
            undeliverable = len(fields) > 1 and fields[1] is True
            properties = _properties(fields[2]) if len(fields) > 2 else {}
            return Defer(properties) if undeliverable else Abandon(properties)
    return None


def _dead_letter(fields: list[Any]) -> DeadLetter:
    error = getattr(fields[0], "value", None) if fields else None
    if not isinstance(error, list):
        return DeadLetter()
    condition, description, info = (*error, None, None, None)[:3]
    if not isinstance(info, dict):
        return DeadLetter(_text(condition), _text(description))
    properties = _properties(info)
    reason, text = properties.pop(_REASON, None), properties.pop(_DESCRIPTION, None)
    return DeadLetter(_text(reason), _text(text), properties)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _properties(value: Any) -> dict[str, PropertyValue]:
    found = value.items() if isinstance(value, dict) else ()
    return {
        str(name): property_value(item)
        for name, item in found
        if isinstance(name, str) and not isinstance(item, list | dict | Described)
    }
