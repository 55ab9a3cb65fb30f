"""What a shopper looks at: lists, searches, books, authors and categories.

Every answer comes as bytes, from the cache where it is new enough; then nothing waits and no thread
is asked. The rest is done in threads, since these calls are awaited on the event loop.
"""

import hashlib
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date

from functions.inventory.model import UnknownBook
from functions.inventory.ports import ShelfView, Shelves
from functions.inventory.read_model import (
    AuthorPage,
    AuthorQuery,
    BookQuery,
    CategoryTree,
    UnknownAuthor,
)
from functions.inventory.service.book_list import BookList
from functions.inventory.service.paging import Pager, fits
from functions.inventory.service.rendering import Renderer, compact
from shared.cache.answers import Answers
from shared.cache.port import Entry
from shared.kit import cursors
from shared.kit.clock import Clock
from shared.kit.errors import BadInput
from shared.kit.isbn import Isbn
from shared.kit.threads import Threads

_LIST_LIFETIME, _BOOK_LIFETIME = 60.0, 600.0
_CATALOGUE = "catalogue"
"""As the log of changes calls a change of metadata."""


class Browse:
    def __init__(
        self, shelves: Shelves, answers: Answers, threads: Threads, clock: Clock, cdn: str
    ) -> None:
        self._shelves = shelves
        self._answers = answers
        self._threads = threads
        self._clock = clock
        self._of_today = Renderer(cdn, date.min)
        self._dawn = threading.Lock()

    async def books(self, query: BookQuery) -> Entry:
        renderer = self._current() or await self._next_day()

        def build(view: ShelfView) -> tuple[bytes, str, str]:
            return _list_of(BookList(view, renderer, query, Pager(query)).body())

        key = _short(f"books:{renderer.today}:{query.text}")
        return self._answers.at_hand(key) or await self._answer(key, _LIST_LIFETIME, build)

    async def book(self, isbn: Isbn) -> Entry:
        """Raises UnknownBook. A withdrawn edition is shown, as withdrawn."""
        renderer = self._current() or await self._next_day()

        def build(view: ShelfView) -> tuple[bytes, str, str]:
            found = view.details([int(isbn)]).get(int(isbn))
            if found is None:
                raise UnknownBook(isbn)
            return renderer.detail(found).encode(), renderer.etag(found), str(found.book.work_id)

        key = f"book:{renderer.today}:{isbn}"
        return self._answers.at_hand(key) or await self._answer(key, _BOOK_LIFETIME, build)

    async def availability(self, isbn: Isbn) -> Entry:
        """Raises UnknownBook."""
        renderer = self._current() or await self._next_day()

        def build(view: ShelfView) -> tuple[bytes, str, str]:
            found = view.details([int(isbn)]).get(int(isbn))
            if found is None:
                raise UnknownBook(isbn)
            level = renderer.availability(found.book, withdrawn=found.withdrawn)
            body = compact({"isbn": isbn, **level}).encode()
            return body, renderer.etag(found), str(found.book.work_id)

        key = f"availability:{renderer.today}:{isbn}"
        return self._answers.at_hand(key) or await self._answer(key, _BOOK_LIFETIME, build)

    async def authors(self, query: AuthorQuery) -> Entry:
        made_for = cursors.fingerprint("authors", query.q)
        after = None
        if query.cursor is not None:
            stage, name, number = cursors.decode(query.cursor, made_for, ((int,), (str,), (int,)))
            if stage not in (0, 1, 2) or not fits(number):
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

        key = _short(f"authors:{query.text}")
        return self._answers.at_hand(key) or await self._answer(key, _LIST_LIFETIME, build)

    async def author(self, number: int) -> Entry:
        """Raises UnknownAuthor."""

        def build(view: ShelfView) -> tuple[bytes, str, str]:
            found = view.author(number)
            if found is None:
                raise UnknownAuthor(number)
            return _list_of(found.model_dump_json().encode())

        key = f"author:{number}"
        return self._answers.at_hand(key) or await self._answer(key, _LIST_LIFETIME, build)

    async def categories(self) -> Entry:
        def build(view: ShelfView) -> tuple[bytes, str, str]:
            roots, _ = view.category_tree()
            return _list_of(CategoryTree(items=roots).model_dump_json().encode())

        key = "categories"
        return self._answers.at_hand(key) or await self._answer(key, _LIST_LIFETIME, build)

    def _answer(
        self, key: str, lifetime: float, build: Callable[[ShelfView], tuple[bytes, str, str]]
    ) -> Awaitable[Entry]:
        def fill(primary: bool) -> Entry:
            with self._shelves.view(primary=primary) as view:
                version = view.version()
                body, etag, tag = build(view)
            made_at = self._clock.machine_now().timestamp()
            return Entry(version, tag, etag, body, loose=tag == _CATALOGUE, made_at=made_at)

        return self._answers.read(key, lifetime, fill)

    def _current(self) -> Renderer | None:
        """None where a day has begun that nobody has read on yet."""
        renderer = self._of_today
        return renderer if renderer.today == self._clock.business_now().date() else None

    async def _next_day(self) -> Renderer:
        await self._threads.run(self._begin_day, self._clock.business_now().date())
        return self._of_today

    def _begin_day(self, today: date) -> None:
        """The first reader of a day puts its new books on sale, so that filters know."""
        with self._dawn:
            if today != self._of_today.today:
                self._shelves.end_embargoes(today)
                self._of_today = replace(self._of_today, today=today)


def _list_of(body: bytes) -> tuple[bytes, str, str]:
    """An answer that a change of any book can make old."""
    return body, f'"{hashlib.blake2b(body, digest_size=9).hexdigest()}"', _CATALOGUE


def _short(key: str) -> str:
    return key if len(key) <= 200 else hashlib.blake2b(key.encode(), digest_size=20).hexdigest()
