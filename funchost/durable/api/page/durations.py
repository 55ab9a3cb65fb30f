"""How long something took, in words that fit beside a bar."""

from datetime import datetime, timedelta

__all__ = ["clock_text", "duration_text"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def duration_text(span: timedelta) -> str:
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 0.9995:
        milliseconds = seconds * 1000
        return f"{milliseconds:.1f} ms" if milliseconds < 9.95 else f"{milliseconds:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    for unit, name, smaller, smaller_name in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            count, rest = divmod(whole, unit)
            part = rest // smaller
            return f"{count} {name} {part} {smaller_name}" if part else f"{count} {name}"
    return "1 min"


def clock_text(moment: datetime, *, exact: bool = False) -> str:
    """In UTC, to the second or the millisecond."""
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{moment.microsecond // 1000:03d}" if exact else text
