"""Colours, and shapes with soft edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

WIDTH: Final = 640
HEIGHT: Final = 960
OVERSAMPLING: Final = 2
"""Art is painted this many times larger and reduced, since Pillow's shapes have hard edges."""


@dataclass(frozen=True, slots=True)
class Palette:
    """`ink` reads on `ground` (a test holds the contrast); accents are for shapes."""

    ground: str
    ink: str
    accent: str
    second: str


PALETTES: Final = (
    Palette("#f3ebdd", "#1f2430", "#c8452f", "#2f5d62"),
    Palette("#16243b", "#f6edda", "#e0a458", "#5b8e9c"),
    Palette("#1f3a33", "#f4ecd6", "#d98e4a", "#7fa08a"),
    Palette("#e6b94f", "#23201c", "#8c2f1b", "#f8ebc8"),
    Palette("#9c3f2b", "#fdf3e3", "#efc07f", "#2b3540"),
    Palette("#dbe6ea", "#1a2b3b", "#d1603d", "#4f7c8a"),
    Palette("#3b2140", "#f8ece4", "#e07a6e", "#8e6a9e"),
    Palette("#cdd7c2", "#202d27", "#9b3d2e", "#55796a"),
    Palette("#1a1a1c", "#f2efe8", "#d7363d", "#86857f"),
    Palette("#f2dad0", "#351b28", "#a8384a", "#4d6a6d"),
    Palette("#0f4552", "#f8f1e5", "#f08a4b", "#93bdb8"),
    Palette("#faf7f0", "#20242c", "#1d4e89", "#f2a541"),
    Palette("#2c3e66", "#f7f3ea", "#f2c14e", "#c9574b"),
    Palette("#e9e2d0", "#2a2320", "#6b7f3f", "#b8763a"),
)


class Canvas:
    """Shapes in pixels of the large cover, painted at `OVERSAMPLING` times that."""

    def __init__(self, draw: ImageDraw) -> None:
        self._draw = draw

    def rectangle(self, left: float, top: float, right: float, bottom: float, fill: str) -> None:
        s = OVERSAMPLING
        self._draw.rectangle((left * s, top * s, right * s - 1, bottom * s - 1), fill)

    def disc(self, x: float, y: float, radius: float, fill: str) -> None:
        s = OVERSAMPLING
        box = ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s)
        self._draw.ellipse(box, fill)

    def ring(self, x: float, y: float, radius: float, stroke: float, colour: str) -> None:
        s = OVERSAMPLING
        box = ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s)
        self._draw.ellipse(box, outline=colour, width=round(stroke * s))

    def sector(
        self, x: float, y: float, radius: float, start: float, end: float, fill: str
    ) -> None:
        s = OVERSAMPLING
        box = ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s)
        self._draw.pieslice(box, start, end, fill)

    def polygon(self, points: list[tuple[float, float]], fill: str) -> None:
        s = OVERSAMPLING
        self._draw.polygon([(x * s, y * s) for x, y in points], fill)

    def line(self, points: list[tuple[float, float]], stroke: float, colour: str) -> None:
        s = OVERSAMPLING
        scaled = [(x * s, y * s) for x, y in points]
        self._draw.line(scaled, colour, round(stroke * s))

    def frame(self, inset: float, stroke: float, colour: str) -> None:
        s = OVERSAMPLING
        box = (inset * s, inset * s, (WIDTH - inset) * s - 1, (HEIGHT - inset) * s - 1)
        self._draw.rectangle(box, outline=colour, width=round(stroke * s))


def mixed(one: str, other: str, share: float) -> str:
    """The colour `share` of the way from one to the other, both as #rrggbb."""
    channels = (
        round(int(one[i : i + 2], 16) * (1 - share) + int(other[i : i + 2], 16) * share)
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{channel:02x}" for channel in channels)
