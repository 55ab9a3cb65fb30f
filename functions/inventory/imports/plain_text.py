"""Texts as people send them, brought to what the catalogue keeps: plain, one line or several."""

import re
from html import unescape
from html.parser import HTMLParser

_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|<!--")
_ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,32});")
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
    if _MARKUP.search(text):
        reader = _Words()
        reader.feed(text)
        reader.close()
        text = "".join(reader.parts)
    else:
        text = without_entities(text)
    return tidy(text)


def without_entities(text: str) -> str:
    return _ENTITY.sub(lambda found: unescape(found[0]), text) if "&" in text else text


def tidy(text: str) -> str:
    """Without control characters, and with at most one blank line in a row."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif _BLOCKS.fullmatch(tag):
            self.parts.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _UNSEEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag != "li" and _BLOCKS.fullmatch(tag):
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)
