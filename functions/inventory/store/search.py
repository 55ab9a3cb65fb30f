"""What a searcher typed, as a question that either database's full text can be asked.

No sign of what was typed reaches a full-text expression but letters and digits, so quotes, stars,
hyphens and operators are data.

A hit is worth more the nearer to the title its words stand. The databases' own ranking is not used:
it counts each word in every book first, which for a common word takes longer than all the rest.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Select, func, select

from functions.inventory.read_model import Filters, Hits
from functions.inventory.store import search_terms
from functions.inventory.store.search_words import Place, digit_groups, marked, tag, whole
from functions.inventory.words import words
from shared.kit.isbn import parse_isbn

_MOST_WORDS = 12
_DIGITS = re.compile(r"[0-9]{5,13}[xX]?")
_SEPARATORS = re.compile(r"[\s\-‐‑‒–]")
_WHOLE, _ALL_IN_TITLE = 60, 15
_WEIGHTS: dict[Place, int] = {"title": 12, "author": 8, "series": 5, "category": 3}


@dataclass(frozen=True, slots=True)
class Match:
    """One of `words` is there; of the last, if `prefix`, the beginning."""

    words: tuple[str, ...]
    prefix: bool = False


Matches = tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Books are found that match all of one of `either`, and all of `always`.

    `passes` gives what hits are worth: those that match all of a pass besides are worth its weight
    more. With `alone` whatever matches a pass is found anyhow.
    """

    either: tuple[Matches, ...]
    always: Matches
    passes: tuple[tuple[Matches, int], ...]
    alone: bool


class FullText(Protocol):
    """One database's full text, asked on a connection to it."""

    def ranked(self, connection: Connection, question: Question, filters: Filters) -> Hits:
        """The best `RELEVANT_HITS`, best first, of the `RANKED_HITS` that sell best."""
        ...

    def matching(self, connection: Connection, question: Question) -> tuple[Select[Any], bool]:
        """A selection of `isbn`, the best-selling `RANKED_HITS`; and whether there are more."""
        ...


def question(connection: Connection, text: str, filters: Filters) -> Question | None:
    """None where nothing was typed that could be found."""
    found = words(text)[:_MOST_WORDS]
    if not found:
        return None
    terms = _terms(connection, found)
    digits, exact = _isbn(text)
    groups = tuple(Match((marked("digits", group),)) for group in digit_groups(digits))
    passes: list[tuple[Matches, int]] = [((_marked("whole", Match((whole(text),))),), _WHOLE)]
    if exact:
        passes.append((groups, _WHOLE))
    # Any of the words will do in these: all of them stand somewhere in the book.
    some = Match(tuple(word for one in terms for word in one.words), terms[-1].prefix)
    passes += [((_marked(place, some),), weight) for place, weight in _WEIGHTS.items()]
    if len(terms) > 1:
        passes.append((tuple(_marked("title", one) for one in terms), _ALL_IN_TITLE))
    return Question(
        either=(terms, groups) if groups else (terms,),
        always=_tags(filters),
        passes=tuple(passes),
        alone=len(terms) == 1 and not exact,
    )


def suggestion(connection: Connection, full_text: FullText, text: str) -> str | None:
    """The words of `text` put right, so that they find the most; None where nothing is found."""
    hits: dict[str, int] = {}
    for meant in search_terms.corrections(connection, tuple(words(text)[:_MOST_WORDS])):
        asked = Question((tuple(Match((word,)) for word in meant),), (), (), alone=False)
        found, _ = full_text.matching(connection, asked)
        counted = select(func.count()).select_from(found.subquery("hits"))
        count = connection.scalar(counted.execution_options(**found.get_execution_options()))
        hits[" ".join(meant)] = count or 0
    best = max(hits, key=lambda meant: hits[meant], default=None)
    return best if best and hits[best] else None


def expression(either: Sequence[Matches], always: Matches, star: str) -> str:
    """In the syntax that FTS5 and SQL Server's CONTAINS share: every word is quoted.

    They differ in how a quotation of a prefix ends: that is the `star`.
    """
    found = " OR ".join(f"({_together(matches, star)})" for matches in either)
    return f"({found}) AND {_together(always, star)}" if always else found


def _together(matches: Matches, star: str) -> str:
    return " AND ".join(f"({_one(match, star)})" for match in matches)


def _one(match: Match, star: str) -> str:
    words = " OR ".join(f'"{word}"' for word in match.words)
    return words[:-1] + star if match.prefix else words


def _marked(place: Place, match: Match) -> Match:
    return Match(tuple(marked(place, word) for word in match.words), match.prefix)


def _terms(connection: Connection, found: Sequence[str]) -> Matches:
    complete = [Match((word,)) for word in dict.fromkeys(found[:-1])]
    endings = search_terms.endings(connection, found[-1])
    return (*complete, Match(endings or (found[-1],), prefix=endings is None))


def _isbn(text: str) -> tuple[str, bool]:
    """The digits of an ISBN, or of five digits and more of one; True where it is whole."""
    digits = _SEPARATORS.sub("", text)
    if not _DIGITS.fullmatch(digits):
        return "", False
    try:
        return parse_isbn(digits), True
    except ValueError:
        return digits.lower(), False


def _tags(filters: Filters) -> Matches:
    wanted = {
        "language": filters.language,
        "format": filters.format,
        "category_id": filters.category_id,
        "contributor_id": filters.contributor_id,
    }
    return tuple(
        Match((tag(name, value),))  # type: ignore[arg-type]
        for name, value in wanted.items()
        if value is not None
    )
