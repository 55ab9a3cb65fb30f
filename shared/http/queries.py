"""What a Functions host does not tell an app about a query string.

It drops parameters whose value is empty, and hands over percent-encoded bytes that are not UTF-8 as
they came or with U+FFFD in their place; the raw query, which the request's URL keeps, still shows
both.
"""

import re
from collections.abc import Container
from urllib.parse import unquote, unquote_to_bytes

from shared.kit.errors import BadInput

_LOST = re.compile("[\x00\ud800-\udfff\ufffd]")
_LONGEST_NAME = 100


def check_raw_query(raw: str, known: Container[str]) -> None:
    """Raises BadInput for what is not UTF-8, and for an unknown parameter that has no value."""
    for pair in raw.partition("#")[0].split("&"):
        name, _, value = pair.partition("=")
        if "%" in pair and not _is_utf8(pair):
            raise BadInput.at(unquote(name)[:_LONGEST_NAME], "is not valid UTF-8")
        if name and not value and unquote(name) not in known:
            raise BadInput.at(unquote(name)[:_LONGEST_NAME], "is not known here")


def text_fault(value: str) -> str | None:
    """What is wrong with a decoded query or path value, or None."""
    found = _LOST.search(value)
    if found is None:
        return None
    return "holds a NUL character" if found.group() == "\x00" else "is not valid UTF-8"


def _is_utf8(text: str) -> bool:
    try:
        unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
