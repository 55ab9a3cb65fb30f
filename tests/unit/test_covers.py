import re
import subprocess
import sys
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from functions.inventory.covers import MEDIA_TYPE, SIZES, CoverSpec, placeholder_colour, render
from functions.inventory.covers.bidirectional import shaped
from functions.inventory.covers.canvas import HEIGHT, PALETTES, WIDTH, Palette
from functions.inventory.covers.fonts import legible, load, runs, width
from functions.inventory.covers.setting import Box, set_text
from functions.inventory.covers.styles import STYLES

BOX = Box(60, 60, 520, 300, "Fraunces-SemiBold", 96, 26, "#000000")

TITLES = {
    "Latin with marks": "L’Élégance du hérisson, Łódź, Tiếng Việt",
    "Greek": "Βίος και Πολιτεία του Αλέξη Ζορμπά",
    "Cyrillic": "Преступление и наказание",
    "Armenian": "Անուշ",
    "Georgian": "ვეფხისტყაოსანი",
    "Hebrew": "סיפור על אהבה וחושך",
    "Arabic": "موسم الهجرة إلى الشمال",
    "Devanagari": "गोदान",
    "Bengali": "পথের পাঁচালী",
    "Tamil": "பொன்னியின் செல்வன்",
    "Thai": "สี่แผ่นดิน",
    "Khmer": "ផ្កាស្រពោន",
    "Amharic": "ፍቅር እስከ መቃብር",
    "Chinese": "紅樓夢",
    "Japanese": "ノルウェイの森",
    "Korean": "채식주의자",
}


def spec(title: str, seed: str = "a seed") -> CoverSpec:
    return CoverSpec(title, ("Someone",), seed, "A Series 1")


def seeds_for_every_style() -> list[str]:
    """One seed for each style: the first that chooses it."""
    from functions.inventory.covers.chance import Chance

    found: dict[str, str] = {}
    for number in range(500):
        style = Chance(str(number)).pick(STYLES)
        found.setdefault(style.__name__, str(number))
    assert len(found) == len(STYLES)
    return list(found.values())


def test_the_same_input_gives_the_same_bytes() -> None:
    assert render(spec("Middlemarch")) == render(spec("Middlemarch"))


def test_another_seed_gives_another_cover() -> None:
    assert render(spec("Middlemarch", "1")) != render(spec("Middlemarch", "2"))


@pytest.mark.parametrize("seed", seeds_for_every_style())
def test_every_style_comes_in_every_size(seed: str) -> None:
    pictures = render(spec("The Strange Case of the Very Long Title", seed))
    assert pictures.keys() == SIZES.keys()
    for name, data in pictures.items():
        picture = Image.open(BytesIO(data))
        assert picture.size == SIZES[name]
        assert picture.get_format_mimetype() == MEDIA_TYPE
        assert len(data) < 200_000


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES.keys())
def test_a_title_in_any_script_loses_no_letter_and_changes_the_picture(title: str) -> None:
    assert legible(title) == title
    with_title, without = (
        Image.open(BytesIO(render(CoverSpec(text, (), "3"))["small"])).convert("L")
        for text in (title, "")
    )
    assert max(ImageChops.difference(with_title, without).tobytes()) > 64


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES.keys())
def test_no_letter_of_a_title_is_drawn_as_the_box_for_a_missing_one(title: str) -> None:
    for piece, font in runs(title, "Jost-Medium"):
        loaded = load(font, 40)
        missing = bytes(loaded.getmask("\U000e0fff"))
        for letter in piece.replace(" ", ""):
            assert bytes(loaded.getmask(letter)) != missing, f"{letter!r} in {font}"


@pytest.mark.parametrize(
    "title", ["", " ", "\u0000\u0007", "🙂🙃", "\U00013080\U00013081", "\n", "\ufdfd"]
)
def test_a_title_that_no_font_can_show_still_gets_a_cover(title: str) -> None:
    assert render(spec(title)).keys() == SIZES.keys()


@given(st.text(max_size=300))
@settings(max_examples=80)
def test_no_text_leaves_its_box(text: str) -> None:
    setting = set_text(text, BOX)
    if setting is None:
        assert legible(text) == ""
        return
    assert setting.height <= BOX.height
    assert BOX.smallest - 1 <= setting.size <= BOX.largest
    for line in setting.lines:
        # A ligature or a kern across a break can cost a pixel or two.
        assert width(line, BOX.family) * setting.size <= BOX.width + 4 or len(line) == 1


def test_a_long_title_shrinks_and_wraps() -> None:
    short = set_text("Emma", BOX)
    long = set_text("The Structure and Interpretation of Very Many Computer Programs", BOX)
    assert short is not None
    assert long is not None
    assert len(short.lines) == 1
    assert len(long.lines) > 1
    assert long.size < short.size


def test_what_does_not_fit_at_the_smallest_size_ends_in_an_ellipsis() -> None:
    low = replace(BOX, height=100)
    setting = set_text("word " * 60, low)
    assert setting is not None
    assert setting.size == low.smallest
    assert setting.height <= low.height
    assert setting.lines[-1].endswith("…")


def test_a_title_of_a_megabyte_costs_no_more_than_a_long_one() -> None:
    assert set_text("x" * 1_000_000, BOX) == set_text("x" * 1_000, BOX)


def test_lines_are_balanced() -> None:
    setting = set_text("The Making of the English Working Class", BOX)
    assert setting is not None
    widths = [width(line, BOX.family) for line in setting.lines]
    assert min(widths) > 0.5 * max(widths)


def test_a_loan_word_in_katakana_is_not_broken() -> None:
    box = Box(0, 0, 330, 300, "Oswald-Medium", 80, 20, "#000000")
    setting = set_text("ノルウェイの森", box)
    assert setting is not None
    assert any(line.startswith("ノルウェイ") for line in setting.lines)


def test_arabic_letters_join_where_pillow_cannot_shape_them() -> None:
    assert shaped("باب") == "\ufe91\ufe8e\ufe8f"
    assert shaped("سلام") == "\ufeb3\ufefc\ufee1"


def test_brackets_face_the_other_way_in_a_right_to_left_line() -> None:
    pieces = [piece for piece, _ in runs("(الأيام)", "Jost-Medium")]
    assert (pieces[0], pieces[-1]) == ("(", ")")
    pieces = [piece for piece, _ in runs("الأيام (", "Jost-Medium")]
    assert pieces[0] == ")"


def test_names_of_several_contributors_all_show() -> None:
    one = render(CoverSpec("Good Omens", ("Terry Pratchett",), "4"))
    two = render(CoverSpec("Good Omens", ("Terry Pratchett", "Neil Gaiman"), "4"))
    assert one["large"] != two["large"]


def test_who_both_wrote_and_drew_a_book_is_named_once() -> None:
    once = render(CoverSpec("The Arrival", ("Shaun Tan",), "4"))
    assert render(CoverSpec("The Arrival", ("Shaun Tan", "Shaun Tan"), "4")) == once


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance."""

    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("palette", PALETTES, ids=lambda palette: palette.ground)
def test_words_stand_out_from_their_ground(palette: Palette) -> None:
    light, dark = sorted((luminance(palette.ground), luminance(palette.ink)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 5.5


def test_the_placeholder_is_the_ground_of_the_cover() -> None:
    colour = placeholder_colour(spec("Emma", "0"))
    assert re.fullmatch("#[0-9a-f]{6}", colour)
    assert colour in {palette.ground for palette in PALETTES}


def test_boxes_of_every_style_lie_within_the_cover() -> None:
    from PIL.ImageDraw import Draw

    from functions.inventory.covers.canvas import OVERSAMPLING, Canvas
    from functions.inventory.covers.chance import Chance

    for style in STYLES:
        paper = Image.new("RGB", (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING))
        layout = style(Canvas(Draw(paper)), PALETTES[0], Chance("x"))
        for box in (layout.title, layout.author, layout.series):
            assert box.left >= 26
            assert box.left + box.width <= WIDTH - 26
            assert box.top >= 0
            assert box.top + box.height <= HEIGHT - 8


def test_pillow_is_imported_only_when_a_cover_is_drawn() -> None:
    code = "import sys, functions.inventory.covers; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
