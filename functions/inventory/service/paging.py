"""Where a page of books begins, and the cursor of the next."""

from collections.abc import Sequence
from datetime import date

from functions.inventory.read_model import BookQuery, Listed, PagePlace, Sort
from shared.kit import cursors
from shared.kit.errors import BadInput

_LARGEST_KEY = 2**63 - 1
_KINDS: dict[Sort, tuple[tuple[type, ...], ...]] = {
    "title": ((str,), (int,)),
    "-title": ((str,), (int,)),
    "price": ((int,), (int,)),
    "-price": ((int,), (int,)),
    "newest": ((str,), (int,)),
    "bestselling": ((int,), (int,)),
    "relevance": ((int,),),
}


class Pager:
    """Raises BadInput naming `cursor` where that is damaged or of another query."""

    def __init__(self, query: BookQuery) -> None:
        self.sort = sort = _sort_of(query)
        self.limit = query.limit
        filters = query.model_dump(
            mode="json", exclude={"limit", "cursor", "facets", "fields", "sort"}
        )
        self._made_for = cursors.fingerprint("books", sort, filters)
        self.start = 0
        self.after: PagePlace | None = None
        if query.cursor is None:
            return
        position = cursors.decode(query.cursor, self._made_for, _KINDS[sort])
        if not all(map(fits, position)):
            raise BadInput.at("cursor", "is not a cursor of this shop")
        if sort == "relevance":
            self.start = int(position[0] or 0)
        else:
            self.after = (_key(sort, position[0]), int(position[1] or 0))

    def shown(self, books: Sequence[Listed]) -> tuple[Sequence[Listed], str | None]:
        """Of one book more than the page holds: the page, and the cursor behind it."""
        if len(books) <= self.limit:
            return books, None
        last = books[self.limit - 1]
        key = last.key.isoformat() if isinstance(last.key, date) else last.key
        return books[: self.limit], cursors.encode(self._made_for, (key, last.isbn))

    def next_start(self, hits: int) -> str | None:
        end = self.start + self.limit
        return cursors.encode(self._made_for, (end,)) if end < hits else None


def _sort_of(query: BookQuery) -> Sort:
    """Without words all books are alike relevant."""
    if query.q:
        return query.sort or "relevance"
    return "bestselling" if query.sort in (None, "relevance") else query.sort


def _key(sort: Sort, value: str | int | None) -> str | int | date:
    if sort == "newest":
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise BadInput.at("cursor", "is not a cursor of this shop") from None
    return value if value is not None else 0


def fits(value: str | int | None) -> bool:
    """A database can be asked for it."""
    if isinstance(value, int):
        return 0 <= value <= _LARGEST_KEY
    return value is not None and not any("\ud800" <= sign <= "\udfff" for sign in value)
