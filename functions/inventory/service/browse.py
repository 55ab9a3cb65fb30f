"""What a shopper looks at: lists, searches, books, authors and categories.

Every answer comes as bytes, from the cache where it is new enough.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from functions.inventory.model import UnknownBook
from functions.inventory.ports import ShelfView, Shelves
from functions.inventory.read_model import (
    NO_COUNTS,
    RELEVANT_HITS,
    AuthorPage,
    AuthorQuery,
    BookQuery,
    CategoryTree,
    Filters,
    Listed,
    PagePlace,
    Sort,
    UnknownAuthor,
)
from functions.inventory.service.rendering import Renderer, facets, needs_details
from shared.cache.answers import Answers
from shared.cache.port import Entry
from shared.kit import cursors
from shared.kit.clock import Clock
from shared.kit.errors import BadInput
from shared.kit.isbn import Isbn

_LIST_LIFETIME, _BOOK_LIFETIME = 60.0, 600.0
_FEW_HITS = 3
_CATALOGUE = "catalogue"
"""As the log of changes calls a change of metadata."""
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


class Browse:
    def __init__(self, shelves: Shelves, answers: Answers, clock: Clock, cdn: str) -> None:
        self._shelves = shelves
        self._answers = answers
        self._clock = clock
        self._covers = f"{cdn}/covers"
        self._day: date | None = None
        self._dawn = threading.Lock()

    def books(self, query: BookQuery) -> Entry:
        renderer = self._renderer()
        sort: Sort = query.sort or ("relevance" if query.q else "bestselling")
        if sort == "relevance" and not query.q:
            sort = "bestselling"
        pager = _Pager(query, sort)

        def build(view: ShelfView) -> tuple[bytes, str, str]:
            return _list_of(_BookList(view, renderer, query, pager).body())

        key = f"books:{renderer.today}:{query.model_dump_json(exclude_none=True)}"
        return self._answer(_short(key), _LIST_LIFETIME, build)

    def book(self, isbn: Isbn) -> Entry:
        """Raises UnknownBook. A withdrawn edition is shown, as withdrawn."""
        renderer = self._renderer()

        def build(view: ShelfView) -> tuple[bytes, str, str]:
            found = view.details([int(isbn)]).get(int(isbn))
            if found is None:
                raise UnknownBook(isbn)
            etag = f'"m{found.version}-s{found.stock_version}"'
            return renderer.detail(found).encode(), etag, str(found.book.work_id)

        return self._answer(f"book:{renderer.today}:{isbn}", _BOOK_LIFETIME, build)

    def availability(self, isbn: Isbn) -> Entry:
        """Raises UnknownBook."""
        renderer = self._renderer()

        def build(view: ShelfView) -> tuple[bytes, str, str]:
            found = view.details([int(isbn)]).get(int(isbn))
            if found is None:
                raise UnknownBook(isbn)
            level = renderer.availability(found.book, withdrawn=found.withdrawn)
            etag = f'"m{found.version}-s{found.stock_version}"'
            return _json({"isbn": isbn, **level}), etag, str(found.book.work_id)

        return self._answer(f"availability:{renderer.today}:{isbn}", _BOOK_LIFETIME, build)

    def authors(self, query: AuthorQuery) -> Entry:
        made_for = cursors.fingerprint("authors", query.q)
        after = None
        if query.cursor is not None:
            stage, name, number = cursors.decode(query.cursor, made_for, ((int,), (str,), (int,)))
            if stage not in (0, 1) or not _fits(number):
                raise BadInput.at("cursor", "is not a cursor of this shop")
            after = (int(stage), str(name), int(number or 0))

        def build(view: ShelfView) -> tuple[bytes, str, str]:
            found = view.authors(query.q or "", after, query.limit + 1)
            shown = found[: query.limit]
            more = len(found) > query.limit
            page = AuthorPage(
                items=[author for author, _ in shown],
                next_cursor=cursors.encode(made_for, shown[-1][1]) if more else None,
            )
            return _list_of(page.model_dump_json().encode())

        key = f"authors:{query.model_dump_json(exclude_none=True)}"
        return self._answer(_short(key), _LIST_LIFETIME, build)

    def author(self, number: int) -> Entry:
        """Raises UnknownAuthor."""

        def build(view: ShelfView) -> tuple[bytes, str, str]:
            found = view.author(number)
            if found is None:
                raise UnknownAuthor(number)
            return _list_of(found.model_dump_json().encode())

        return self._answer(f"author:{number}", _LIST_LIFETIME, build)

    def categories(self) -> Entry:
        def build(view: ShelfView) -> tuple[bytes, str, str]:
            roots, _ = view.category_tree()
            return _list_of(CategoryTree(items=roots).model_dump_json().encode())

        return self._answer("categories", _LIST_LIFETIME, build)

    def _answer(
        self, key: str, lifetime: float, build: Callable[[ShelfView], tuple[bytes, str, str]]
    ) -> Entry:
        def fill(primary: bool) -> Entry:
            with self._shelves.view(primary=primary) as view:
                version = view.version()
                body, etag, tag = build(view)
            made_at = self._clock.machine_now().timestamp()
            return Entry(version, tag, etag, body, loose=tag == _CATALOGUE, made_at=made_at)

        return self._answers.read(key, lifetime, fill)

    def _renderer(self) -> Renderer:
        today = self._clock.business_now().date()
        if today != self._day:
            # The first reader of a day puts its new books on sale, so that filters know.
            with self._dawn:
                if today != self._day:
                    self._shelves.end_embargoes(today)
                    self._day = today
        return Renderer(self._covers, today)


class _Pager:
    """Where a page of books begins, and the cursor of the next."""

    def __init__(self, query: BookQuery, sort: Sort) -> None:
        self.sort = sort
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
        if not all(_fits(value) for value in position):
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


class _BookList:
    """One page of books, on one view."""

    def __init__(
        self, view: ShelfView, renderer: Renderer, query: BookQuery, pager: _Pager
    ) -> None:
        self._view = view
        self._renderer = renderer
        self._query = query
        self._pager = pager

    def body(self) -> bytes:
        filters = self._filters()
        parts: dict[str, Any] = {}
        books: Sequence[Listed] = ()
        cursor: str | None = None
        if filters is not None and self._query.q:
            books, cursor, parts = self._found(self._query.q, filters)
        elif filters is not None:
            page = self._view.page(
                filters, self._pager.sort, self._pager.after, self._pager.limit + 1
            )
            books, cursor = self._pager.shown(page)
        if self._query.facets:
            parts["facets"] = self._facets(filters)
        head = f'{{"items":[{",".join(self._items(books))}],"next_cursor":{json.dumps(cursor)}'
        return (head + (f",{_text(parts)[1:]}" if parts else "}")).encode()

    def _found(
        self, text: str, filters: Filters
    ) -> tuple[Sequence[Listed], str | None, dict[str, Any]]:
        pager = self._pager
        if pager.sort == "relevance":
            hits = self._view.ranked(text, filters)
            books = self._view.cards(hits.isbns[pager.start : pager.start + pager.limit])
            cursor, approximate = pager.next_start(len(hits.isbns)), hits.approximate
            count = len(hits.isbns)
        else:
            page, approximate = self._view.found_page(
                text, filters, pager.sort, pager.after, pager.limit + 1
            )
            count = RELEVANT_HITS if pager.after else len(page)
            books, cursor = pager.shown(page)
        parts: dict[str, Any] = {"approximate": approximate}
        if count < _FEW_HITS and (better := self._view.suggestion(text)):
            parts["did_you_mean"] = better
        return books, cursor, parts

    def _items(self, books: Sequence[Listed]) -> list[str]:
        renderer, chosen = self._renderer, self._query.fields
        if chosen is None:
            return [renderer.summary(book) for book in books]
        fields = chosen.split(",")
        if not needs_details(fields):
            return [renderer.selected(renderer.summary(book), fields) for book in books]
        details = self._view.details([book.isbn for book in books])
        return [renderer.selected(renderer.detail(details[book.isbn]), fields) for book in books]

    def _facets(self, filters: Filters | None) -> dict[str, Any]:
        _, categories = self._view.category_tree()
        if filters is None:
            return facets(NO_COUNTS, categories).model_dump()
        return facets(self._view.counts(self._query.q, filters), categories).model_dump()

    def _filters(self) -> Filters | None:
        """None where a filter names what is not in the catalogue: nothing fits it."""
        query = self._query
        category = self._view.category_id(query.category) if query.category else None
        contributor = self._view.contributor_id(query.author) if query.author else None
        if (query.category and category is None) or (query.author and contributor is None):
            return None
        return Filters(
            category_id=category,
            contributor_id=contributor,
            language=query.language,
            format=query.format,
            min_price=query.min_price,
            max_price=query.max_price,
            in_stock=query.in_stock,
            published_from=query.published_from,
            published_to=query.published_to,
        )


def _key(sort: Sort, value: str | int | None) -> str | int | date:
    if sort == "newest":
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise BadInput.at("cursor", "is not a cursor of this shop") from None
    return value if value is not None else 0


def _fits(value: str | int | None) -> bool:
    if isinstance(value, int):
        return 0 <= value <= _LARGEST_KEY
    return value is not None and not any("\ud800" <= sign <= "\udfff" for sign in value)


def _list_of(body: bytes) -> tuple[bytes, str, str]:
    """An answer that a change of any book can make old."""
    return body, f'"{hashlib.blake2b(body, digest_size=9).hexdigest()}"', _CATALOGUE


def _short(key: str) -> str:
    return key if len(key) <= 200 else hashlib.blake2b(key.encode(), digest_size=20).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json(value: Any) -> bytes:
    return _text(value).encode()
