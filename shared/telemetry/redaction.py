"""Turns any value into plain JSON that holds no secret and no mail address.

Two rules, both needed: a value goes when its key names a secret, and text goes through patterns
that know a secret by its looks, for exceptions and addresses quote what they were given. Redacting
too much is the safe mistake.
"""

import dataclasses
import math
import re
import traceback
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from enum import Enum
from functools import lru_cache
from typing import TypeAlias

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"

REDACTED = "[redacted]"
CUT = "…"
_LONGEST_TEXT = 8 * 1024
_LARGEST_VALUE = 64 * 1024
"""Characters that one call may give in all, so that no object can flood the log."""
_COST_OF_A_NODE = 16
_DEEPEST = 6
_LARGEST_INTEGER_BITS = 1024

_SECRET_KEY = re.compile(
    r"token|authorization|secret|passw|pwd|signature|connectionstring|cookie|credential|checkoutid"
    r"|apikey|accesskey|accountkey|privatekey|signingkey|instrumentationkey|jwt|^sig$|^sas$"
)
_NEITHER_LETTER_NOR_DIGIT = re.compile(r"[^a-z0-9]")

# No alternative can begin inside what another has read, so that hostile text costs linear time.
_SECRET_TEXT = re.compile(
    r"""
    (?P<header> (?: authorization | cookie ) ["']? \s{0,3} [=:] \s{0,3} )
      (?: "(?:[^"\\]|\\[\s\S])*"? | '(?:[^'\\]|\\[\s\S])*'? | [^\r\n"'}]+ )
    | (?P<name> (?: token | secret | passw(?:or)?d | \b pwd | signature | \b sig
        | (?:api|access|account|private|instrumentation)[_-]?key | connection[_-]?string )
        [\w-]{0,32} ["']? \s{0,3} [=:] \s{0,3} )
      (?: "(?:[^"\\]|\\[\s\S])*"? | '(?:[^'\\]|\\[\s\S])*'? | \{[^}]*\}?
        | [^\s,;&"'}\])]+ )
    | (?P<scheme> \b (?:bearer|basic) \s{1,3} ) [\w.~+/=-]{8,}
    | eyJ [\w-]{5,} (?: \. [\w-]* ){1,4}
    | chk_ [\w-]+
    | (?: [sr]k_(?:live|test)_ | whsec_ ) \w+
    | (?P<intent> (?:pi|seti)_ [0-9a-z]{1,64} _secret_ ) \w+
    | (?P<origin> :// [^\s:/@?\#]{0,128} : ) [^\s/]{1,256} (?=@)
    """,
    re.VERBOSE | re.IGNORECASE,
)

# Possessive, and never begun within a run of its signs, so that any text costs linear time. A
# user's name in a URL is none.
_MAIL_ADDRESS = re.compile(
    r"(?<![\w.+'-]) (?<!://) [\w.+'-]++ (?:@|%40) [\w-]++ (?:\.[\w-]++)*+",
    re.VERBOSE | re.IGNORECASE,
)

_MARKS = (" ", ":", "=", "_", "eyJ")
"""Every alternative needs one of these; looking for them first makes plain words cheap."""


def redact_text(text: str, longest: int = _LONGEST_TEXT) -> str:
    """The text without what looks like a secret or a mail address, cut to `longest` characters."""
    if len(text) > longest:
        text = text[:longest] + CUT
    if any(mark in text for mark in _MARKS):
        text = _SECRET_TEXT.sub(_keep_what_names_it, text)
    if "@" in text or "%40" in text:
        text = _MAIL_ADDRESS.sub(REDACTED, text)
    return text


@lru_cache(maxsize=512)
def names_a_secret(key: str) -> bool:
    return _SECRET_KEY.search(_NEITHER_LETTER_NOR_DIGIT.sub("", key.lower())) is not None


def plain(value: object) -> Plain:
    """Any value as JSON's own types, redacted and bounded; never raises."""
    return _Walk().show(value, _DEEPEST)


def plain_fields(fields: Mapping[str, object]) -> dict[str, Plain]:
    """Like `plain`, key by key."""
    return _Walk().show_items(fields.items(), _DEEPEST)


def plain_exception(error: BaseException) -> dict[str, Plain]:
    """Type, message and stack. Of a long stack the end is kept: there lies the cause."""
    try:
        message = str(error)
        stack = "".join(traceback.format_exception(error))
    except Exception as failure:  # an exception that cannot show itself must still be reported
        message = stack = f"<{type(failure).__name__} when shown>"
    kind = type(error)
    return {
        "type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        "message": redact_text(message),
        "stack": redact_text(stack[-_LARGEST_VALUE // 2 :], _LARGEST_VALUE),
    }


class _Walk:
    """One pass over a value, with what it may still give."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _LARGEST_VALUE

    def show(self, value: object, deepest: int) -> Plain:
        self._left -= _COST_OF_A_NODE
        if self._left <= 0:
            return CUT
        if value is None or value is True or value is False:
            return value
        try:
            return self._show(value, deepest)
        except Exception as error:  # a log line must not fail because an object cannot show itself
            return f"<{type(value).__name__}: {type(error).__name__} when shown>"

    def show_items(self, items: Iterable[tuple[object, object]], deepest: int) -> dict[str, Plain]:
        shown: dict[str, Plain] = {}
        for key, value in items:
            if self._left <= 0:
                shown[CUT] = CUT
                break
            name = self._text(key if isinstance(key, str) else str(self.show(key, 0)))
            shown[name] = REDACTED if names_a_secret(name) else self.show(value, deepest)
        return shown

    def _show(self, value: object, deepest: int) -> Plain:
        match value:
            case Enum():
                return self.show(value.value, deepest)
            case str():
                return self._text(value)
            case int():
                bits = value.bit_length()
                return int(value) if bits <= _LARGEST_INTEGER_BITS else f"<{bits} bits>"
            case float():
                return float(value) if math.isfinite(value) else str(float(value))
            case bytes() | bytearray() | memoryview():
                return f"<{len(value)} bytes>"
            case date() | time():
                return value.isoformat()
            case timedelta():
                return value.total_seconds()
            case BaseException():
                return dict(plain_exception(value))
            case Mapping():
                return self.show_items(value.items(), deepest - 1) if deepest else CUT
            case list() | tuple() | set() | frozenset():
                return self._show_each(value, deepest - 1) if deepest else CUT
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            fields = ((name, getattr(value, name)) for name in names)
            return self.show_items(fields, deepest - 1) if deepest else CUT
        return self._text(str(value))

    def _show_each(self, values: Iterable[object], deepest: int) -> list[Plain]:
        shown: list[Plain] = []
        for value in values:
            shown.append(self.show(value, deepest))
            if self._left <= 0:
                break
        return shown

    def _text(self, text: str) -> str:
        shown = redact_text(str(text), max(min(_LONGEST_TEXT, self._left), 0))
        self._left -= len(shown)
        return shown


def _keep_what_names_it(found: re.Match[str]) -> str:
    kept = found["header"] or found["name"] or found["scheme"] or found["intent"] or found["origin"]
    return (kept or "") + REDACTED
