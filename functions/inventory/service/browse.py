"""What a shopper looks at: lists, searches, books, authors and categories.

Each method says what is read; `at_hand` gives the answer where the cache has it and nothing need
wait, `read` in any case. What is not in the cache is built in threads, since both are for an event
loop.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import NamedTuple

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

_LIST_LIFETIME, _BOOK_LIFETIME = 60.0, 600.0
_CATALOGUE = "catalogue"
"""As the log of changes calls a change of metadata."""


class Reading(NamedTuple):
    """One answer: its name, for how many seconds it may be kept, and how it is built: to body,
    entity tag, and the name that the log of changes has for what it shows."""

    name: str
    lifetime: float
    build: Callable[[ShelfView, Renderer], tuple[bytes, str, str]]


class Browse:
    def __init__(self, shelves: Shelves, answers: Answers, clock: Clock, cdn: str) -> None:
        self._shelves = shelves
        self._answers = answers
        self._clock = clock
        self._renderer = Renderer(cdn, date.min)
        self._dawn = threading.Lock()

    def at_hand(self, reading: Reading) -> Entry | None:
        return self._answers.at_hand(_key(reading, self._today()))

    async def read(self, reading: Reading) -> Entry:
        """Raises what building raises: see the readings."""
        today = self._today()

        def fill(primary: bool) -> Entry:
            renderer = self._renderer_of(today)
            with self._shelves.view(primary=primary) as view:
                version = view.version()
                body, etag, tag = reading.build(view, renderer)
            made_at = self._clock.machine_now().timestamp()
            return Entry(version, tag, etag, body, loose=tag == _CATALOGUE, made_at=made_at)

        return await self._answers.read(_key(reading, today), reading.lifetime, fill)

    def books(self, query: BookQuery) -> Reading:
        """Raises BadInput for a cursor of another query."""

        def build(view: ShelfView, renderer: Renderer) -> tuple[bytes, str, str]:
            return _list_of(BookList(view, renderer, query, Pager(query)).body())

        return Reading(f"books:{query.text}", _LIST_LIFETIME, build)

    def book(self, isbn: Isbn) -> Reading:
        """Raises UnknownBook. A withdrawn edition is shown, as withdrawn."""

        def build(view: ShelfView, renderer: Renderer) -> tuple[bytes, str, str]:
            found = view.details([int(isbn)]).get(int(isbn))
            if found is None:
                raise UnknownBook(isbn)
            return renderer.detail(found).encode(), renderer.etag(found), str(found.book.work_id)

        return Reading(f"book:{isbn}", _BOOK_LIFETIME, build)

    def availability(self, isbn: Isbn) -> Reading:
        """Raises UnknownBook."""

        def build(view: ShelfView, renderer: Renderer) -> tuple[bytes, str, str]:
            found = view.details([int(isbn)]).get(int(isbn))
            if found is None:
                raise UnknownBook(isbn)
            level = renderer.availability(found.book, withdrawn=found.withdrawn)
            body = compact({"isbn": isbn, **level}).encode()
            return body, renderer.etag(found), str(found.book.work_id)

        return Reading(f"availability:{isbn}", _BOOK_LIFETIME, build)

    def authors(self, query: AuthorQuery) -> Reading:
        """Raises BadInput for a cursor of another query."""

        def build(view: ShelfView, _: Renderer) -> tuple[bytes, str, str]:
            made_for = cursors.fingerprint("authors", query.q)
            after = None
            if query.cursor is not None:
                shape = ((int,), (str,), (int,))
                stage, name, number = cursors.decode(query.cursor, made_for, shape)
                if stage not in (0, 1, 2) or not fits(number):
                    raise BadInput.at("cursor", "is not a cursor of this shop")
                after = (int(stage), str(name), int(number or 0))
            found = view.authors(query.q or "", after, query.limit + 1)
            shown = found[: query.limit]
            more = len(found) > query.limit
            page = AuthorPage(
                items=[author for author, _ in shown],
                next_cursor=cursors.encode(made_for, shown[-1][1]) if more else None,
            )
            return _list_of(page.model_dump_json().encode())

        return Reading(f"authors:{query.text}", _LIST_LIFETIME, build)

    def author(self, number: int) -> Reading:
        """Raises UnknownAuthor."""

        def build(view: ShelfView, _: Renderer) -> tuple[bytes, str, str]:
            found = view.author(number)
            if found is None:
                raise UnknownAuthor(number)
            return _list_of(found.model_dump_json().encode())

        return Reading(f"author:{number}", _LIST_LIFETIME, build)

    def categories(self) -> Reading:
        def build(view: ShelfView, _: Renderer) -> tuple[bytes, str, str]:
            roots, _ = view.category_tree()
            return _list_of(CategoryTree(items=roots).model_dump_json().encode())

        return Reading("categories", _LIST_LIFETIME, build)

    def _today(self) -> date:
        return self._clock.business_now().date()

    def _renderer_of(self, today: date) -> Renderer:
        """The first reader of a day puts its new books on sale, so that filters know."""
        if today != self._renderer.today:
            with self._dawn:
                if today != self._renderer.today:
                    self._shelves.end_embargoes(today)
                    self._renderer = replace(self._renderer, today=today)
        return self._renderer


def _key(reading: Reading, today: date) -> str:
    """What is shown changes with the day, as books go on sale."""
    key = f"{today}:{reading.name}"
    return key if len(key) <= 200 else hashlib.blake2b(key.encode(), digest_size=20).hexdigest()


def _list_of(body: bytes) -> tuple[bytes, str, str]:
    """An answer that a change of any book can make old."""
    return body, f'"{hashlib.blake2b(body, digest_size=9).hexdigest()}"', _CATALOGUE

