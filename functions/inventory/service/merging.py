"""From what a record says to a whole book: what is known already, and what fills the gaps."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from pydantic import ValidationError

from functions.inventory.import_model import FileFormat, Said
from functions.inventory.imports.languages import UNDETERMINED
from functions.inventory.model import EARLIEST, BookDetails, Contributor, Dimensions, NewBook

Notes = list[tuple[str, str]]

MOST_CATEGORIES = 20
_REASONS = {
    "missing": "is missing",
    "string_too_short": "is empty",
    "string_pattern_mismatch": "holds characters that cannot be kept",
    "string_too_long": "is too long",
    "too_long": "has too many entries",
    "too_short": "has no entries",
}
_OPTIONS = {"contributors": "authors"}
"""Fields that the options of an import name in another way."""
_FILLERS = {"price": "price=9.99", "authors": "authors=NAME"}


class Incomplete(ValueError):
    """`missing` are the fields that a book needs and this one has not, as options name them."""

    def __init__(self, reason: str, missing: frozenset[str]) -> None:
        super().__init__(reason)
        self.missing = missing


def merged(said: Said, former: BookDetails | None, filling: Said, notes: Notes) -> NewBook:
    """The book that a record makes of `former`, None for a new one.

    `filling` is what the import says of books that do not say it. What is assumed is noted. Raises
    Incomplete or another ValueError where the result is not a book.
    """
    values: dict[str, Any] = {}
    if former is not None:
        values = {name: value for name, value in former if name not in said.cleared}
    values |= _datable(said.fields, notes)
    if former is not None and "dimensions" in said.fields and "dimensions" not in said.cleared:
        sizes = said.fields["dimensions"].model_dump(exclude_none=True)
        values["dimensions"] = Dimensions(**{**dict(former.dimensions), **sizes})
    for name, value in filling.fields.items():
        if values.get(name) is None:
            values[name] = value
    if former is None:
        _assume(values, notes)
    values["isbn"] = said.isbn
    try:
        return NewBook.model_validate(values)
    except ValidationError as error:
        sentences = _sentences(error)
        missing = frozenset(name for name, kind in sentences if kind == _REASONS["missing"])
        reason = "; ".join(f"{name} {text}" for name, text in sentences)
        raise Incomplete(reason, missing) from None


def advice(missing: AbstractSet[str], form: FileFormat) -> list[str]:
    """What helps where records were refused for want of these fields: a sentence each."""
    found = []
    for field in sorted(missing):
        ways = []
        if field in _FILLERS:
            said = _FILLERS[field]
            ways.append(f"--set {said} fills it in (over HTTP set={said})")
        if form == "csv":
            ways.append(f"--map {field}=COLUMN names its column (map={field}=COLUMN)")
        if ways:
            found.append(f"Where {field} is missing, {' or '.join(ways)}.")
    return found


def book_if_new(said: Said, filling: Said) -> tuple[NewBook, Notes] | None:
    """What `merged` makes of a record whose book the catalogue does not have, and notes; None where
    it would refuse it, or the record is of no use then.
    """
    if said.only_known or not said.fields:
        return None
    notes: Notes = []
    try:
        return merged(said, None, filling, notes), notes
    except ValueError:
        return None


def _datable(fields: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """Without the days that lie too early to be one on which a book came out."""
    kept = dict(fields)
    for name in ("published_on", "on_sale_on"):
        if name in kept and kept[name] < EARLIEST:
            notes.append((name, f"{kept.pop(name)} is before the year {EARLIEST.year}"))
    return kept


def _assume(values: dict[str, Any], notes: Notes) -> None:
    if "format" not in values:
        values["format"] = "paperback"
        notes.append(("format", "is not said; taken for a paperback"))
    if "language" not in values:
        values["language"] = UNDETERMINED
        notes.append(("language", f"is not said; left undetermined ({UNDETERMINED})"))
    if "contributors" not in values and values.get("publisher"):
        values["contributors"] = (Contributor(name=values["publisher"], role="other"),)
        notes.append(("authors", "are not said; the publisher stands for them"))


def chosen_categories(
    said: Said, filling: Said, slugs: Mapping[str, str | None], notes: Notes
) -> tuple[str, ...] | None:
    """The slugs of those that the shop has, the first of each one's alternatives; None where
    nothing is said of categories. The others are noted.
    """
    wanted = said.categories or filling.categories
    if wanted is None:
        return None
    found: dict[str, None] = {}
    for alternatives in wanted:
        slug = next((slugs[name] for name in alternatives if slugs.get(name)), None)
        if slug is None:
            notes.append(("categories", f"{alternatives[0]} is not one of this shop"))
        else:
            found[slug] = None
    if len(found) > MOST_CATEGORIES:
        notes.append(("categories", f"only the first {MOST_CATEGORIES} were taken"))
    return tuple(found)[:MOST_CATEGORIES]


def _sentences(error: ValidationError) -> list[tuple[str, str]]:
    found = []
    for item in error.errors(include_url=False, include_input=False):
        names = [str(part) for part in item["loc"]]
        names[:1] = [_OPTIONS.get(name, name) for name in names[:1]]
        text = _REASONS.get(item["type"]) or str(item["msg"]).removeprefix("Value error, ")
        found.append((".".join(names), f"{text[:1].lower()}{text[1:]}"))
    return found
