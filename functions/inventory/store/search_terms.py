"""Which words the catalogue knows, and how often: for prefixes and for spelling."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from functions.inventory.read_model import RANKED_HITS
from functions.inventory.store.tables import search_terms
from functions.inventory.words import distance
from shared.sql.lists import is_listed

_SHORTEST_PREFIX = 2
_MOST_ENDINGS = 64
_TERMS_LOOKED_AT = 5_000
_CANDIDATES = 400
_MOST_CORRECTIONS = 8
_LAST = "\U0010ffff"

_KNOWN = select(search_terms.c.term, search_terms.c.documents).where(
    is_listed(search_terms.c.term, "terms")
)
_BEGINNING = (
    select(search_terms.c.term, search_terms.c.documents)
    .where(search_terms.c.term >= bindparam("first"), search_terms.c.term < bindparam("last"))
    .limit(_TERMS_LOOKED_AT)
    .subquery("beginning")
)
_DOCUMENTS = select(func.sum(_BEGINNING.c.documents))
_COMMONEST = (
    select(_BEGINNING.c.term)
    .order_by(_BEGINNING.c.documents.desc(), _BEGINNING.c.term)
    .limit(_MOST_ENDINGS)
)


def _alike(column: Any) -> Any:
    """Common words of about the right length that begin, or end, as a word does."""
    near = (
        select(search_terms.c.term, search_terms.c.documents)
        .where(column >= bindparam("first"), column < bindparam("last"))
        .limit(_TERMS_LOOKED_AT)
        .subquery("near")
    )
    length = func.char_length(near.c.term)
    return (
        select(near.c.term, near.c.documents)
        .where(length >= bindparam("shortest"), length <= bindparam("longest"))
        .order_by(near.c.documents.desc(), near.c.term)
        .limit(_CANDIDATES)
    )


_ALIKE = (_alike(search_terms.c.term), _alike(search_terms.c.reversed))


def term_columns(words: list[str], documents: Mapping[str, int]) -> dict[str, list[Any]]:
    return {
        "term": words,
        "documents": [documents[word] for word in words],
        "reversed": [word[::-1] for word in words],
    }


def endings(connection: Connection, word: str) -> tuple[str, ...] | None:
    """What the last word of a search may stand for; None means: whatever begins with it.

    A word that is common as it stands is taken so, and of a beginning with very many words only
    the commonest count: full text would have to read all their matches to give the first.
    """
    if len(word) < _SHORTEST_PREFIX:
        return (word,)
    if _documents(connection, [word]).get(word, 0) > RANKED_HITS:
        return (word,)
    between = {"first": word, "last": word + _LAST}
    if (connection.scalar(_DOCUMENTS, between) or 0) <= 2 * RANKED_HITS:
        return None
    return tuple(dict.fromkeys([word, *connection.scalars(_COMMONEST, between)]))


def corrections(connection: Connection, words: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The words with each unknown one replaced by a known word that is spelt nearly so.

    The likeliest come first, and there are at most eight; none where every word is known.
    """
    known = _documents(connection, words)
    unknown = [word for word in dict.fromkeys(words) if word not in known]
    found = [(0, words)]
    for word in unknown:
        choices = enumerate(_likeliest(connection, word) or [word])
        ways = [
            (before + choice, tuple(term if one == word else one for one in chosen))
            for choice, term in choices
            for before, chosen in found
        ]
        found = sorted(ways)[:_MOST_CORRECTIONS]
    return [chosen for _, chosen in found if chosen != words]


def _likeliest(connection: Connection, word: str) -> list[str]:
    """Those with the fewest slips; of them first what begins alike, for few slip there."""
    if len(word) < 3 or word.isdigit():
        return []
    allowed = 1 if len(word) < 6 else 2
    found: list[tuple[int, bool, int, str]] = []
    letters = set(word)
    for term, times in _candidates(connection, word, allowed):
        # A slip changes at most two of the letters that a word is made of.
        if len(letters.symmetric_difference(term)) <= 2 * allowed:
            apart = distance(word, term, allowed)
            if apart is not None:
                found.append((apart, term[0] != word[0], -times, term))
    found.sort()
    return [term for apart, *_, term in found if apart == found[0][0]][:_MOST_CORRECTIONS]


def _candidates(connection: Connection, word: str, allowed: int) -> Iterable[tuple[str, int]]:
    found: dict[str, int] = {}
    for statement, part in zip(_ALIKE, (word, word[::-1]), strict=True):
        stem = part[: 2 if len(word) < 6 else 3]
        limits = {
            "first": stem,
            "last": stem + _LAST,
            "shortest": len(word) - allowed,
            "longest": len(word) + allowed,
        }
        found.update((row.term, row.documents) for row in connection.execute(statement, limits))
    return found.items()


def _documents(connection: Connection, words: Iterable[str]) -> dict[str, int]:
    rows = connection.execute(_KNOWN, {"terms": list(words)})
    return {row.term: row.documents for row in rows}
