"""What a shopper can look at: each function says what one answer is called and how it is built."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from functions.inventory.model import UnknownBook
from functions.inventory.ports import ShelfView
from functions.inventory.read_model import (
    AuthorPage,
    AuthorQuery,
    BookQuery,
    CategoryTree,
    Detail,
    UnknownAuthor,
)
from functions.inventory.service.book_list import BookList
from functions.inventory.service.paging import Pager, fits
from functions.inventory.service.rendering import Renderer, compact
from shared.kit import cursors
from shared.kit.errors import BadInput
from shared.kit.isbn import Isbn

CATALOGUE = "catalogue"
"""As the log of changes calls a change of metadata."""
_LIST_LIFETIME, _BOOK_LIFETIME = 60.0, 600.0
_LONGEST_NAME = 180

Build = Callable[[ShelfView, Renderer], tuple[bytes, str, str]]
"""To the body, its entity tag, and the name that the log of changes has for what it shows."""


class Reading(NamedTuple):
    """One answer: its name among all, for how many seconds it may be kept, and how it is built."""

    name: str
    lifetime: float
    build: Build


def books(query: BookQuery) -> Reading:
    """Raises BadInput for a cursor of another query."""

    def build(view: ShelfView, renderer: Renderer) -> tuple[bytes, str, str]:
        return _list_of(BookList(view, renderer, query, Pager(query)).body())

    return _reading(f"books:{query.text}", _LIST_LIFETIME, build)


def book(isbn: Isbn) -> Reading:
    """Raises UnknownBook. A withdrawn edition is shown, as withdrawn."""

    def build(view: ShelfView, renderer: Renderer) -> tuple[bytes, str, str]:
        found = _found(view, isbn)
        return renderer.detail(found).encode(), renderer.etag(found), str(found.book.work_id)

    return _reading(f"book:{isbn}", _BOOK_LIFETIME, build)


def availability(isbn: Isbn) -> Reading:
    """Raises UnknownBook."""

    def build(view: ShelfView, renderer: Renderer) -> tuple[bytes, str, str]:
        found = _found(view, isbn)
        level = renderer.availability(found.book, withdrawn=found.withdrawn)
        body = compact({"isbn": isbn, **level}).encode()
        return body, renderer.etag(found), str(found.book.work_id)

    return _reading(f"availability:{isbn}", _BOOK_LIFETIME, build)


def authors(query: AuthorQuery) -> Reading:
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

    return _reading(f"authors:{query.text}", _LIST_LIFETIME, build)


def author(number: int) -> Reading:
    """Raises UnknownAuthor."""

    def build(view: ShelfView, _: Renderer) -> tuple[bytes, str, str]:
        found = view.author(number)
        if found is None:
            raise UnknownAuthor(number)
        return _list_of(found.model_dump_json().encode())

    return _reading(f"author:{number}", _LIST_LIFETIME, build)


def categories() -> Reading:
    def build(view: ShelfView, _: Renderer) -> tuple[bytes, str, str]:
        roots = view.category_tree()[0]
        return _list_of(CategoryTree(items=roots).model_dump_json().encode())

    return _reading("categories", _LIST_LIFETIME, build)


def _found(view: ShelfView, isbn: Isbn) -> Detail:
    found = view.details([int(isbn)]).get(int(isbn))
    if found is None:
        raise UnknownBook(isbn)
    return found


def _reading(name: str, lifetime: float, build: Build) -> Reading:
    if len(name) > _LONGEST_NAME:
        name = hashlib.blake2b(name.encode(), digest_size=20).hexdigest()
    return Reading(name, lifetime, build)


def _list_of(body: bytes) -> tuple[bytes, str, str]:
    """An answer that a change of any book can make old."""
    return body, f'"{hashlib.blake2b(body, digest_size=9).hexdigest()}"', CATALOGUE
