"""The back office's routes for covers and samples."""

from functions.inventory.media_model import (
    ANY_TYPE,
    PICTURE_TYPES,
    SAMPLE_TYPES,
    MediaLeaving,
    MediaMismatch,
    MediaRefused,
    PictureTooLarge,
)
from functions.inventory.model import UnknownBook, WrittenBook
from functions.inventory.read_model import Book
from functions.inventory.service.media import Media
from functions.inventory.triggers.browse import BookPath
from shared.http.calls import Answer, Call, Nothing, RawBody
from shared.http.edge import KIBIBYTE, Api
from shared.kit.provider import Provider

_ROLE = "catalogue.write"
_LARGEST = 10 * 1024 * KIBIBYTE


def register(api: Api, media: Provider[Media]) -> None:
    @api.route(
        "PUT",
        "v1/admin/books/{isbn}/cover",
        summary="Give a book its cover",
        path_model=BookPath,
        body=RawBody,
        takes=(*PICTURE_TYPES, ANY_TYPE),
        largest_body=_LARGEST,
        answers={200: Book},
        problems=(UnknownBook, MediaMismatch, PictureTooLarge, MediaRefused, MediaLeaving),
        role=_ROLE,
        if_match=True,
        etag=True,
    )
    def put_cover(call: Call[BookPath, Nothing, RawBody]) -> Answer:
        """A still picture of 200 pixels a side or more and at most 40 megapixels.

        It is shown upright, in sRGB, on white where it was transparent, and without metadata.
        """
        isbn = call.path.isbn
        service = media()
        service.make_sizes(
            service.accept_cover(isbn, call.body.content, call.body.media_type, call.if_match)
        )
        return _shown(service.book(isbn))

    @api.route(
        "PUT",
        "v1/admin/books/{isbn}/sample",
        summary="Give a book a sample to read",
        path_model=BookPath,
        body=RawBody,
        takes=(*SAMPLE_TYPES, ANY_TYPE),
        largest_body=_LARGEST,
        answers={200: Book},
        problems=(UnknownBook, MediaMismatch, MediaRefused, MediaLeaving),
        role=_ROLE,
        if_match=True,
        etag=True,
    )
    def put_sample(call: Call[BookPath, Nothing, RawBody]) -> Answer:
        """Plain text in UTF-8, or a PDF file."""
        body = call.body
        return _shown(
            media().put_sample(call.path.isbn, body.content, body.media_type, call.if_match)
        )


def _shown(book: WrittenBook) -> Answer:
    return Answer(book.body.encode(), etag=book.etag)
