"""International Standard Book Numbers (ISO 2108): parsing, check digits, from 10 digits to 13."""

import re
from functools import lru_cache
from operator import mul
from typing import NewType

Isbn = NewType("Isbn", str)
"""Thirteen digits, no hyphens, check digit proven."""

_SEPARATORS = re.compile(r"[\s\-‐‑‒–]")
_TEN = re.compile(r"[0-9]{9}[0-9Xx]")
_WEIGHTS = range(10, 1, -1)
_THIRTEEN = re.compile(r"97[89][0-9]{10}")


@lru_cache(maxsize=1_024)
def parse_isbn(text: str) -> Isbn:
    """Reads an ISBN-13 or ISBN-10, with or without hyphens or spaces.

    Raises ValueError with a sentence that says which rule is broken.
    """
    if len(text) > 40:
        raise ValueError("is too long for an ISBN")
    digits = _SEPARATORS.sub("", text)
    if _THIRTEEN.fullmatch(digits):
        if digits[12] != _check_13(digits[:12]):
            raise ValueError("has a wrong check digit")
        return Isbn(digits)
    if _TEN.fullmatch(digits):
        if digits[9].upper() != _check_10(digits[:9]):
            raise ValueError("has a wrong check digit")
        return from_ten(digits[:9])
    raise ValueError("is not an ISBN-13 (978 or 979 and ten digits) or an ISBN-10")


def looks_like_isbn(text: str) -> bool:
    """True where a searcher typed an ISBN's characters, right or wrong."""
    digits = _SEPARATORS.sub("", text) if len(text) <= 40 else ""
    return bool(_THIRTEEN.fullmatch(digits) or _TEN.fullmatch(digits))


def from_ten(first_nine: str) -> Isbn:
    """The ISBN-13 of an ISBN-10, given without its check digit."""
    stem = "978" + first_nine
    return Isbn(stem + _check_13(stem))


def to_ten(isbn: str) -> str | None:
    """The ISBN-10 of an ISBN-13; there is none where it does not begin with 978."""
    return isbn[3:12] + _check_10(isbn[3:12]) if isbn.startswith("978") else None


def _check_13(stem: str) -> str:
    digits = list(map(int, stem))
    return str(-(sum(digits[::2]) + 3 * sum(digits[1::2])) % 10)


def _check_10(stem: str) -> str:
    rest = -sum(map(mul, map(int, stem), _WEIGHTS)) % 11
    return "X" if rest == 10 else str(rest)
