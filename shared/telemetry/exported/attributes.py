"""Values as OTLP takes them."""

import json
from collections.abc import Mapping

from shared.telemetry.redaction import plain_fields

Attribute = str | bool | int | float

_INTEGER_BITS_OF_OTLP = 63


def attributes_from(values: Mapping[str, object]) -> dict[str, Attribute]:
    """Redacted. OTLP knows no null, and one integer above 64 bits would cost a whole batch its
    sending."""
    attributes: dict[str, Attribute] = {}
    for name, value in plain_fields(values).items():
        if isinstance(value, bool | float | str):
            attributes[name] = value
        elif isinstance(value, int):
            attributes[name] = value if value.bit_length() <= _INTEGER_BITS_OF_OTLP else str(value)
        elif value is not None:
            attributes[name] = json.dumps(value)
    return attributes
