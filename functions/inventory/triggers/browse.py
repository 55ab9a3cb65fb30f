"""The public routes: what a shopper looks at."""

import functools
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from functions.inventory.model import AnyIsbn, UnknownBook
from functions.inventory.read_model import (
    Author,
    AuthorPage,
    AuthorQuery,
    AvailabilityAnswer,
    Book,
    BookPage,
    BookQuery,
    CategoryTree,
    UnknownAuthor,
)
from functions.inventory.service.browse import Browse, Reading
from shared.cache.port import Entry
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Api
from shared.http.values import WHOLE_NUMBER
from shared.kit.isbn import Isbn
from shared.kit.provider import Provider

_SHORTLY = "public, max-age=5"


class BookPath(BaseModel):
    model_config = ConfigDict(frozen=True)

    isbn: AnyIsbn


class AuthorPath(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: Annotated[int, WHOLE_NUMBER, Field(ge=1, le=2**31 - 1)]


_Q = TypeVar("_Q", bound=BaseModel)
_P = TypeVar("_P", bound=BaseModel)
_Asks = Callable[[Browse, _P, _Q], Reading]


def register(api: Api, browse: Provider[Browse]) -> None:
    def shows(path: str, **described: Any) -> Callable[[_Asks[_P, _Q]], _Asks[_P, _Q]]:
        """Registers what a function with that name and docstring asks of the shelves."""

        def register_one(asks: _Asks[_P, _Q]) -> _Asks[_P, _Q]:
            def at_hand(path: _P, query: _Q) -> Answer | None:
                shelves = browse.built
                entry = None if shelves is None else shelves.at_hand(asks(shelves, path, query))
                return None if entry is None else _answer(entry)

            @functools.wraps(asks)
            async def handler(call: Call[_P, _Q, Nothing]) -> Answer:
                shelves = await browse.soon()
                return _answer(await shelves.read(asks(shelves, call.path, call.query)))

            api.route("GET", path, etag=True, at_hand=at_hand, **described)(handler)
            return asks

        return register_one

    @shows("v1/books", summary="Browse and search", query=BookQuery, answers={200: BookPage})
    def list_books(shelves: Browse, path: Nothing, query: BookQuery) -> Reading:
        """Filters narrow together. An exact ISBN in `q` comes first."""
        return shelves.books(query)

    @shows(
        "v1/books/{isbn}",
        summary="One book",
        path_model=BookPath,
        answers={200: Book},
        problems=(UnknownBook,),
    )
    def get_book(shelves: Browse, path: BookPath, query: Nothing) -> Reading:
        """By ISBN-13 or ISBN-10, with or without hyphens."""
        return shelves.book(Isbn(path.isbn))

    @shows(
        "v1/books/{isbn}/availability",
        summary="What can be sold now",
        path_model=BookPath,
        answers={200: AvailabilityAnswer},
        problems=(UnknownBook,),
    )
    def get_availability(shelves: Browse, path: BookPath, query: Nothing) -> Reading:
        return shelves.availability(Isbn(path.isbn))

    @shows("v1/authors", summary="Authors by name", query=AuthorQuery, answers={200: AuthorPage})
    def list_authors(shelves: Browse, path: Nothing, query: AuthorQuery) -> Reading:
        return shelves.authors(query)

    @shows(
        "v1/authors/{id}",
        summary="One author",
        path_model=AuthorPath,
        answers={200: Author},
        problems=(UnknownAuthor,),
    )
    def get_author(shelves: Browse, path: AuthorPath, query: Nothing) -> Reading:
        return shelves.author(path.id)

    @shows("v1/categories", summary="The tree of categories", answers={200: CategoryTree})
    def list_categories(shelves: Browse, path: Nothing, query: Nothing) -> Reading:
        """Each with the number of books in it and below it."""
        return shelves.categories()


def _answer(entry: Entry) -> Answer:
    return Answer(body=entry.body, etag=entry.etag, cache=_SHORTLY)
