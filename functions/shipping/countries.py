"""Where the shop sends to, and which days people work there."""

from shared.postal.countries import codes

UNSERVED = codes("AQ BV BY CU GS HM IO IR KP RU SD SY TF UM YE")
"""Nobody lives there who has an address, or no carrier of the shop's takes books there."""

HOME = codes("GB GG IM JE")
EUROPE = codes("""
    AD AL AT AX BA BE BG CH CY CZ DE DK EE ES FI FO FR GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK
    MT NL NO PL PT RO RS SE SI SJ SK SM UA VA
    """)

_FRIDAY_AND_SATURDAY = codes("AF BD BH DZ EG IL IQ JO KW LY MV OM PS QA SA")


def days_off(country: str) -> frozenset[int]:
    """The weekend, as `date.weekday` counts: Monday is 0. Public holidays are not known."""
    return frozenset({4, 5}) if country in _FRIDAY_AND_SATURDAY else frozenset({5, 6})
