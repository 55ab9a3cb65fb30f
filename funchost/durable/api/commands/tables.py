"""What the commands print: columns for people, JSON for programs."""

import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

__all__ = ["say", "show_json", "show_pairs", "show_table"]

_LONGEST_CELL = 100


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def show_json(value: Any) -> None:
    say(json.dumps(value, indent=2))


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    """The last column may be as long as it likes; `nothing` stands for a table without rows."""
    if not rows:
        say(nothing)
        return
    lines = [list(headings), *([_cell(text) for text in row] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(headings))]
    for line in lines:
        say("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def show_pairs(pairs: Sequence[tuple[str, str | None]]) -> None:
    """One line each; those without a value are left out."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        if value is not None:
            say(f"{name.ljust(width)}  {printable(value, keeps_lines=True)}")


def _cell(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def printable(text: str, *, keeps_lines: bool = False) -> str:
    """Without what would steer the terminal: ids, names and inputs come from anywhere."""
    kept = "\n\t" if keeps_lines else ""
    return "".join(
        char if char in kept or unicodedata.category(char)[0] != "C" else _escaped(char)
        for char in text
    )


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
