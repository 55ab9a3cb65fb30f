"""The styles a cover can have: each paints its art and says where the words go."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import mul
from typing import Final

from functions.inventory.covers.canvas import HEIGHT, WIDTH, Canvas, Palette, mixed
from functions.inventory.covers.chance import Chance
from functions.inventory.covers.fonts import Family
from functions.inventory.covers.setting import Align, Anchor, Box

_MARGIN: Final = 56
_CLEAR_OF_TITLE: Final = 376
"""Below the longest title and its series in the styles that have them on top."""


@dataclass(frozen=True, slots=True)
class Layout:
    title: Box
    author: Box
    series: Box
    series_below_title: bool = False
    """Then the series' own `top` does not count."""


Style = Callable[[Canvas, Palette, Chance], Layout]


def _title(
    top: int, height: int, family: Family, colour: str, *, largest: int = 92,
    align: Align = "left", anchor: Anchor = "top", capitals: bool = False, inset: int = _MARGIN,
) -> Box:  # fmt: skip
    return Box(
        inset, top, WIDTH - 2 * inset, height, family, largest, 26, colour, align, anchor, capitals,
        0.01 if capitals else 0.0,
    )  # fmt: skip


def _author(
    top: int, colour: str, *, align: Align = "left", anchor: Anchor = "top", inset: int = _MARGIN
) -> Box:
    return Box(
        inset, top, WIDTH - 2 * inset, 54, "Jost-Medium", 27, 15, colour, align, anchor, True, 0.12
    )


def _series(top: int, colour: str, *, align: Align = "left", inset: int = _MARGIN) -> Box:
    return Box(
        inset, top, WIDTH - 2 * inset, 36, "EBGaramond-MediumItalic", 30, 18, colour, align, "top"
    )


def horizon(canvas: Canvas, palette: Palette, chance: Chance) -> Layout:
    """A sun over layered hills."""
    x = chance.pick((190, 320, 450))
    canvas.disc(x, 560, 150, palette.accent)
    layers = 4
    for layer in range(layers):
        shade = mixed(palette.second, palette.ground, 0.55 - 0.18 * layer)
        base = 590 + layer * 76
        swing, phase = chance.between(22, 48), chance.below(628) / 100
        length = chance.between(240, 420)
        crest = [
            (float(px), base + swing * math.sin(px / length * math.tau + phase))
            for px in range(0, WIDTH + 8, 8)
        ]
        canvas.polygon([*crest, (WIDTH, HEIGHT), (0, HEIGHT)], shade)
    canvas.rectangle(0, 846, WIDTH, HEIGHT, palette.ground)
    return Layout(
        _title(64, 270, "Fraunces-SemiBold", palette.ink, largest=96),
        _author(878, palette.ink),
        _series(0, palette.ink),
        series_below_title=True,
    )


def tiles(canvas: Canvas, palette: Palette, chance: Chance) -> Layout:
    """Quarter circles and triangles on a grid."""
    columns, rows, side = 4, 3, WIDTH // 4
    colours = (palette.accent, palette.second, palette.ink, mixed(palette.ground, palette.ink, 0.1))
    for row in range(rows):
        for column in range(columns):
            left, top = column * side, row * side
            back, front = chance.pick(colours), chance.pick(colours)
            canvas.rectangle(left, top, left + side, top + side, back)
            corners = [(left, top), (left + side, top), (left + side, top + side)]
            turn = chance.below(4)
            match chance.below(5):
                case 0 | 1:
                    x, y = left + side * (turn in (1, 2)), top + side * (turn in (2, 3))
                    start = (0, 90, 180, 270)[turn]
                    canvas.sector(x, y, side, start, start + 90, front)
                case 2:
                    canvas.polygon([(float(x), float(y)) for x, y in corners], front)
                case 3:
                    canvas.disc(left + side / 2, top + side / 2, side * 0.32, front)
                case _:
                    middle = left + side / 2 if turn % 2 else left
                    canvas.rectangle(middle, top, middle + side / 2, top + side, front)
    return Layout(
        _title(526, 256, "Jost-Medium", palette.ink, largest=84),
        _author(876, palette.ink),
        _series(0, palette.ink),
        series_below_title=True,
    )


def label(canvas: Canvas, palette: Palette, chance: Chance) -> Layout:
    """A paper label on a patterned binding."""
    paper = palette.ground
    cloth, mark = chance.pick(
        ((palette.second, palette.ground), (palette.ink, palette.accent),
         (palette.accent, palette.ground))
    )  # fmt: skip
    cell = chance.pick((80, 96))
    mark = mixed(cloth, mark, 0.55)
    canvas.rectangle(0, 0, WIDTH, HEIGHT, cloth)
    pattern = chance.below(4)
    for row in range(HEIGHT // cell * 2 + 2):
        for column in range(WIDTH // cell + 2):
            x, y = column * cell + (row % 2) * cell / 2, row * cell / 2
            if pattern == 0:
                h = cell * 0.2
                canvas.polygon([(x, y - h * 1.6), (x + h, y), (x, y + h * 1.6), (x - h, y)], mark)
            elif pattern == 1:
                canvas.ring(x, y, cell * 0.42, 3, mark)
            elif pattern == 2:
                for angle in range(0, 360, 60):
                    dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
                    canvas.disc(x + dx * cell * 0.17, y + dy * cell * 0.17, cell * 0.075, mark)
                canvas.disc(x, y, cell * 0.06, mark)
            else:
                canvas.sector(x, y, cell * 0.48, 180, 360, mark)
                canvas.sector(x, y, cell * 0.30, 180, 360, cloth)
                canvas.sector(x, y, cell * 0.16, 180, 360, mark)
    canvas.rectangle(88, 200, WIDTH - 88, 640, paper)
    for inset, stroke in ((14, 3), (22, 1)):
        left, top, right, bottom = 88 + inset, 200 + inset, WIDTH - 88 - inset, 640 - inset
        edge = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        canvas.line([(float(x), float(y)) for x, y in edge], stroke, palette.ink)
    canvas.line([(280, 522), (360, 522)], 2, palette.ink)
    return Layout(
        _title(284, 218, "EBGaramond-Medium", palette.ink, largest=76, align="centre",
               anchor="middle", inset=132),
        _author(544, palette.ink, align="centre", anchor="middle", inset=132),
        _series(242, palette.ink, align="centre", inset=132),
    )  # fmt: skip


def stripes(canvas: Canvas, palette: Palette, chance: Chance) -> Layout:
    """Bands of uneven height under a poster title."""
    colours = (palette.accent, palette.second, palette.ink, mixed(palette.accent, palette.ink, 0.4))
    y, previous = 560.0, -1
    while y < HEIGHT - 112:
        band = chance.pick((14, 22, 34, 52, 74))
        colour = (previous + 1 + chance.below(len(colours) - 1)) % len(colours)
        canvas.rectangle(0, y, WIDTH, min(y + band, HEIGHT - 112), colours[colour])
        y, previous = y + band + 8, colour
    canvas.rectangle(_MARGIN, 64, _MARGIN + 84, 72, palette.accent)
    return Layout(
        _title(98, 376, "Oswald-Medium", palette.ink, largest=120, capitals=True),
        _author(884, palette.ink),
        _series(0, palette.ink),
        series_below_title=True,
    )


def orbits(canvas: Canvas, palette: Palette, chance: Chance) -> Layout:
    """Thin circles about a corner, with bodies on them."""
    x, y = chance.pick(((WIDTH, 0), (WIDTH - 120, 90), (140, 120), (WIDTH // 2, 0)))
    faint = mixed(palette.ground, palette.ink, 0.38)
    canvas.disc(x, y, 74, palette.accent)
    for ring in range(7):
        radius = 122 + ring * 62
        canvas.ring(x, y, radius, 2, faint)
        for _ in range(2):
            angle = math.radians(chance.below(360))
            px, py = x + radius * math.cos(angle), y + radius * math.sin(angle)
            if py < 500:
                size = chance.pick((6, 9, 14, 22))
                canvas.disc(px, py, size + 5, palette.ground)
                canvas.disc(px, py, size, chance.pick((palette.accent, palette.second)))
    canvas.rectangle(0, 540, WIDTH, HEIGHT, palette.ground)
    canvas.rectangle(_MARGIN, 560, WIDTH - _MARGIN, 563, palette.ink)
    return Layout(
        _title(590, 214, "Jost-Medium", palette.ink, largest=84),
        _author(876, palette.ink),
        _series(0, palette.ink),
        series_below_title=True,
    )


def arches(canvas: Canvas, palette: Palette, chance: Chance) -> Layout:
    """Doorways within doorways."""
    turns = chance.below(2)
    colours = (palette.accent, palette.ground, palette.second, palette.ground, palette.ink)
    half, spring = 216.0, 640.0
    for step in range(5):
        colour = colours[step] if turns else colours[(step + 2) % 4]
        canvas.sector(320, spring, half, 180, 360, colour)
        canvas.rectangle(320 - half, spring - 1, 320 + half, 856, colour)
        half -= 30 if step % 2 == 0 else 14
        spring += 10
    canvas.disc(320, spring - 20, 34, palette.accent if not turns else palette.ground)
    canvas.rectangle(0, 856, WIDTH, 860, palette.ink)
    return Layout(
        _title(72, 262, "EBGaramond-Medium", palette.ink, largest=96, align="centre",
               anchor="middle"),
        _author(886, palette.ink, align="centre"),
        _series(0, palette.ink, align="centre"),
        series_below_title=True,
    )  # fmt: skip


def stem(canvas: Canvas, palette: Palette, chance: Chance) -> Layout:
    """A plant in a frame."""
    canvas.frame(26, 3, palette.ink)
    bend = chance.pick((-46, -30, 30, 46))

    def at(share: float) -> tuple[float, float]:
        return 320 + bend * math.sin(share * math.pi * 1.4), 600 - 510 * share

    canvas.line([at(step / 24) for step in range(25)], 5, palette.second)
    pairs, leaf = chance.between(5, 7), chance.between(96, 132)
    tilt = chance.between(24, 44)
    for pair in range(pairs):
        share = 0.08 + 0.8 * pair / (pairs - 1)
        x, y = at(share)
        length = leaf * (1.05 - 0.5 * share)
        colour = palette.accent if (pair + bend) % 3 == 0 else palette.second
        for side in (-1, 1):
            angle = math.radians(tilt)
            dx, dy = side * math.cos(angle), -math.sin(angle)
            outline: list[tuple[float, float]] = []
            for edge in (1, -1):
                for step in range(13) if edge == 1 else range(12, -1, -1):
                    along = step / 12
                    belly = edge * math.sin(along * math.pi) ** 0.8 * length * 0.19
                    outline.append(
                        (x + dx * along * length - dy * belly, y + dy * along * length + dx * belly)
                    )
            canvas.polygon(outline, colour)
            tip = (x + dx * length * 0.86, y + dy * length * 0.86)
            canvas.line([(x, y), tip], 2, palette.ground)
    x, y = at(1)
    for angle in range(0, 360, 45):
        dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        canvas.disc(x + dx * 22, y + dy * 22, 13, palette.accent)
    canvas.disc(x, y, 13, palette.ground)
    return Layout(
        _title(632, 150, "Fraunces-SemiBold", palette.ink, largest=80, align="centre",
               anchor="middle"),
        _author(864, palette.ink, align="centre"),
        _series(0, palette.ink, align="centre"),
        series_below_title=True,
    )  # fmt: skip


def split(canvas: Canvas, palette: Palette, chance: Chance) -> Layout:
    """One big shape cut by a diagonal."""
    rising = chance.below(2)
    near, far = (300, 520) if rising else (520, 300)
    canvas.polygon([(0, 0), (WIDTH, 0), (WIDTH, near), (0, far)], palette.accent)
    x, radius = chance.pick(((170, 130), (320, 160), (470, 130)))
    middle = far + (near - far) * x / WIDTH
    canvas.disc(x, middle, radius, palette.ink)
    angle = math.degrees(math.atan2(near - far, WIDTH))
    canvas.sector(x, middle, radius, angle, angle + 180, palette.second)
    for step in range(3):
        y = 22.0 * (step + 1)
        canvas.line([(0, far + y), (WIDTH, near + y)], 3, palette.accent)
    return Layout(
        _title(604, 200, "Oswald-Medium", palette.ink, largest=116, capitals=True, anchor="bottom"),
        _author(884, palette.ink),
        _series(0, palette.ink),
        series_below_title=True,
    )


def _bell(distance: float, spread: float) -> float:
    return math.exp(-(distance**2) / (2 * spread * spread))


def strata(canvas: Canvas, palette: Palette, chance: Chance) -> Layout:
    """Contour lines, as on a map."""
    colour = mixed(palette.ground, palette.ink, 0.3)
    hills = [
        (chance.between(60, 580), chance.between(420, 800), chance.between(110, 200))
        for _ in range(3)
    ]
    across = range(0, WIDTH + 16, 16)
    profiles = [[_bell(x - hx, size) for x in across] for hx, _, size in hills]
    for line in range(32):
        base = 470 + line * 14
        heights = [size * _bell(base - hy, size) for _, hy, size in hills]
        room = base + 40 - _CLEAR_OF_TITLE
        points = [
            (float(x), _CLEAR_OF_TITLE + room * math.exp(-sum(map(mul, heights, lifts)) / room))
            for x, *lifts in zip(across, *profiles, strict=True)
        ]
        canvas.line(points, 2.5, palette.accent if line % 7 == 3 else colour)
    canvas.rectangle(0, 836, WIDTH, HEIGHT, palette.ground)
    return Layout(
        _title(64, 250, "EBGaramond-MediumItalic", palette.ink, largest=104),
        _author(876, palette.ink),
        _series(0, palette.ink),
        series_below_title=True,
    )


STYLES: Final[tuple[Style, ...]] = (
    horizon, tiles, label, stripes, orbits, arches, stem, split, strata,
)  # fmt: skip
