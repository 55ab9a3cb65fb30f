"""How words are compared: accents, case and punctuation aside, in search, sorting and look-ups.

Letters that Unicode does not decompose (`ß ø æ ł` and their kin) are folded too, on both sides:
what is stored and what is asked.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

_LETTERS = {
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ħ": "h",
    "ı": "i",
    "ŋ": "n",
    "ŧ": "t",
}
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = "’ʼ`"
_APOSTROPHE = re.compile(r"(?<=[^\W_])'(?=[^\W_])")
_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
"""Japanese and Chinese write words without spaces between: each sign counts as a word."""
_ARTICLE = re.compile(r"(?:the|an?|les?|la|l|el|los|las|der|die|das|il|lo|gli|de|het)\b\s*")
_NO_WORD = {code: " " for code in range(128) if not chr(code).isalnum()}
_LONGEST_WORD = 60
_LINE = 300
_REMEMBERED = 4_096
"""Of titles and names: one that is written down is asked for several times."""


BookTexts = tuple[str, str | None, str | None, str | None, str | None, tuple[str, ...]]
"""The title, the subtitle, the description, the series, the volume in it, and the names of the
contributors."""


class BookWords(NamedTuple):
    """What a book's own texts come to: the `title_key`, and in the full-text index its plain words
    and the marked ones, each once and apart by spaces.
    """

    texts: BookTexts
    title_key: str
    plain: str
    marks: str


def fold(text: str) -> str:
    """Lower case without accents; `Łódź` becomes `lodz`."""
    if text.isascii():
        return text.lower()
    # Twice, since what is taken apart may be a capital still: a mathematical 𝐴 is an A.
    plain = unicodedata.normalize("NFKD", text).casefold()
    folded = unicodedata.normalize("NFKD", plain)
    # A text has few different signs that are foreign to ASCII, however long it is.
    for sign in set(folded):
        if sign in _LETTERS:
            folded = folded.replace(sign, _LETTERS[sign])
        elif not sign.isascii() and unicodedata.combining(sign):
            folded = folded.replace(sign, "")
    return folded


def words(text: str) -> list[str]:
    """The words that a searcher means, in order."""
    return list(_words_of_line(text) if len(text) <= _LINE else _words(text))


def _words(text: str) -> list[str]:
    folded = fold(text)
    if not folded.isascii():
        for sign in set(folded):
            if not sign.isalnum():
                folded = folded.replace(sign, " ")
    if folded.isascii():
        found = folded.translate(_NO_WORD).split()
    else:
        found = _WORD.findall(_UNSPACED.sub(r" \1 ", folded))
    if len(folded) <= _LONGEST_WORD or max(map(len, found), default=0) <= _LONGEST_WORD:
        return found
    return [word[:_LONGEST_WORD] for word in found]


_words_of_line = lru_cache(maxsize=_REMEMBERED)(_words)


def searchable(text: str) -> list[str]:
    """The words under which a text is found: `O'Brien` under `o`, `brien` and `obrien`."""
    found = words(text)
    for sign in _APOSTROPHES:
        text = text.replace(sign, "'")
    if "'" in text:
        parted = (part for part in text.split() if "'" in part)
        found += words(" ".join(_APOSTROPHE.sub("", part) for part in parted))
    return list(dict.fromkeys(found))


@lru_cache(maxsize=_REMEMBERED)
def title_key(title: str) -> str:
    """Where a title stands on the shelf: folded, without its leading article, at most 200 signs."""
    folded = " ".join(words(title)) or fold(title).strip()
    without = _ARTICLE.sub("", folded, count=1) if _ARTICLE.match(folded) else folded
    return (without or folded)[:200]


@lru_cache(maxsize=_REMEMBERED)
def name_key(name: str) -> str:
    """By which a contributor or a series is known again however it is spelt; at most 300 signs."""
    return (" ".join(words(name)) or fold(name).strip())[:300]


def sort_name(name: str) -> str:
    """Where a name stands in a list of authors: folded, its last word first; at most 300 signs."""
    *given, family = words(name) or [fold(name).strip()]
    return " ".join([family, *given])[:300]


def distance(one: str, other: str, limit: int) -> int | None:
    """Slips of the hand between two words: letters added, left out, changed, or swapped with the
    next. None where there are more than `limit`.
    """
    if abs(len(one) - len(other)) > limit:
        return None
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        before, last, row = row, before, [place]
        for position, sign in enumerate(other, 1):
            cost = min(
                before[position] + 1, row[position - 1] + 1, before[position - 1] + (letter != sign)
            )
            swapped = place > 1 and position > 1 and letter == other[position - 2]
            if swapped and sign == one[place - 2]:
                cost = min(cost, last[position - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return None
    return row[-1] if row[-1] <= limit else None
