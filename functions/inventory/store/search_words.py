"""The words under which a book is found, and how they are written in the full-text index.

A word of a book stands there as it is, and once more with a mark for each place that makes it worth
more: so the books that have it in their title are a list of their own, read without the others.
Filters and parts of ISBNs are marked words too. Marks begin with a sign pair that no word does.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from functions.inventory.words import BookTexts, BookWords, searchable, title_key, words
from shared.kit.isbn import to_ten

if TYPE_CHECKING:  # a reader of feeds needs these words, and would load all of SQLAlchemy
    from functions.inventory.store.cards import BookRecord

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


def words_of(book: "BookRecord", known: Mapping[int, BookWords]) -> tuple[list[str], str]:
    """The plain words, each once, and the marked ones, apart by spaces.

    `known` has what `book_words` says of some books; of others, and of other texts, it is asked.
    """
    edition = book.edition
    texts = (
        edition.title,
        edition.subtitle,
        edition.description,
        edition.series_title,
        edition.series_volume,
        tuple([person.name for person in book.contributors]),
    )
    own = known.get(edition.isbn)
    if own is None or own.texts != texts:
        own = book_words(edition.isbn, texts)
    plain, marks = _shelved(tuple([(one.id, one.name) for one in book.ancestry]))
    filters = _filters(edition.language, edition.format)
    people = " ".join(dict.fromkeys([tag("contributor_id", one.id) for one in book.contributors]))
    return (
        list(dict.fromkeys([*own.plain.split(), *plain])),
        f"{own.marks} {marks} {filters} {people}",
    )


def book_words(isbn: int, texts: BookTexts) -> BookWords:
    title, subtitle, description, series, volume, names = texts
    plain = searchable(f"{title} {subtitle}" if subtitle else title)
    marks = [_IN_TITLE + word for word in plain]
    placed: list[tuple[Place, str]] = [("author", " ".join(names))]
    if series:
        placed.append(("series", f"{series} {volume or ''}"))
    for place, text in placed:
        own, marked_own = _placed(place, text)
        plain += own
        marks += marked_own
    if description:
        plain += searchable(description)
    marks += [_IN_WHOLE + whole(text) for text in (title, *names)]
    if series:
        marks.append(_IN_WHOLE + whole(series))
    # Of a title its key has the words; without spaces between they are one.
    key = title_key(title)
    marks.append(_IN_WHOLE + key.replace(" ", "")[:_LONGEST_WHOLE])
    marks += _isbn_marks(isbn)
    return BookWords(texts, key, " ".join(dict.fromkeys(plain)), " ".join(dict.fromkeys(marks)))


@lru_cache(maxsize=_REMEMBERED)
def _placed(place: Place, text: str) -> tuple[list[str], list[str]]:
    """The words of a text, plain and marked."""
    own = searchable(text)
    return own, [marked(place, word) for word in own]


@lru_cache(maxsize=_REMEMBERED)
def _shelved(categories: tuple[tuple[int, str], ...]) -> tuple[list[str], str]:
    """The words of categories, plain and marked, with their tags."""
    plain, marks = _placed("category", " ".join([name for _, name in categories]))
    return plain, " ".join([*marks, *(tag("category_id", number) for number, _ in categories)])


@lru_cache(maxsize=_REMEMBERED)
def _filters(language: str, form: str) -> str:
    return f"{tag('language', language)} {tag('format', form)}"


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
