"""Postcodes: how the large countries write them, after the Universal Postal Union's sheets.

https://www.upu.int/en/postal-solutions/programmes-services/addressing-solutions
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

_SEPARATORS = re.compile(r"[\s.\-–‐]+")
_LENIENT = re.compile(r"[A-Z0-9]([A-Z0-9 -]{0,14}[A-Z0-9])?")


@dataclass(frozen=True)
class Form:
    """`pattern` is matched without separators; its groups are then written apart by `joint`.

    `prefix` is a country's letters that some people write in front of the digits.
    """

    pattern: str
    example: str
    joint: str = " "
    prefix: str = ""

    @cached_property
    def _compiled(self) -> "re.Pattern[str]":
        prefix = f"(?:{self.prefix})?" if self.prefix else ""
        return re.compile(prefix + self.pattern)

    def read(self, text: str) -> str | None:
        """As it is written on a parcel; None where it is not a postcode."""
        found = self._compiled.fullmatch(_SEPARATORS.sub("", text).upper())
        return None if found is None else self.joint.join(part for part in found.groups() if part)


FORMS: Mapping[str, Form] = {
    "AT": Form("([1-9][0-9]{3})", "1010", prefix="A"),
    "AU": Form("([0-9]{4})", "2000"),
    "BE": Form("([1-9][0-9]{3})", "1000", prefix="B"),
    # Never D, F, I, O, Q or U, nor W or Z in front, which could be misread.
    "CA": Form(
        "([ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z])([0-9][ABCEGHJ-NPRSTV-Z][0-9])", "K1A 0B1"
    ),
    "CH": Form("([1-9][0-9]{3})", "8001", prefix="CH"),
    "DE": Form("((?!00)[0-9]{5})", "10115", prefix="D"),
    "DK": Form("([0-9]{4})", "1050", prefix="DK"),
    "ES": Form("((?:0[1-9]|[1-4][0-9]|5[0-2])[0-9]{3})", "28013"),
    "FI": Form("([0-9]{5})", "00100", prefix="FI"),
    "FR": Form("((?:0[1-9]|[1-8][0-9]|9[0-8])[0-9]{3})", "75001", prefix="F"),
    # The inward code has no C, I, K, M, O or V.
    "GB": Form(
        "(GIR|[A-PR-UWYZ](?:[0-9][0-9A-HJKPSTUW]?|[A-HK-Y][0-9][0-9ABEHMNPRVWXY]?))"
        "([0-9][ABD-HJLNP-UW-Z]{2})",
        "SW1A 1AA",
    ),
    # Eircode: a routing key (D6W is the only one with a letter last) and a unique identifier.
    "IE": Form("([AC-FHKNPRTV-Y][0-9]{2}|D6W)([0-9AC-FHKNPRTV-Y]{4})", "D02 X285"),
    "IN": Form("([1-9][0-9]{5})", "110001"),
    "IT": Form("([0-9]{5})", "00184", prefix="I"),
    "JP": Form("([0-9]{3})([0-9]{4})", "100-0001", joint="-"),
    # The letters SA, SD and SS are not given out.
    "NL": Form("([1-9][0-9]{3})((?!SA|SD|SS)[A-Z]{2})", "1012 JS", prefix="NL"),
    "NO": Form("([0-9]{4})", "0150", prefix="NO?"),
    "NZ": Form("([0-9]{4})", "6011"),
    "PL": Form("([0-9]{2})([0-9]{3})", "00-950", joint="-", prefix="PL"),
    "PT": Form("([1-9][0-9]{3})([0-9]{3})", "1000-001", joint="-"),
    "SE": Form("([1-9][0-9]{2})([0-9]{2})", "111 20", prefix="SE?"),
    "US": Form("([0-9]{5})([0-9]{4})?", "20500", joint="-"),
}


def read_postcode(country: str, text: str) -> str:
    """As the country writes it.

    Countries without a form of their own are taken at their word; many of them have no postcodes,
    so there it may be empty. Raises ValueError with a sentence for the one who typed it.
    """
    # Keyboards of East Asia also have wide digits.
    text = unicodedata.normalize("NFKC", text).strip()
    form = FORMS.get(country)
    if form is None:
        plain = " ".join(text.upper().split())
        if plain and not _LENIENT.fullmatch(plain):
            raise ValueError("is not a postcode: at most 16 letters, digits, spaces and hyphens")
        return plain
    if not text:
        raise ValueError(f"is needed in {country}, such as {form.example}")
    found = form.read(text)
    if found is None:
        raise ValueError(f"is not a postcode of {country}, such as {form.example}")
    return found
