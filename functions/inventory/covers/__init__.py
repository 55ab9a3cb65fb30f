"""Typographic covers for books that have none: a pure function from a few words to pictures."""

from functions.inventory.covers.draw import (
    SIZES,
    CoverSpec,
    media_type,
    placeholder_colour,
    render,
)

__all__ = ["SIZES", "CoverSpec", "media_type", "placeholder_colour", "render"]
