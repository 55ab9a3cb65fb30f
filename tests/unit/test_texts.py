"""Texts as the databases measure them."""

import pytest

from shared.kit.texts import shortened, units


@pytest.mark.parametrize(
    ("text", "longest", "kept"),
    [
        ("Delivered", 9, "Delivered"),
        ("Delivered", 3, "Del"),
        ("", 3, ""),
        ("📦📦", 4, "📦📦"),
        ("📦📦", 3, "📦"),
        ("a\x00b", 2, "ab"),
        ("a\ud800b", 3, "a?b"),
        ("Ü" * 300, 200, "Ü" * 200),
    ],
)
def test_what_is_too_long_is_cut_between_characters(text: str, longest: int, kept: str) -> None:
    assert shortened(text, longest) == kept
    assert units(kept) <= longest
