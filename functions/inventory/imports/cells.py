"""What people write into cells: ISBNs, prices, dates, numbers.

Every function raises ValueError with the end of a sentence that begins with what was read.
"""

import re
from datetime import date, datetime
from decimal import Decimal

from shared.kit.isbn import Isbn, parse_isbn
from shared.kit.money import Money

_MINOR_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""ISO 4217: currencies whose minor unit is not a hundredth."""

_SYMBOLS = {
    "£": ("GBP",),
    "€": ("EUR",),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"),
    "us$": ("USD",),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
    "zł": ("PLN",),
    "kr": ("SEK", "DKK", "NOK", "ISK"),
}
_PLAIN_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{0,20})?")
_AMOUNT = re.compile(r"[0-9][0-9.,' \u00a0\u202f]*")
_MOST_DIGITS = 20
_SHORTENED_TEN = re.compile(r"[0-9]{6,8}[0-9Xx]")
_SPOILT = re.compile(r"[0-9][.,][0-9]+[eE]\+?[0-9]+")
_GROUPED = re.compile(
    r"(-?[0-9]{1,3}(?:[ \u00a0\u202f,'][0-9]{2,3})*[ \u00a0\u202f,'][0-9]{3})(?:\.0+|,0{1,2})?"
)
"""`1,200`, `1'200.0`, `1 200,00` and the Indian `1,00,000`; `5,0` is five."""
_LABEL = re.compile(r"e?-?isbn(?:-?1[03])?[ :]+", re.IGNORECASE)
_POINT_ZERO = re.compile(r"(-?[0-9]+)[.,]0+")
_YEAR = re.compile(r"(-?[0-9]{1,4})(?:[.,]0+)?")
_NUMERIC = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})")
_ISO = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?(?:[T ].*)?")
_WRITTEN = (
    "%d %B %Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%B %d, %Y",
    "%b %d, %Y",
    "%B %d %Y",
    "%B %Y",
    "%b %Y",
)


def isbn_in(text: str) -> Isbn:
    """Also an ISBN-10 whose leading zeros a spreadsheet took, where its check digit proves it."""
    said = _LABEL.sub("", text.strip().strip("'=\""), count=1)
    whole = _POINT_ZERO.fullmatch(said)
    if whole:
        said = whole[1]
    if _SPOILT.fullmatch(said):
        raise ValueError("went through a spreadsheet and has lost its last digits")
    if _SHORTENED_TEN.fullmatch(said):
        try:
            return parse_isbn(said.rjust(10, "0"))
        except ValueError:
            raise ValueError(
                "is too short for an ISBN, and leading zeros do not make it one"
            ) from None
    return parse_isbn(said)


def amount_in(text: str, currency: str) -> Money:
    """A price in major units, with or without a currency, decimal comma or point: exactly."""
    amount = _AMOUNT.search(text)
    if amount is None:
        raise ValueError("is not a price")
    around = (text[: amount.start()] + " " + text[amount.end() :]).strip()
    if "-" in around:
        raise ValueError("is a price below nothing")
    if around and currency != around.upper() and currency not in _SYMBOLS.get(around.lower(), ()):
        raise ValueError(f"is not a price in {currency}")
    return money(_decimal(amount[0], _MINOR_DIGITS.get(currency, 2)), currency)


def money(major: Decimal, currency: str) -> Money:
    minor = major.scaleb(_MINOR_DIGITS.get(currency, 2))
    if minor != minor.to_integral_value():
        raise ValueError(f"has more decimals than {currency} has")
    if minor > 10**12:
        raise ValueError("is too much")
    return Money(amount=int(minor), currency=currency)


def minor_digits(currency: str) -> int:
    return _MINOR_DIGITS.get(currency, 2)


def decimal_in(text: str) -> Decimal:
    """A plain number with a decimal point, as XML feeds write it."""
    said = text.strip()
    if not _PLAIN_NUMBER.fullmatch(said):
        raise ValueError("is not a number that can be used")
    value = Decimal(said)
    if value > 10**12:
        raise ValueError("is too much")
    return value


def _decimal(written: str, digits: int) -> Decimal:
    bare = re.sub(r"[' \u00a0\u202f]", "", written).rstrip(".,")
    if len(bare) > _MOST_DIGITS:
        raise ValueError("is too much")
    point = max(bare.rfind("."), bare.rfind(","))
    if point < 0:
        return Decimal(bare)
    sign = bare[point]
    behind = len(bare) - point - 1
    groups = bare.count(sign) > 1 or (sign == "," and behind == 3 and digits != 3)
    if groups:
        if not re.fullmatch(r"[0-9]{1,3}([.,][0-9]{3})+", bare):
            raise ValueError("is not a price")
        return Decimal(re.sub(r"[.,]", "", bare))
    return Decimal(re.sub(r"[.,]", "", bare[:point]) + "." + bare[point + 1 :])


def whole_number_in(text: str, largest: int) -> int:
    said = text.strip()
    if grouped := _GROUPED.fullmatch(said):
        said = re.sub(r"[ \u00a0\u202f,']", "", grouped[1])
    plain = _POINT_ZERO.fullmatch(said)
    digits = plain[1] if plain else said
    if not re.fullmatch(r"-?[0-9]{1,12}", digits) or not digits.isascii():
        raise ValueError("is not a whole number")
    value = int(digits)
    if not 0 <= value <= largest:
        raise ValueError(f"is not between 0 and {largest}")
    return value


def stock_in(text: str) -> int:
    """Also `20+` and `>20`, which say at least so many."""
    return whole_number_in(text.strip().strip("+>≥ "), 1_000_000)


def year_in(text: str) -> int:
    found = _YEAR.fullmatch(text.strip())
    if found is None:
        return date_in(text).year
    return int(found[1])


def date_in(text: str, *, month_first: bool = False) -> date:
    """A day; the first of a month or year where no more is said. `3/4/2020` is the third of April,
    or the fourth of March where dates with slashes have the `month_first`.

    What can be read in one way only is read so: `4/13/2020`.
    """
    said = text.strip()
    try:
        if (year := _YEAR.fullmatch(said)) and len(year[1]) == 4:  # shops write 1 for "shown"
            return date(int(year[1]), 1, 1)
        if len(said) == 8 and said.isdecimal():
            return date(int(said[:4]), int(said[4:6]), int(said[6:]))
        if iso := _ISO.fullmatch(said):
            return date(int(iso[1]), int(iso[2]), int(iso[3] or 1))
        if numeric := _NUMERIC.fullmatch(said):
            first, second, of = (int(part) for part in numeric.groups())
            if second > 12 or (month_first and "/" in said and first <= 12):
                return date(of, first, second)
            return date(of, second, first)
    except ValueError:
        raise ValueError("is not a date") from None
    return _written_date(said)


def _written_date(said: str) -> date:
    for form in _WRITTEN:
        try:
            return datetime.strptime(said[:40], form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise ValueError("is not a date")
