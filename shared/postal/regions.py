"""Regions that a postal address must name, in the countries whose post sorts by them."""

from collections.abc import Mapping

from shared.postal.countries import codes

REGIONS: Mapping[str, frozenset[str]] = {
    "AU": codes("ACT NSW NT QLD SA TAS VIC WA"),
    "CA": codes("AB BC MB NB NL NS NT NU ON PE QC SK YT"),
    # States, the federal district, territories and the three of the armed forces.
    "US": codes("""
        AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ
        NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC AS GU MP PR VI AA AE AP
        """),
}
_EXAMPLES = {"AU": "NSW", "CA": "ON", "US": "NY"}


def read_region(country: str, text: str | None) -> str | None:
    """As the country writes it. Raises ValueError with a sentence for the one who typed it."""
    known = REGIONS.get(country)
    if known is None:
        return text
    example = _EXAMPLES[country]
    if text is None:
        raise ValueError(f"is needed in {country}, such as {example}")
    # "US-NY", as ISO 3166-2 has it, is the same.
    code = text.upper().removeprefix(f"{country}-")
    if code not in known:
        raise ValueError(f"is not a region of {country} by its letters, such as {example}")
    return code
