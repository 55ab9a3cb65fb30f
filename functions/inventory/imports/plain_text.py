"""Texts as people send them, brought to what the catalogue keeps: plain, one line or several."""

import re
from html import unescape

_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|<!--")
_TOKEN = re.compile(
    r"<!--(?:.*?-->|.*)"
    r"|<[!?][^<>]*>"
    r"|<(?P<closes>/?)(?P<name>[a-zA-Z][^\s/<>]*+)"
    r"(?:(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*|[^<>]*)>",
    re.DOTALL,
)
"""A comment, a declaration or a tag. Python's HTMLParser takes time by the square of some texts."""
_ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SPACES = re.compile(r"[ \t\xa0]+")
_BLOCKS = re.compile("p|br|div|li|ul|ol|h[1-6]|tr|blockquote|dd|dt")
_UNSEEN = frozenset({"script", "style", "head", "title"})


def one_line(text: str, longest: int, name: str = "") -> str:
    """Without entities, which feeds often escape twice.

    Raises ValueError that begins with the name where it cannot be kept.
    """
    line = " ".join(without_entities(text).split())
    if _CONTROL.search(line):
        raise ValueError(f"{name} holds control characters".lstrip())
    if len(line) > longest:
        raise ValueError(f"{name} is longer than {longest} characters".lstrip())
    return line


def plain_text(text: str) -> str:
    """Without markup, entities and control characters; blocks of HTML become lines."""
    return tidy(_without_markup(text) if _MARKUP.search(text) else without_entities(text))


def without_entities(text: str) -> str:
    return _ENTITY.sub(lambda found: unescape(found[0]), text) if "&" in text else text


def tidy(text: str) -> str:
    """Without control characters, and with at most one blank line in a row."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without_markup(text: str) -> str:
    parts: list[str] = []
    unseen = ""
    end = 0
    for token in _TOKEN.finditer(text):
        if not unseen:
            parts.append(without_entities(text[end : token.start()]))
        end = token.end()
        name, closes = (token["name"] or "").lower(), bool(token["closes"])
        if unseen:
            unseen = "" if closes and name == unseen else unseen
        elif name in _UNSEEN:
            unseen = "" if closes or token[0].endswith("/>") else name
        elif _BLOCKS.fullmatch(name) and not (closes and name == "li"):
            parts.append("\n")
    if not unseen:
        parts.append(without_entities(text[end:]))
    return "".join(parts)
