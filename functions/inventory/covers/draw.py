"""From a title and a few names to a cover in three sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Final

from functions.inventory.covers.canvas import (
    HEIGHT,
    OVERSAMPLING,
    PALETTES,
    WIDTH,
    Canvas,
    Palette,
)
from functions.inventory.covers.chance import Chance
from functions.inventory.covers.setting import write
from functions.inventory.covers.styles import STYLES, Style

if TYPE_CHECKING:
    from PIL.Image import Image

SIZES: Final = {"thumbnail": (160, 240), "small": (320, 480), "large": (WIDTH, HEIGHT)}
MEDIA_TYPE: Final = "image/webp"
_SERIES_GAP: Final = 18
_ENCODING: Final = {"lossless": True, "quality": 0, "method": 1}
"""Flat colours come out sharper, smaller and sooner than in lossy WebP. More effort would save a
fifth of the bytes for twice the time."""


@dataclass(frozen=True, slots=True)
class CoverSpec:
    """What a cover says. The seed alone chooses style and colours, so that a corrected title
    does not change how a book looks; a work's identifier gives all its editions one design."""

    title: str
    contributors: tuple[str, ...]
    seed: str
    series: str | None = None


def _design(spec: CoverSpec) -> tuple[Style, Palette, Chance]:
    chance = Chance(spec.seed)
    return chance.pick(STYLES), chance.pick(PALETTES), chance


def placeholder_colour(spec: CoverSpec) -> str:
    """The ground of the cover as #rrggbb, to show while the picture loads."""
    return _design(spec)[1].ground


def render(spec: CoverSpec) -> dict[str, bytes]:
    """One encoded picture for each name in `SIZES`; the same input gives the same bytes."""
    # Importing Pillow costs time and memory that no other request should pay.
    from PIL import Image
    from PIL.ImageDraw import Draw

    style, palette, chance = _design(spec)
    area = (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING)
    painted = Image.new("RGB", area, palette.ground)
    layout = style(Canvas(Draw(painted)), palette, chance)
    large = painted.reduce(OVERSAMPLING)
    draw = Draw(large)
    bottom = write(draw, spec.title.replace("'", "’"), layout.title)
    write(draw, _credited(spec.contributors), layout.author)
    if spec.series:
        below = replace(layout.series, top=round(bottom) + _SERIES_GAP)
        write(draw, spec.series, below if layout.series_below_title else layout.series)
    # Each size is half the one before, which a box filter does exactly and fastest.
    small = large.reduce(2)
    pictures = {"large": large, "small": small, "thumbnail": small.reduce(2)}
    return {name: _encoded(pictures[name]) for name in SIZES}


def _credited(names: tuple[str, ...]) -> str:
    """Up to three names, each once, that a line may break between but not within."""
    different = list(dict.fromkeys(names))
    return " · ".join(name.replace(" ", "\u00a0") for name in different[:3])


def _encoded(picture: Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "WEBP", **_ENCODING)
    return buffer.getvalue()
