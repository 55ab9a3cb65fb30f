"""Which of the fonts beside this file can set a text, and how wide it comes out.

The fonts ship with the project because a bare machine has none and a cover must not depend on
what an operating system carries. `fonts/README.md` tells how they were made.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from functions.inventory.covers.bidirectional import is_right_to_left, mirrored, visual_order

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Family: TypeAlias = Literal["Fraunces-SemiBold", "EBGaramond-Medium", "EBGaramond-MediumItalic",
                      "Jost-Medium", "Oswald-Medium"]  # fmt: skip

_FOLDER: Final = Path(__file__).parent / "fonts"
_NOTO: Final = "NotoSans-SemiBold"
_EVERY_WESTERN: Final = "latin greek cyrillic vietnamese rare"
_COVERS: Final[dict[str, str]] = {
    "Fraunces-SemiBold": "latin vietnamese",
    "EBGaramond-Medium": _EVERY_WESTERN,
    "EBGaramond-MediumItalic": _EVERY_WESTERN,
    "Jost-Medium": "latin cyrillic",
    "Oswald-Medium": "latin cyrillic vietnamese",
    _NOTO: _EVERY_WESTERN,
}

# Blocks of Unicode, first code point and what sets it; a block runs to the next line. The
# ligature U+FDFD is a whole sentence, too wide for FreeType to draw.
_BLOCKS: Final[tuple[tuple[int, str], ...]] = (
    (0x0000, ""), (0x0020, "latin"), (0x007F, ""), (0x00A0, "latin"), (0x0180, "rare"),
    (0x0370, "greek"), (0x0400, "cyrillic"), (0x0460, "rare"), (0x0530, "Armenian"),
    (0x0590, "Hebrew"), (0x0600, "Arabic"), (0x0700, ""), (0x0750, "Arabic"), (0x0780, ""),
    (0x08A0, "Arabic"), (0x0900, "Devanagari"), (0x0980, "Bengali"), (0x0A00, "Gurmukhi"),
    (0x0A80, "Gujarati"), (0x0B00, "Oriya"), (0x0B80, "Tamil"), (0x0C00, "Telugu"),
    (0x0C80, "Kannada"), (0x0D00, "Malayalam"), (0x0D80, "Sinhala"), (0x0E00, "Thai"),
    (0x0E80, "Lao"), (0x0F00, ""), (0x1000, "Myanmar"), (0x10A0, "Georgian"), (0x1100, ""),
    (0x1200, "Ethiopic"), (0x13A0, ""), (0x1780, "Khmer"), (0x1800, ""), (0x1C90, "Georgian"),
    (0x1CC0, ""), (0x1E00, "rare"), (0x1EA0, "vietnamese"), (0x1F00, "rare"), (0x2000, ""),
    (0x2010, "latin"), (0x2016, "rare"), (0x2018, "latin"), (0x201B, "rare"), (0x201C, "latin"),
    (0x201F, "rare"), (0x2020, "latin"), (0x2023, ""), (0x2026, "latin"), (0x2027, ""),
    (0x2030, "rare"), (0x205F, ""), (0x20A0, "rare"), (0x20C0, ""), (0x2D80, "Ethiopic"),
    (0x2DE0, ""), (0x3000, "SC"), (0x3130, ""), (0x3400, "SC"), (0x4DC0, ""), (0x4E00, "SC"),
    (0xA000, ""), (0xAC00, "KR"), (0xD7A4, ""), (0xF900, "SC"), (0xFB00, ""), (0xFB1D, "Hebrew"),
    (0xFB50, "Arabic"), (0xFDFD, ""), (0xFE70, "Arabic"), (0xFEFF, ""), (0xFF00, "SC"),
    (0xFFF0, ""),
)  # fmt: skip
_STARTS: Final = [start for start, _ in _BLOCKS]
_MEASURED_AT: Final = 100
_WESTERN: Final = frozenset(_EVERY_WESTERN.split())


def _block(character: str) -> str:
    return _BLOCKS[bisect_right(_STARTS, ord(character)) - 1][1]


def legible(text: str) -> str:
    """The text without the characters that no font here can show, so that none becomes a box."""
    shown = "".join(c if _block(c) else " " for c in text)
    return " ".join(word for word in shown.split(" ") if word)


def is_western(text: str) -> bool:
    """Whether letter-spacing and tight lines suit the text."""
    return all(_block(c) in _WESTERN for c in text)


def has_capitals(text: str) -> bool:
    """Greek has them too, but drops its accents in them, which `str.upper` does not know."""
    return all(_block(c) in _WESTERN - {"greek"} for c in text)


def is_katakana(text: str) -> bool:
    """A loan word in Japanese, which should not be broken though ideographs may be."""
    return len(text) > 1 and all("\u30a0" <= c <= "\u30ff" and c != "・" for c in text)


def breaks_anywhere(character: str) -> bool:
    return _block(character) == "SC"


@lru_cache(maxsize=4096)
def runs(text: str, family: str) -> tuple[tuple[str, str], ...]:
    """Pieces of one line from left to right, each with the name of the font that sets it."""
    western = {_block(c) for c in text} & _WESTERN
    fitting = (f for f in (family, "EBGaramond-Medium") if western <= set(_COVERS[f].split()))
    western_font = next(fitting, _NOTO)
    fonts: list[str] = []
    for character in text:
        block = _block(character)
        if character == " " and fonts:
            fonts.append(fonts[-1])
        else:
            fonts.append(western_font if block in _WESTERN else f"NotoSans{block}-SemiBold")
    pieces = [
        ("".join(c for c, _ in group), font)
        for font, group in groupby(zip(text, fonts, strict=True), key=lambda pair: pair[1])
    ]
    if is_right_to_left(text):
        pieces = [(mirrored(piece), font) for piece, font in reversed(pieces)]
    return tuple((visual_order(piece), font) for piece, font in pieces)


@lru_cache(maxsize=96)
def load(font: str, size: int) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(_FOLDER / f"{font}.ttf", size)


@lru_cache(maxsize=4096)
def width(text: str, family: str) -> float:
    """In ems: times the size in pixels it is the width in pixels."""
    measured = (load(font, _MEASURED_AT).getlength(piece) for piece, font in runs(text, family))
    return sum(measured) / _MEASURED_AT
