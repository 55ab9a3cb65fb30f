"""ONIX code lists, as far as the catalogue understands them (EDItEUR, issue 70 and before)."""

import re

from functions.inventory.model import Format, Role

UPSERTS = frozenset({"01", "02", "03"})
UPDATE = "04"
DELETE = "05"

ISBN_TYPES = ("15", "03", "02")
"""List 5: ISBN-13, GTIN-13, ISBN-10; in the order in which they are believed."""

SINGLE_ITEM = "00"
"""List 2."""

_ROLES: dict[Role, str] = {
    "author": "A01 A02 A03 A04 A05 A06 A09 A14 A18 A20 A21 A29 A32 A38 A43",
    "illustrator": "A07 A12 A35 A40",
    "introduction": "A15 A16 A17 A19 A22 A23 A24 A25 A26 A27",
    "editor": "B01 B02 B03 B04 B09 B11 B12 B13 B14 B15 B16 B18 B19 B20 B21 B23 B24 B26 B28 B29",
    "translator": "B05 B06 B07 B08 B10",
    "narrator": "E03 E07 E08",
    "other": "A08 A10 A11 A13 A30 A31 A33 A34 A36 A37 A39 A41 A42 A44 A45 A46 A47 A48 A51 A99 B22"
    " B25 B27 B30 B31 B99 C01 C02 C03 C04 C99 D01 D02 D03 D99 E01 E02 E04 E05 E06 E09 E10 E99 F01"
    " F02 F99 Z01 Z02 Z98 Z99",
}
ROLES: dict[str, Role] = {code: role for role, codes in _ROLES.items() for code in codes.split()}
"""List 17."""

UNNAMED = {"01": "Unknown", "02": "Anonymous", "03": "et al.", "04": "Various"}
"""List 19, as far as it names somebody."""

_FORMS: dict[Format, str] = {
    "audiobook": "AA AB AC AD AE AF AG AH AI AJ AK AL AN AO AZ",
    "hardcover": "BB BG BH BI BJ",
    "paperback": "BA BC BD BE BF BK BL BM BN BO BP BZ",
    "ebook": "DA DB DG DH DZ EA EB EC ED",
}
FORMS: dict[str, Format] = {code: form for form, codes in _FORMS.items() for code in codes.split()}
"""List 150. Forms that are no books (calendars, toys, packs) are left out."""

AUDIO_DETAIL = "A"
"""List 175: details of audio begin so; a digital download with one is an audiobook."""

HEIGHT, WIDTH, THICKNESS, WEIGHT = "01", "02", "03", "08"
"""List 48."""
IN_MILLIMETRES = {"mm": "1", "cm": "10", "in": "25.4"}
IN_GRAMS = {"gr": "1", "kg": "1000", "oz": "28.349523", "lb": "453.59237"}
"""List 50."""

PAGES_UNIT = "03"
PAGE_EXTENTS = ("00", "11", "07", "08", "05", "10")
"""List 23, the best first: main content, total, numbered, content, ... , print counterpart."""

THEMA = "93"
THEMA_QUALIFIERS = frozenset({"94", "95", "96", "97", "98", "99"})
BISAC = "10"
"""List 27."""

DESCRIPTIONS = ("03", "02")
"""List 153: description, short description."""

OTHER_FORMATS = frozenset({"06", "13", "27"})
"""List 51: alternative format, e-publication of a print product, electronic version of it."""

PUBLICATION, EMBARGO, FIRST_PUBLISHED, FIRST_IN_ORIGINAL_LANGUAGE = "01", "02", "11", "20"
EXPECTED_AVAILABILITY = "08"
"""Lists 163, 166."""

TAKEN_OFF_SALE = frozenset({"01", "11", "15", "17"})
"""List 64: cancelled, withdrawn from sale, recalled, permanently withdrawn from sale."""
NORMAL_STATUS = frozenset({"00", "02", "04", "09"})
FORTHCOMING = "02"

NOT_FOR_SALE = frozenset({"01", "46", "49"})
"""List 65: cancelled, withdrawn from sale, recalled."""
NOT_SUPPLIED = NOT_FOR_SALE | {str(code) for code in range(40, 53)}
"""By this supplier: not available, replaced, no longer supplied, remaindered, out of print."""
NOT_YET = frozenset({"09", "10", "11", "12"})
AVAILABLE = frozenset({"20", "21", "22", "23"})

INCLUDING_TAX = ("02", "04", "42", "22", "12", "32")
"""List 58, the best first: recommended, fixed, publisher's, pre-publication, special sale."""
EXCLUDING_TAX = ("01", "03", "41", "21", "11", "31")
FREE_OF_CHARGE = "01"
"""List 57."""
FROM, UNTIL, BETWEEN = "14", "15", "24"
"""List 173."""
EURO_COUNTRIES = frozenset(re.findall("..", "ADATBEBGCYDEEEESFIFRGRHRIEITLTLULVMCMTNLPTSISKSMVA"))
EVERYWHERE = frozenset({"WORLD", "ROW"})
EURO_ZONE = "ECZ"
"""List 49."""
PLAIN_QUALIFIERS = frozenset({"00", "05"})
"""List 59: unqualified, for consumers."""
