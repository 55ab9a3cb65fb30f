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
from functions.inventory.service import readings
from functions.inventory.service.browse import Browse
from functions.inventory.service.readings import Reading
from shared.cache.port import Entry
from shared.http.calls import Answer, Call, Look, Nothing
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
_Asks = Callable[[_P, _Q], Reading]


def register(api: Api, browse: Provider[Browse]) -> None:
    def shows(path: str, **described: Any) -> Callable[[_Asks[_P, _Q]], _Asks[_P, _Q]]:
        """Registers what is read, under the name and the docstring of the function that says it."""

        def register_one(asks: _Asks[_P, _Q]) -> _Asks[_P, _Q]:
            def look(path: _P, query: _Q) -> Look:
                reading = asks(path, query)

                def at_hand() -> Answer | None:
                    shelves = browse.built
                    entry = None if shelves is None else shelves.at_hand(reading)
                    return None if entry is None else _answer(entry)

                return at_hand

            @functools.wraps(asks)
            async def handler(call: Call[_P, _Q, Nothing]) -> Answer:
                shelves = await browse.soon()
                return _answer(await shelves.read(asks(call.path, call.query)))

            api.route("GET", path, etag=True, look=look, **described)(handler)
            return asks

        return register_one

    @shows("v1/books", summary="Browse and search", query=BookQuery, answers={200: BookPage})
    def list_books(path: Nothing, query: BookQuery) -> Reading:
        """Filters narrow together. An exact ISBN in `q` comes first."""
        return readings.books(query)

    @shows(
        "v1/books/{isbn}",
        summary="One book",
        path_model=BookPath,
        answers={200: Book},
        problems=(UnknownBook,),
    )
    def get_book(path: BookPath, query: Nothing) -> Reading:
        """By ISBN-13 or ISBN-10, with or without hyphens."""
        return readings.book(Isbn(path.isbn))

    @shows(
        "v1/books/{isbn}/availability",
        summary="What can be sold now",
        path_model=BookPath,
        answers={200: AvailabilityAnswer},
        problems=(UnknownBook,),
    )
    def get_availability(path: BookPath, query: Nothing) -> Reading:
        return readings.availability(Isbn(path.isbn))

    @shows("v1/authors", summary="Authors by name", query=AuthorQuery, answers={200: AuthorPage})
    def list_authors(path: Nothing, query: AuthorQuery) -> Reading:
        return readings.authors(query)

    @shows(
        "v1/authors/{id}",
        summary="One author",
        path_model=AuthorPath,
        answers={200: Author},
        problems=(UnknownAuthor,),
    )
    def get_author(path: AuthorPath, query: Nothing) -> Reading:
        return readings.author(path.id)

    @shows("v1/categories", summary="The tree of categories", answers={200: CategoryTree})
    def list_categories(path: Nothing, query: Nothing) -> Reading:
        """Each with the number of books in it and below it."""
        return readings.categories()


def _answer(entry: Entry) -> Answer:
    return Answer(body=entry.body, etag=entry.etag, cache=_SHORTLY)
