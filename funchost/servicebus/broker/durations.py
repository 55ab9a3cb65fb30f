"""ISO 8601 durations, as the emulator's configuration spells them: `PT1M`, `P1DT12H`, `PT0.5S`."""

import re

__all__ = ["format_duration", "parse_duration"]

_PATTERN = re.compile(
    r"P(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_MILLISECONDS = {"days": 86_400_000, "hours": 3_600_000, "minutes": 60_000, "seconds": 1000}


def parse_duration(text: str) -> int:
    """Milliseconds. Days and smaller units only: a month has no length. Raises ValueError."""
    match = _PATTERN.fullmatch(text)
    parts = match.groupdict() if match else {}
    if text.endswith("T") or not any(parts.values()):
        raise ValueError(f"'{text}' is no ISO 8601 duration such as PT1M or P1DT12H")
    return sum(
        round(float(amount) * _MILLISECONDS[unit]) for unit, amount in parts.items() if amount
    )


def format_duration(milliseconds: int) -> str:
    """In seconds, whatever their number."""
    seconds, rest = divmod(milliseconds, 1000)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    return f"PT{seconds}{fraction}S"
