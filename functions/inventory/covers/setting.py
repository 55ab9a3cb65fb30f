"""Setting a text in a box: wrapped, balanced, and shrunk until it fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from functions.inventory.covers.bidirectional import is_right_to_left
from functions.inventory.covers.fonts import (
    Family,
    breaks_anywhere,
    has_capitals,
    is_katakana,
    is_western,
    legible,
    load,
    runs,
    width,
)

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Align: TypeAlias = Literal["left", "centre", "right"]
Anchor: TypeAlias = Literal["top", "middle", "bottom"]
Colour: TypeAlias = str
Measure: TypeAlias = Callable[[Sequence[str]], list[float]]

_NEVER_STARTS_A_LINE: Final = "、。，．・：；？！）」』】》ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々"
_SEPARATORS: Final = " ·"
_SHRINK: Final = 0.93
_LONGEST: Final = 300
"""In characters; bounds the time that a hostile title can take."""
_BALANCING_STEPS: Final = 7


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of the large cover; `largest` and `smallest` are sizes of type in pixels."""

    left: int
    top: int
    width: int
    height: int
    family: Family
    largest: int
    smallest: int
    colour: Colour
    align: Align = "left"
    anchor: Anchor = "top"
    capitals: bool = False
    tracking: float = 0.0


@dataclass(frozen=True, slots=True)
class Setting:
    lines: tuple[str, ...]
    size: int
    leading: float
    """Distance between baselines in ems."""

    @property
    def height(self) -> float:
        return self.size * (1 + (len(self.lines) - 1) * self.leading)


def _words(text: str) -> list[str]:
    """Pieces between which a line may end; a piece keeps the space before it."""
    pieces: list[str] = []
    for character in text:
        previous = pieces[-1][-1] if pieces else ""
        glued = character in _NEVER_STARTS_A_LINE or is_katakana(character + previous)
        opens = character == " " or (breaks_anywhere(character) and not glued)
        after_ideograph = bool(previous) and breaks_anywhere(previous) and not glued
        if not pieces or opens or (after_ideograph and previous != " "):
            pieces.append(character)
        else:
            pieces[-1] += character
    return pieces


def _wrapped(words: Sequence[str], measures: Sequence[float], limit: float) -> list[str]:
    lines: list[str] = []
    room = 0.0
    for word, measure in zip(words, measures, strict=True):
        if lines and measure <= room:
            lines[-1] += word
            room -= measure
        else:
            lines.append(word.lstrip())
            room = limit - measure
    return [line.strip(_SEPARATORS) for line in lines]


def _balanced(words: Sequence[str], measures: Sequence[float], limit: float) -> list[str]:
    """As few lines as the limit allows, of lengths as equal as they come."""
    lines = _wrapped(words, measures, limit)
    low, high = max(measures, default=0.0), limit
    for _ in range(_BALANCING_STEPS):
        middle = (low + high) / 2
        narrower = _wrapped(words, measures, middle)
        if len(narrower) == len(lines):
            lines, high = narrower, middle
        else:
            low = middle
    return lines


def set_text(text: str, box: Box) -> Setting | None:
    """None when nothing of the text can be shown. What does not fit at the smallest size ends
    in an ellipsis, so nothing ever leaves the box."""
    text = legible(text[: 2 * _LONGEST])
    if not text:
        return None
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rstrip() + "…"
    western = is_western(text)
    capitals = box.capitals and has_capitals(text)
    if capitals:
        text = text.upper()
    tracking = box.tracking if western else 0.0
    # Accents on capitals, and the marks of most other scripts, need more room than small letters.
    leading = (1.22 if capitals else 1.1) if western else 1.36

    def measured(words: Sequence[str]) -> list[float]:
        return [width(word, box.family) + tracking * len(word) for word in words]

    words = _words(text)
    measures = measured(words)
    size = float(box.largest)
    while True:
        limit = box.width / size
        if max(measures) <= limit:
            lines = _balanced(words, measures, limit)
            if size * (1 + (len(lines) - 1) * leading) <= box.height:
                return Setting(tuple(lines), int(size), leading)
        if size <= box.smallest:
            break
        size = max(size * _SHRINK, box.smallest)
    letters = [piece for word in words for piece in _within(word, limit, measured)]
    lines = _wrapped(letters, measured(letters), limit)
    allowed = max(1, int((box.height / size - 1) / leading) + 1)
    if len(lines) > allowed:
        lines = lines[:allowed]
        while len(lines[-1]) > 1 and measured([lines[-1] + "…"])[0] > limit:
            lines[-1] = lines[-1][:-1].rstrip()
        lines[-1] += "…"
    return Setting(tuple(lines), int(size), leading)


def _within(word: str, limit: float, measured: Measure) -> list[str]:
    if measured([word])[0] <= limit:
        return [word]
    pieces = [word[:1]]
    for character in word[1:]:
        if measured([pieces[-1] + character])[0] <= limit:
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


def write(draw: ImageDraw, text: str, box: Box) -> float:
    """Writes into the box and says at which height the text ends."""
    setting = set_text(text, box)
    if setting is None:
        return box.top
    slack = box.height - setting.height
    top = box.top + slack * {"top": 0.0, "middle": 0.5, "bottom": 1.0}[box.anchor]
    for index, line in enumerate(setting.lines):
        western = is_western(line)
        tracking = box.tracking * setting.size if western else 0.0
        spare = box.width - width(line, box.family) * setting.size - tracking * (len(line) - 1)
        align = box.align
        if align == "left" and is_right_to_left(line):
            align = "right"
        x = box.left + spare * {"left": 0.0, "centre": 0.5, "right": 1.0}[align]
        baseline = top + setting.size * (0.8 + index * setting.leading)
        for piece, font in runs(line, box.family):
            loaded = load(font, setting.size)
            for part in piece if tracking else (piece,):
                draw.text((x, baseline), part, box.colour, loaded, anchor="ls")
                x += loaded.getlength(part) + tracking
    return top + setting.height
