"""The back office's routes: what is in the catalogue, and how many copies of it."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from functions.inventory.model import (
    BookExists,
    BookPatch,
    NewBook,
    Outcome,
    ReplacedBook,
    StockChange,
    StockHeld,
    StockLevel,
    UnknownBook,
    WrittenBook,
)
from functions.inventory.read_model import Book
from functions.inventory.service.catalogue import Catalogue
from functions.inventory.service.stock import Stock
from functions.inventory.triggers.browse import BookPath
from shared.http import problems
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Api
from shared.kit.errors import IdempotencyMismatch
from shared.kit.idempotency import Delivery
from shared.kit.provider import Provider

_ROLE = "catalogue.write"


def register(api: Api, catalogue: Provider[Catalogue], stock: Provider[Stock]) -> None:
    @api.route(
        "POST",
        "v1/admin/books",
        summary="Put a book up for sale",
        body=NewBook,
        answers={201: Book},
        problems=(BookExists, IdempotencyMismatch),
        role=_ROLE,
        idempotent=True,
        etag=True,
    )
    def create_book(call: Call[Nothing, Nothing, NewBook]) -> Answer:
        """With its first `stock`. A book that was withdrawn comes back as it is said now."""
        outcome = catalogue().create(
            call.body, call.signed_in.subject, _delivery(call, "POST v1/admin/books")
        )
        book = outcome.value
        location = {"Location": f"/api/v1/books/{book.isbn}"}
        return _shown(book, 201, {**location, **_replayed(outcome)})

    @api.route(
        "PUT",
        "v1/admin/books/{isbn}",
        summary="Replace what is said of a book",
        path_model=BookPath,
        body=ReplacedBook,
        answers={200: Book},
        problems=(UnknownBook,),
        role=_ROLE,
        if_match=True,
        etag=True,
    )
    def replace_book(call: Call[BookPath, Nothing, ReplacedBook]) -> Answer:
        """What is left out is taken away. Stock stays as it is."""
        return _shown(catalogue().replace(call.path.isbn, call.body, call.if_match))

    @api.route(
        "PATCH",
        "v1/admin/books/{isbn}",
        summary="Change some of what is said of a book",
        path_model=BookPath,
        body=BookPatch,
        answers={200: Book},
        problems=(UnknownBook,),
        role=_ROLE,
        if_match=True,
        etag=True,
    )
    def patch_book(call: Call[BookPath, Nothing, BookPatch]) -> Answer:
        """A JSON merge patch (RFC 7396): what is left out stays, `null` takes away."""
        try:
            return _shown(catalogue().patch(call.path.isbn, call.body, call.if_match))
        except ValidationError as error:
            raise problems.from_validation(error, "body") from None

    @api.route(
        "DELETE",
        "v1/admin/books/{isbn}",
        summary="Withdraw a book",
        path_model=BookPath,
        answers={204: None},
        problems=(UnknownBook,),
        role=_ROLE,
        if_match=True,
    )
    def withdraw_book(call: Call[BookPath, Nothing, Nothing]) -> Answer:
        """No longer sold or listed; still shown by its ISBN. Copies held for orders stay held."""
        catalogue().withdraw(call.path.isbn, call.if_match)
        return Answer(status=204)

    @api.route(
        "POST",
        "v1/admin/books/{isbn}/stock",
        summary="Receive or remove copies",
        path_model=BookPath,
        body=StockChange,
        answers={200: StockLevel},
        problems=(UnknownBook, StockHeld, IdempotencyMismatch),
        role=_ROLE,
        idempotent=True,
    )
    def change_stock(call: Call[BookPath, Nothing, StockChange]) -> Answer:
        """Never below what is reserved for orders."""
        outcome = stock().change(
            call.path.isbn,
            call.body,
            call.signed_in.subject,
            _delivery(call, "POST v1/admin/books/{isbn}/stock"),
        )
        return Answer(outcome.value, headers=_replayed(outcome))


def _delivery(call: Call[Any, Any, Any], route: str) -> Delivery:
    assert call.idempotency_key is not None
    return Delivery.of(call.signed_in.subject, route, call.idempotency_key, call.path, call.body)


def _replayed(outcome: Outcome[Any]) -> dict[str, str]:
    return {"Idempotency-Replayed": "true"} if outcome.replayed else {}


def _shown(
    book: WrittenBook, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    return Answer(book.body.encode(), status, etag=book.etag, headers=headers or {})
