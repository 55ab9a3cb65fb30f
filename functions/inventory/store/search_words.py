"""The words under which a book is found, and how they are written in the full-text index.

A word of a book stands there as it is, and once more with a mark for each place that makes it worth
more: so the books that have it in their title are a list of their own, read without the others.
Filters and parts of ISBNs are marked words too. Marks begin with a sign pair that no word does.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

from functions.inventory.store.cards import BookRecord
from functions.inventory.words import searchable, title_key, words
from shared.kit.isbn import to_ten

_MARK = "0q"
_LONGEST_WHOLE = 100
_REMEMBERED = 4_096
"""Names of people, series and categories stand in many books."""
Place = Literal["title", "author", "series", "category", "whole", "digits"]
_PLACES: dict[Place, str] = {
    "title": "t",
    "author": "a",
    "series": "s",
    "category": "c",
    "whole": "w",
    "digits": "d",
}
Filter = Literal["language", "format", "category_id", "contributor_id"]
_FILTERS: dict[Filter, str] = {
    "language": "l",
    "format": "f",
    "category_id": "k",
    "contributor_id": "p",
}

_IN_TITLE = _MARK + _PLACES["title"]
_IN_WHOLE = _MARK + _PLACES["whole"]
_IN_DIGITS = _MARK + _PLACES["digits"]


def words_of(book: BookRecord, folded: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The plain words, each once, and the marked ones.

    `folded` has the words of some descriptions, as `searchable` gives them, apart by spaces.
    """
    edition = book.edition
    names = [person.name for person in book.contributors]
    series = edition.series_title
    title = edition.title if not edition.subtitle else f"{edition.title} {edition.subtitle}"
    plain = searchable(title)
    marks = [_IN_TITLE + word for word in plain]
    texts: list[tuple[Place, str]] = [
        ("author", " ".join(names)),
        ("category", " ".join([one.name for one in book.ancestry])),
    ]
    if series:
        texts.append(("series", f"{series} {edition.series_volume or ''}"))
    for place, text in texts:
        own, marked_own = _placed(place, text)
        plain += own
        marks += marked_own
    if edition.description:
        known = folded.get(edition.description)
        plain += searchable(edition.description) if known is None else known.split()
    marks += [_IN_WHOLE + whole(text) for text in (edition.title, *names)]
    if series:
        marks.append(_IN_WHOLE + whole(series))
    # Of a title its key has the words; without spaces between they are one.
    marks.append(_IN_WHOLE + title_key(edition.title).replace(" ", "")[:_LONGEST_WHOLE])
    marks += _isbn_marks(edition.isbn)
    marks += [tag("language", edition.language), tag("format", edition.format)]
    marks += [tag("category_id", one.id) for one in book.ancestry]
    marks += [tag("contributor_id", one.id) for one in book.contributors]
    return list(dict.fromkeys(plain)), list(dict.fromkeys(marks))


@lru_cache(maxsize=_REMEMBERED)
def _placed(place: Place, text: str) -> tuple[list[str], list[str]]:
    """The words of a text, plain and marked."""
    own = searchable(text)
    return own, [marked(place, word) for word in own]


def plain_words(document: str) -> list[str]:
    """Those that stand there as a reader would type them, each once; marked ones come behind."""
    return document.partition(f" {_MARK}")[0].split()


def marked(place: Place, word: str) -> str:
    return f"{_MARK}{_PLACES[place]}{word}"


def tag(name: Filter, value: str | int) -> str:
    return f"{_MARK}{_FILTERS[name]}{value}"


@lru_cache(maxsize=_REMEMBERED)
def whole(text: str) -> str:
    """A title or a name as one word, so that what was typed in full is told from a part."""
    return "".join(words(text))[:_LONGEST_WHOLE]


def digit_groups(digits: str) -> Iterable[str]:
    """Every four digits in a row: whatever part of an ISBN is asked for is made of them."""
    return dict.fromkeys([digits[start : start + 4] for start in range(len(digits) - 3)])


def _isbn_marks(isbn: int) -> list[str]:
    thirteen = f"{isbn:013d}"
    ten = to_ten(thirteen)
    marks = [_IN_DIGITS + group for group in digit_groups(thirteen)]
    return marks if ten is None else [*marks, _IN_DIGITS + ten[-4:].lower()]
