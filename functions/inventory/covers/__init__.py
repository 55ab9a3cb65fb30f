"""Typographic covers for books that have none: a pure function from a few words to pictures."""

from functions.inventory.covers.draw import (
    MEDIA_TYPE,
    SIZES,
    CoverSpec,
    placeholder_colour,
    render,
)

__all__ = ["MEDIA_TYPE", "SIZES", "CoverSpec", "placeholder_colour", "render"]
