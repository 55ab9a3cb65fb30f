"""From what a record says to a whole book: what is known already, and what fills the gaps."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from functions.inventory.import_model import Said
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


def merged(said: Said, former: BookDetails | None, filling: Said, notes: Notes) -> NewBook:
    """The book that a record makes of `former`, None for a new one.

    `filling` is what the import says of books that do not say it. What is assumed is noted. Raises
    ValueError where the result is not a book.
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
        raise ValueError("; ".join(_sentences(error))) from None


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
        notes.append(("contributors", "are not said; the publisher stands for them"))


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


def _sentences(error: ValidationError) -> list[str]:
    found = []
    for item in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in item["loc"])
        text = _REASONS.get(item["type"]) or str(item["msg"]).removeprefix("Value error, ")
        found.append(f"{name} {text[:1].lower()}{text[1:]}")
    return found
