"""Rows and messages as aligned text."""

from collections.abc import Sequence
from typing import Any

from funchost.servicebus.operator.browsing import BrowsedMessage

__all__ = ["message_table", "one_line", "table", "text_of_body"]

_BODY_WIDTH = 60
_DESCRIPTION_WIDTH = 60


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Numbers to the right, text to the left; None is a dash."""
    cells = [["-" if value is None else str(value) for value in row] for row in rows]
    columns = list(zip(heads, *cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [
        bool(rows) and all(isinstance(row[index], int | None) for row in rows)
        for index in range(len(heads))
    ]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in [list(heads), *cells]
    )


def message_table(messages: Sequence[BrowsedMessage], *, with_reason: bool = False) -> str:
    heads = ["number", "enqueued", "state", "deliveries", "id", "session", "subject"]
    heads += ["reason", "description"] if with_reason else []
    rows = []
    for message in messages:
        enqueued = message.enqueued_time
        row: list[Any] = [
            message.sequence_number,
            None if enqueued is None else f"{enqueued:%Y-%m-%d %H:%M:%S}",
            message.state,
            message.deliveries,
            message.message_id,
            message.session_id,
            message.subject,
        ]
        if with_reason:
            row += [message.reason or None, one_line(message.description, _DESCRIPTION_WIDTH)]
        rows.append([*row, one_line(text_of_body(message.body), _BODY_WIDTH)])
    return table([*heads, "body"], rows)


def text_of_body(body: Any) -> str:
    if isinstance(body, bytes):
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            return f"0x{body.hex()}"
    return "" if body is None else str(body)


def one_line(text: str, width: int) -> str:
    """What follows a line's end or the width is left out; control characters never reach the
    terminal."""
    flat = " ".join(text.split())
    flat = "".join(char if char.isprintable() else "?" for char in flat)
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"
