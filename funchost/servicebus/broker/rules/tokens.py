"""The words of the rule language, a subset of SQL-92 that Service Bus documents as "Subscription
rule SQL filter syntax"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["RuleSyntaxError", "Token", "TokenKind", "tokenize"]

TokenKind = Literal["keyword", "name", "constant", "symbol", "end"]

_KEYWORDS = frozenset(
    "AND OR NOT IS NULL IN LIKE ESCAPE EXISTS TRUE FALSE SET REMOVE".split()  # noqa: SIM905
)
_LARGEST_INTEGER = 2**63 - 1


class RuleSyntaxError(ValueError):
    """The text of an expression cannot be read; says where and why."""


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is upper case for keywords, without its quotes for names; `value` is set for
    constants. `position` counts characters from 1, as it is shown to people."""

    kind: TokenKind
    text: str
    position: int
    value: int | float | str | None = None
    quoted: bool = False


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<hexadecimal>0[xX][0-9a-fA-F]+)(?!\w)
    | (?P<float>(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)(?!\w)
    | (?P<integer>\d+)(?![\w.])
    | '(?P<string>(?:[^']|'')*)'
    | "(?P<quoted>(?:[^"]|"")+)"
    | \[(?P<delimited>(?:[^\]]|\]\])+)\]
    | (?P<word>[^\W\d_]\w*)
    | (?P<symbol><>|!=|>=|<=|[=<>+\-*/%(),.;])
    )""",
    re.VERBOSE,
)


def tokenize(text: str) -> Iterator[Token]:
    """Ends with one token of kind `end`. Raises RuleSyntaxError."""
    place = 0
    end = len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            raise RuleSyntaxError(_complaint(text, place))
        yield _token(match)
        place = match.end()
    yield Token("end", "the end", end + 1)


def _token(match: re.Match[str]) -> Token:
    kind = match.lastgroup or ""
    text = match[kind]
    position = match.start(kind) + 1
    match kind:
        case "hexadecimal":
            return _integer(text, 16, position)
        case "integer":
            return _integer(text, 10, position)
        case "float":
            return Token("constant", text, position, float(text))
        case "string":
            return Token("constant", text, position - 1, text.replace("''", "'"))
        case "quoted":
            return Token("name", text.replace('""', '"'), position - 1, quoted=True)
        case "delimited":
            return Token("name", text.replace("]]", "]"), position - 1, quoted=True)
        case "word" if text.upper() in _KEYWORDS:
            return Token("keyword", text.upper(), position)
        case "word":
            return Token("name", text, position)
        case _:
            return Token("symbol", text, position)


def _integer(text: str, base: int, position: int) -> Token:
    value = int(text, base)
    if value > _LARGEST_INTEGER:
        raise RuleSyntaxError(f"{text} at {position} does not fit into 64 bits")
    return Token("constant", text, position, value)


def _complaint(text: str, place: int) -> str:
    position = place + 1
    match text[place]:
        case "'":
            return f"the string that begins at {position} has no end"
        case '"' | "[":
            return f"the name that begins at {position} is empty or has no end"
        case "@":
            return f"parameters, as at {position}, cannot be given a value here"
        case character:
            return f"{character!r} at {position} is not understood"
