"""What the cells of a row say of an edition.

A cell that cannot be read costs the row where a sale depends on it (ISBN, title, price, stock),
else it is noted and left out.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from functions.inventory.import_model import FeedRecord, Position, Said
from functions.inventory.imports.cells import (
    amount_in,
    date_in,
    isbn_in,
    stock_in,
    whole_number_in,
    year_in,
)
from functions.inventory.imports.languages import language_code
from functions.inventory.imports.names import contributors, people_in, series_place
from functions.inventory.imports.plain_text import one_line, plain_text, without_entities
from functions.inventory.model import Dimensions, Format, Role
from shared.kit.isbn import Isbn
from shared.kit.money import Money

_FORMATS: dict[Format, str] = {
    "audiobook": "audio audiobook audiobooks cd mp3 cassette ac aj an",
    "ebook": "ebook ebooks epub kindle digital pdf electronic ea ed dg e",
    "hardcover": "hardcover hardback hb hbk hc bb cloth casebound board hardbound gebunden",
    "paperback": "paperback softcover softback pb pbk bc paper mass trade taschenbuch broché",
}
_FORMAT_OF = {word: form for form, words in _FORMATS.items() for word in words.split()}
_PEOPLE: tuple[tuple[str, Role, bool], ...] = (
    ("author", "author", False),
    ("authors", "author", True),
    ("editors", "editor", True),
    ("translators", "translator", True),
    ("illustrators", "illustrator", True),
    ("narrators", "narrator", True),
)
_LINES = {"subtitle": 500, "publisher": 200, "imprint": 200}
_SIZES = {"height_mm": 5000, "width_mm": 5000, "thickness_mm": 5000, "weight_g": 100_000}
_LONGEST_DESCRIPTION = 20_000
_MOST_CATEGORIES = 100


def say(
    cells: Mapping[str, str],
    said: Said,
    record: FeedRecord,
    currency: str,
    *,
    month_first: bool = False,
) -> None:
    """`month_first`: dates with slashes are. Raises ValueError where the row is of no use."""
    fields = said.fields
    # What a web shop exports is written for HTML; a description is read as HTML below.
    cells = {
        name: text if name == "description" else without_entities(text)
        for name, text in cells.items()
    }
    if "title" in cells:
        fields["title"] = one_line(cells["title"], 500, "title")
    if "price" in cells or "sale_price" in cells:
        fields["price"] = _price(cells, currency, record)
    if "stock" in cells:
        said.stock = _needed("stock", stock_in, cells)
    if people := contributors(_people(cells), "authors", record.notes):
        fields["contributors"] = people
    if "series" in cells:
        volume = cells.get("volume", "").removesuffix(".0")
        series = series_place(cells["series"], volume, "series", record.notes)
        if series is not None:
            fields["series"] = series
    if "description" in cells:
        text = plain_text(cells["description"])
        if len(text) > _LONGEST_DESCRIPTION:
            record.notes.append(("description", "was cut to 20,000 characters"))
        fields["description"] = text[:_LONGEST_DESCRIPTION].strip() or None
    if "categories" in cells:
        said.categories = categories_in(cells["categories"])
    _say_what_is_optional(cells, fields, record, _MONTH_FIRST if month_first else _OPTIONAL)


def _say_what_is_optional(
    cells: Mapping[str, str],
    fields: dict[str, Any],
    record: FeedRecord,
    readers: Mapping[str, Callable[[str], Any]],
) -> None:
    for name, read in readers.items():
        if name in cells:
            try:
                value = read(cells[name])
            except ValueError as error:
                record.notes.append((name, f"{cells[name][:40]!r} {error}"))
            else:
                fields[name] = value
    sizes = {name: fields.pop(name) for name in _SIZES if name in fields}
    if sizes:
        fields["dimensions"] = Dimensions(**sizes)


def _price(cells: Mapping[str, str], currency: str, record: FeedRecord) -> Money:
    """A sale price counts before the regular one, unless it is nothing or has dates, since the
    catalogue could not end it.
    """
    stated = cells.get("currency", currency).upper()
    if stated != currency:
        raise ValueError(f"the price is in {stated[:10]}, and the shop's are in {currency}")
    prices: dict[str, Money] = {
        name: _needed(name, lambda text: amount_in(text, currency), cells)
        for name in ("price", "sale_price")
        if name in cells
    }
    if len(prices) == 1:
        return next(iter(prices.values()))
    if prices["sale_price"].amount == 0:
        return prices["price"]
    if "sale_dates" in cells:
        record.notes.append(("sale_price", "has dates; the regular price was taken"))
        return prices["price"]
    record.notes.append(("sale_price", "was taken in place of the regular price"))
    return prices["sale_price"]


def row_isbn(cells: Mapping[str, str], record: FeedRecord) -> Isbn:
    """An ISBN-10 counts before an ISBN-13: spreadsheets spoil only the longer one unseen."""
    found: Isbn | None = None
    faults = []
    for name in ("isbn10", "isbn", "isbn13"):
        if name not in cells:
            continue
        record.reference = record.reference or cells[name][:100]
        try:
            isbn = isbn_in(cells[name])
        except ValueError as error:
            faults.append(f"{name} {cells[name][:40]} {error}")
            continue
        if found is not None and isbn != found:
            record.notes.append((name, "names another book than the ISBN before it; left out"))
        found = found or isbn
    if found is None:
        record.reference = record.reference or cells.get("title")
        raise ValueError("; ".join(faults) or "has no ISBN")
    return found


def _needed(name: str, read: Callable[[str], Any], cells: Mapping[str, str]) -> Any:
    try:
        return read(cells[name])
    except ValueError as error:
        raise ValueError(f"the {name} {cells[name][:40]!r} {error}") from None


def _people(cells: Mapping[str, str]) -> Iterator[tuple[str, Role]]:
    for column, role, several in _PEOPLE:
        if column in cells:
            yield from people_in(cells[column], role, several=several)


def categories_in(text: str) -> list[tuple[str, ...]]:
    """Each as a code, and as the slug that its name would have."""
    names = [part.strip() for part in re.split(r"[;|]", text) if part.strip()]
    if len(names) == 1:
        names = [part.strip() for part in names[0].split(",") if part.strip()]
    return [category_alternatives(name) for name in names[:_MOST_CATEGORIES]]


def category_alternatives(name: str) -> tuple[str, ...]:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    ways = [name[:80], name.upper()[:80], slug[:80]]
    last = re.split(r"[/>]", name)[-1].strip()
    if last != name:
        ways.append(re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")[:80])
    return tuple(dict.fromkeys(way for way in ways if way))


def format_in(text: str) -> Format:
    words = re.findall(r"[^\W_]+", text.lower().replace("-", ""))
    found = [form for form in _FORMATS if form in {_FORMAT_OF.get(word) for word in words}]
    if not found:
        raise ValueError("is not a format that is known")
    return found[0]


def _language_in(text: str) -> str:
    code = language_code(text)
    if code is None:
        raise ValueError("is not a language that is known")
    return code


def _number(largest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = whole_number_in(text, largest)
        if number == 0:
            raise ValueError("is nothing")
        return number

    return read


def _line(longest: int) -> Callable[[str], str]:
    return lambda text: one_line(text, longest)


_OPTIONAL: dict[str, Callable[[str], Any]] = {
    **{name: _line(longest) for name, longest in _LINES.items()},
    "format": format_in,
    "language": _language_in,
    "original_language": _language_in,
    "published_on": date_in,
    "on_sale_on": date_in,
    "first_published": year_in,
    "pages": _number(100_000),
    **{name: _number(largest) for name, largest in _SIZES.items()},
}
_MONTH_FIRST = _OPTIONAL | dict.fromkeys(
    ("published_on", "on_sale_on"), partial(date_in, month_first=True)
)


def settings_in(given: Mapping[str, str], currency: str) -> Said:
    """What `set` says, read as cells are. Raises ValueError where it cannot be read."""
    record = FeedRecord(0, Position())
    said = Said(Isbn(""))
    say(
        {name: text.strip() for name, text in given.items() if text.strip()}, said, record, currency
    )
    if record.notes:
        raise ValueError(" ".join(record.notes[0]))
    return said
