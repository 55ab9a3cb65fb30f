"""Entity tags in conditional requests (RFC 9110, 8.8.3 and 13.1)."""

import re

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_LIST = re.compile(rf"\*|{_TAG.pattern}(?:\s*,\s*{_TAG.pattern})*")


def is_list(text: str) -> bool:
    """True for `*` and for one or more tags, each in quotes."""
    return _LIST.fullmatch(text.strip()) is not None


def strong(text: str) -> frozenset[str]:
    if text.strip() == "*":
        return frozenset("*")
    return frozenset(tag for weak, tag in _TAG.findall(text) if not weak)


def is_named(if_none_match: str, tag: str) -> bool:
    """Weak comparison: `W/` counts on neither side."""
    if if_none_match == tag or if_none_match.strip() == "*":
        return True
    bare = tag.removeprefix("W/")
    return any(given == bare for _, given in _TAG.findall(if_none_match))
