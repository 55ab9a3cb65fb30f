"""Right-to-left scripts on machines whose Pillow finds no FriBiDi and so lays text out naively."""

import unicodedata
from functools import cache
from typing import Final, Literal, TypeAlias

Form: TypeAlias = Literal["isolated", "final", "initial", "medial"]

_LAM: Final = "\u0644"
_MIRRORED: Final = str.maketrans("()[]{}«»", ")(][}{»«")


def _direction(text: str) -> str | None:
    """Of the first character that has one; punctuation and spaces have none."""
    kinds = (unicodedata.bidirectional(c) for c in text)
    return next((kind for kind in kinds if kind in {"L", "R", "AL"}), None)


def is_right_to_left(text: str) -> bool:
    return _direction(text) in {"R", "AL"}


def mirrored(piece: str) -> str:
    """A piece of a right-to-left line: brackets on their own face the other way there."""
    return piece[::-1].translate(_MIRRORED) if _direction(piece) is None else piece


@cache
def _pillow_knows_direction() -> bool:
    from PIL import features

    return bool(features.check("raqm"))


def visual_order(text: str) -> str:
    """What to hand to Pillow: the text itself where it shapes, else joined letters reversed."""
    if not is_right_to_left(text) or _pillow_knows_direction():
        return text
    return shaped(text)[::-1].translate(_MIRRORED)


@cache
def _presentation_forms() -> dict[tuple[str, str], str]:
    """From (letters, form) to the code point that shows them, as Unicode's own data has it."""
    forms: dict[tuple[str, str], str] = {}
    for code in (*range(0xFB50, 0xFC00), *range(0xFE70, 0xFEFD)):
        kind, _, letters = unicodedata.decomposition(chr(code)).partition(" ")
        if letters and kind.startswith("<"):
            key = "".join(chr(int(part, 16)) for part in letters.split())
            forms[key, kind.strip("<>")] = chr(code)
    return forms


def shaped(text: str) -> str:
    """Arabic letters in the forms that their neighbours ask for, in reading order."""
    forms = _presentation_forms()
    letters: list[str] = []
    for character in text:
        if unicodedata.combining(character):
            continue  # vowel signs need a shaping engine to find their letter; the word reads on
        if letters and letters[-1] == _LAM and (_LAM + character, "isolated") in forms:
            letters[-1] += character
        else:
            letters.append(character)

    def joins_forward(index: int) -> bool:
        return 0 <= index < len(letters) and (letters[index], "initial") in forms

    def joins_back(index: int) -> bool:
        return 0 <= index < len(letters) and (letters[index], "final") in forms

    shown: list[str] = []
    for index, letter in enumerate(letters):
        before = joins_forward(index - 1) and joins_back(index)
        after = joins_forward(index) and joins_back(index + 1)
        form: Form = (
            "medial" if before and after else "final" if before else "initial" if after
            else "isolated"
        )  # fmt: skip
        shown.append(forms.get((letter, form), letter))
    return "".join(shown)
