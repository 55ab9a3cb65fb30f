"""One cell that names several people, and names that are written family name first."""

import re
from collections.abc import Iterable

from functions.inventory.imports.plain_text import one_line
from functions.inventory.model import Contributor, Role, SeriesPlace
from functions.inventory.words import name_key

Notes = list[tuple[str, str]]

_ROLES: dict[str, Role] = {
    "author": "author",
    "by": "author",
    "writer": "author",
    "editor": "editor",
    "ed": "editor",
    "eds": "editor",
    "translator": "translator",
    "trans": "translator",
    "tr": "translator",
    "illustrator": "illustrator",
    "illus": "illustrator",
    "ill": "illustrator",
    "artist": "illustrator",
    "introduction": "introduction",
    "foreword": "introduction",
    "preface": "introduction",
    "narrator": "narrator",
    "reader": "narrator",
    "read by": "narrator",
    "contributor": "other",
}
_ROLE = re.compile(r"\s*[(\[]([^()\[\]]{1,40})[)\]]\s*$")
_SURE = re.compile(r"[;|\n]|(?<=\s)/(?=\s)(?![^(\[]{0,40}[)\]])")
"""Not the slash in `(Author / Illustrator)`."""
_AND = re.compile(r"\s+(?:&|and|und|et|y)\s+", re.IGNORECASE)
_SUFFIX = re.compile(
    r"(?:jr|sr|ii|iii|iv|ph\.?d|m\.?d|esq|mba|obe|cbe|inc|ltd|llc)\.?", re.IGNORECASE
)
_BLANKS = re.compile(r"[^\S\n]+")
"""Each made one space first: the other patterns take time by the square of a gap's length."""
_MOST_PEOPLE = 100
_PARTICLE = re.compile(r"(?:d[aeiu]|del|della|der|l[ae]|st\.?|te[nr]|v[ao]n|zu) ", re.IGNORECASE)
"""With which no name begins but a family name."""
_GIVEN = re.compile(r"(?:[^\W\d_]\.[ -]?){1,4}|[^\s.]+(?: [^\W\d_]\.?){0,3}")
_MOST_GIVEN = 4
_INITIAL_LAST = re.compile(r"(?:.*[ .-])?[^\W\d_]\.")
"""No name in natural order ends so."""


def people_in(text: str, role: Role = "author", *, several: bool = True) -> list[tuple[str, Role]]:
    """Names in natural order, each with its role, none twice.

    Semicolons, bars, line breaks and slashes between spaces surely part names. Commas part them
    too, but `Austen, Jane` is one person: one word before a comma, and behind it initials or one
    word; where the column promises one person (`several` false), any words. `García Márquez,
    Gabriel` and `Tolkien, John Ronald Reuel` are one where people are parted in another way, `Le
    Guin, Ursula K.` anywhere. `Knuth, Donald E., Graham, Ronald L.` are two, since most of what
    may be given names ends in initials.
    """
    found: dict[tuple[str, str], tuple[str, Role]] = {}
    parts = [part.strip() for part in _SURE.split(_BLANKS.sub(" ", text.strip()))]
    for part in parts:
        for name in _commas(part, several=several, alone=len(parts) > 1):
            own, its_role = _with_role(name.strip(), role)
            if own and name_key(own):
                found.setdefault((name_key(own), its_role), (own, its_role))
    return list(found.values())


def natural_order(name: str) -> str:
    """`Austen, Jane` as `Jane Austen`, with a `Jr.` behind; other names as they are."""
    bare, suffix = _without_suffix(name)
    family, comma, given = bare.partition(",")
    if not comma or "," in given:
        return name
    return f"{given.strip()} {family.strip()}".strip() + suffix


def contributors(
    people: Iterable[tuple[str, Role]], where: str, notes: Notes
) -> tuple[Contributor, ...]:
    """Each once, at most a hundred; who is left out is noted."""
    found: dict[Contributor, None] = {}
    for name, role in people:
        try:
            found[Contributor(name=one_line(name, 300), role=role)] = None
        except ValueError:
            notes.append((where, f"{name[:40]!r} cannot be kept as a name"))
    if len(found) > _MOST_PEOPLE:
        notes.append((where, f"only the first {_MOST_PEOPLE} were taken"))
    return tuple(found)[:_MOST_PEOPLE]


def series_place(title: str, volume: str | None, where: str, notes: Notes) -> SeriesPlace | None:
    """None, which is noted, where the title cannot be kept."""
    try:
        return SeriesPlace(
            title=one_line(title, 300), volume=one_line(volume, 30) if volume else None
        )
    except ValueError:
        notes.append((where, f"{title[:40]!r}, {(volume or '')[:40]!r} cannot be kept"))
        return None


def _commas(part: str, *, several: bool, alone: bool) -> list[str]:
    joined = [name.split(",") for name in _AND.split(part)]
    if len(joined) > 1 and all(
        len(name) == 2 and _is_inverted(name[0].strip(), name[1].strip(), several=True, alone=True)
        for name in joined
    ):  # `Gaiman, Neil & Pratchett, Terry`
        return [natural_order(",".join(name)) for name in joined]
    pieces: list[str] = []
    for piece in part.split(","):
        if pieces and _SUFFIX.fullmatch(_ROLE.sub("", piece).strip()):
            pieces[-1] += "," + piece
        elif piece.strip():
            pieces.append(piece.strip())
    if several and _are_pairs(pieces):
        return [_turned(*pair) for pair in _pairs(pieces)]
    if len(pieces) == 2 and _is_inverted(*pieces, several=several, alone=alone):
        return [_turned(*pieces)]
    return [name for piece in pieces for name in _joined(piece)]


def _is_inverted(family: str, given: str, *, several: bool, alone: bool) -> bool:
    words = len(family.split())
    if not several:
        return words <= 2
    if words > (2 if alone else 1) and not _PARTICLE.match(family):
        return False
    bare = _without_suffix(_ROLE.sub("", given))[0]
    if alone and words == 1 and len(bare.split()) <= _MOST_GIVEN:
        return True
    return _GIVEN.fullmatch(bare) is not None


def _turned(family: str, given: str) -> str:
    role = _ROLE.search(given)
    bare = given[: role.start()] if role else given
    return natural_order(f"{family}, {bare}") + (role[0] if role else "")


def _pairs(pieces: list[str]) -> list[tuple[str, str]]:
    return list(zip(pieces[::2], pieces[1::2], strict=True))


def _are_pairs(pieces: list[str]) -> bool:
    if len(pieces) < 4 or len(pieces) % 2:
        return False
    pairs = _pairs(pieces)
    given_names = [_without_suffix(_ROLE.sub("", given))[0] for _, given in pairs]
    ends = [name for name in given_names if _INITIAL_LAST.fullmatch(name)]
    return len(ends) * 2 > len(pairs) and all(
        _is_inverted(family, given, several=True, alone=False) for family, given in pairs
    )


def _without_suffix(name: str) -> tuple[str, str]:
    """`King, Jr.` as `King` and `, Jr.`."""
    bare, comma, last = name.rpartition(",")
    if comma and _SUFFIX.fullmatch(last.strip()):
        return bare, f", {last.strip()}"
    return name, ""


def _joined(piece: str) -> list[str]:
    """`Neil Gaiman & Terry Pratchett` are two, `Marks and Spencer` is one."""
    names = _AND.split(piece)
    if len(names) > 1 and all(" " in name.strip() for name in names):
        return names
    return [piece]


def _with_role(name: str, role: Role) -> tuple[str, Role]:
    marked = _ROLE.search(name)
    if marked is None:
        return name, role
    said = marked[1].strip().rstrip(".").lower()
    if said not in _ROLES:
        return name, role
    return natural_order(name[: marked.start()]), _ROLES[said]
