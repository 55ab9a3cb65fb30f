"""Books of a test's own in a running shop."""

from itertools import count

from bench.browser import Browser
from shared.kit.isbn import Isbn, from_ten
from tests.conftest import Shop

_numbers = count(999_310_000)


def new_book(shop: Shop, copies: int) -> Isbn:
    """Another one in each call."""
    isbn = from_ten(f"{next(_numbers):09d}")
    put_book(shop, isbn, copies)
    return isbn


def put_book(shop: Shop, isbn: str, copies: int) -> None:
    book = {
        "isbn": isbn,
        "title": "The Last Copies",
        "contributors": [{"name": "Wanda Queue"}],
        "format": "paperback",
        "language": "en",
        "price": {"amount": 1099, "currency": "GBP"},
        "stock": copies,
    }
    bookseller = Browser([shop.base_url], shop.token("catalogue.write"))
    created = bookseller.ask("POST", "v1/admin/books", book, Idempotency_Key=f"new-{isbn}")
    assert created.status == 201, created.content
