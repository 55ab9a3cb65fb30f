"""The public routes: what a shopper looks at."""

from typing import Annotated

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
from functions.inventory.service.browse import Browse
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


def register(api: Api, browse: Provider[Browse]) -> None:
    @api.route(
        "GET",
        "v1/books",
        summary="Browse and search",
        query=BookQuery,
        answers={200: BookPage},
        etag=True,
    )
    async def list_books(call: Call[Nothing, BookQuery, Nothing]) -> Answer:
        """Filters narrow together. An exact ISBN in `q` comes first."""
        shelves = await browse.soon()
        return _answer(await shelves.books(call.query))

    @api.route(
        "GET",
        "v1/books/{isbn}",
        summary="One book",
        path_model=BookPath,
        answers={200: Book},
        etag=True,
        problems=(UnknownBook,),
    )
    async def get_book(call: Call[BookPath, Nothing, Nothing]) -> Answer:
        """By ISBN-13 or ISBN-10, with or without hyphens."""
        shelves = await browse.soon()
        return _answer(await shelves.book(Isbn(call.path.isbn)))

    @api.route(
        "GET",
        "v1/books/{isbn}/availability",
        summary="What can be sold now",
        path_model=BookPath,
        answers={200: AvailabilityAnswer},
        etag=True,
        problems=(UnknownBook,),
    )
    async def get_availability(call: Call[BookPath, Nothing, Nothing]) -> Answer:
        shelves = await browse.soon()
        return _answer(await shelves.availability(Isbn(call.path.isbn)))

    @api.route(
        "GET",
        "v1/authors",
        summary="Authors by name",
        query=AuthorQuery,
        answers={200: AuthorPage},
        etag=True,
    )
    async def list_authors(call: Call[Nothing, AuthorQuery, Nothing]) -> Answer:
        shelves = await browse.soon()
        return _answer(await shelves.authors(call.query))

    @api.route(
        "GET",
        "v1/authors/{id}",
        summary="One author",
        path_model=AuthorPath,
        answers={200: Author},
        etag=True,
        problems=(UnknownAuthor,),
    )
    async def get_author(call: Call[AuthorPath, Nothing, Nothing]) -> Answer:
        shelves = await browse.soon()
        return _answer(await shelves.author(call.path.id))

    @api.route(
        "GET",
        "v1/categories",
        summary="The tree of categories",
        answers={200: CategoryTree},
        etag=True,
    )
    async def list_categories(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        """Each with the number of books in it and below it."""
        shelves = await browse.soon()
        return _answer(await shelves.categories())


def _answer(entry: Entry) -> Answer:
    return Answer(body=entry.body, etag=entry.etag, cache=_SHORTLY)
