"""Columns of a CSV file, known by their usual names."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from functions.inventory.import_model import UnreadableFile

_NAMES = {
    "isbn": "isbn, ean, ean13, gtin, gtin13, barcode, isbnean, gtinupceanorisbn, variantbarcode",
    "isbn13": "isbn13, isbn13digit, isbn13digits",
    "isbn10": "isbn10, isbn10digit, isbn10digits",
    "title": "title, booktitle, name, booktitlename, producttitle, itemname, titel, titre, titulo",
    "subtitle": "subtitle, undertitle, untertitel",
    "author": "author, writer, by, autor, auteur, authorname, bookauthor, author1, mainauthor",
    "authors": "authors, contributors, contributor, creators, creator, writers, autoren, auteurs",
    "editors": "editor, editors",
    "translators": "translator, translators",
    "illustrators": "illustrator, illustrators",
    "narrators": "narrator, narrators, reader",
    "publisher": "publisher, publishers, publishername, publishinghouse, verlag, editeur",
    "imprint": "imprint, imprintname",
    "price": "price, rrp, rrpinctax, rrpincvat, retailprice, listprice, listpriceinc,"
    " unitprice, sellingprice, regularprice, variantprice, preis, prix",
    "sale_price": "saleprice",
    "sale_dates": "saledates, datesalepricestarts, datesalepriceends",
    "currency": "currency, pricecurrency, currencycode, währung, devise",
    "stock": "stock, quantity, qty, onhand, stockonhand, stockquantity, quantityonhand, inventory,"
    " stocklevel, copies, bestand, variantinventoryqty",
    "format": "format, binding, bindingtype, productform, bookformat, covertype,"
    " mediatype, einband",
    "language": "language, languagecode, lang, languageoftext, sprache, langue",
    "published_on": "publicationdate, pubdate, published, publishedon, publisheddate,"
    " datepublished, dateofpublication, erscheinungsdatum, erscheinungsjahr, dateparution,"
    " releasedate, publicationyear, pubyear, year,"
    " yearofpublication, yearpublished, publishedyear, publishdate, publishyear",
    "on_sale_on": "onsaledate, onsale, onsaleon, embargo, embargodate, streetdate, availabledate",
    "pages": "pages, numpages, numberofpages, pagecount, pagination, nopages, extent, seiten",
    "description": "description, synopsis, blurb, summary, longdescription, bookdescription,"
    " shortdescription, annotation, overview, bodyhtml",
    "series": "series, seriestitle, seriesname",
    "volume": "volume, seriesnumber, seriesvolume, volumenumber, seriespart, numberinseries,"
    " bookinseries, seriesposition",
    "categories": "categories, category, subject, subjects, genre, genres, shelf, shelves, thema,"
    " themacode, themacodes, themasubject, bisac, bisaccode, bisaccodes, bic, bisacsubject",
    "original_language": "originallanguage, translatedfrom",
    "first_published": "firstpublished, originalpublicationyear, originalpublicationdate,"
    " firstpublicationyear, originalyear, yearfirstpublished",
    "height_mm": "heightmm",
    "width_mm": "widthmm",
    "thickness_mm": "thicknessmm, spinemm",
    "weight_g": "weightg, weightgrams, variantgrams",
    "ignored": "cover, coverurl, coverimage, image, imageurl, smallimageurl, thumbnail, imagelink",
}
FIELDS = tuple(field for field in _NAMES if field != "ignored")
SEVERAL = frozenset({"categories", "sale_dates"})
"""Fields for which a file may have more than one column."""
DATES = frozenset({"published_on", "on_sale_on", "first_published"})
_NO_SWITCHES: frozenset[int] = frozenset()
_SALE = frozenset({"sale_price", "sale_dates"})
_ISBNS = frozenset({"isbn", "isbn13", "isbn10"})
_BY_NAME = {
    re.sub(r"[\W_]", "", name): field
    for field, names in _NAMES.items()
    for name in names.split(",")
}


def known_columns(
    header: Sequence[str], switches: AbstractSet[int] = _NO_SWITCHES
) -> dict[int, str]:
    """The field of each column whose name is known; `ignored` is one of them.

    Of two columns for one field the one that names it more plainly counts, else the first. One of
    `switches`, which hold truth values, is no date: web shops have a `Published` that means shown.
    """
    claimed: dict[str, tuple[bool, int]] = {}
    found: dict[int, str] = {}
    for place, name in enumerate(header):
        field = _BY_NAME.get(_key(name))
        if field is None or (field in DATES and place in switches):
            continue
        if field in SEVERAL or field == "ignored":
            found[place] = field
            continue
        claim = (_key(name) != _key(field), place)
        if field not in claimed or claim < claimed[field]:
            claimed[field] = claim
    return found | {place: field for field, (_, place) in claimed.items()}


def columns_of(
    header: Sequence[str],
    mapped: Mapping[str, str],
    switches: AbstractSet[int] = _NO_SWITCHES,
) -> dict[int, str]:
    """`known_columns` where `mapped` (column names by field) does not say otherwise. A price that
    is mapped is the only one.

    Raises UnreadableFile where a mapped field or column is unknown, or nothing holds an ISBN.
    """
    found = known_columns(header, switches)
    if "price" in mapped:
        found = {place: field for place, field in found.items() if field not in _SALE}
    for field, column in mapped.items():
        if field not in FIELDS:
            raise UnreadableFile(f"{field} is not a field; there are {', '.join(FIELDS)}.")
        place = _place(header, column)
        if field not in SEVERAL:
            found = {other: known for other, known in found.items() if known != field}
        found[place] = field
    if not _ISBNS & set(found.values()):
        seen = ", ".join(name.strip()[:40] for name in header[:40])
        raise UnreadableFile(
            "No column of the first row is known to hold ISBNs; map one with isbn=COLUMN. "
            f"The columns are: {seen or 'none'}."
        )
    return found


def _place(header: Sequence[str], column: str) -> int:
    for place, name in enumerate(header):
        if name.strip() == column.strip() or _key(name) == _key(column) != "":
            return place
    raise UnreadableFile(f"The file has no column {column} that a field could be mapped to.")


def _key(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
