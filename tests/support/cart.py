"""A cart to test on: documents in a file, an inventory of a few books, a clock moved by hand."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from functions.cart.prices import BoundedPrices
from functions.cart.service import CartService
from functions.cart.store import CONTAINER, DocumentCarts
from shared.contracts.catalogue import BookQuote
from shared.contracts.orders import OrderLine, OrderPlaced
from shared.documents.sqlite import SqliteDocuments
from shared.kit.clock import Clock, ManualClock
from shared.kit.isbn import Isbn
from shared.kit.money import Money
from shared.kit.provider import Provider
from tests.support.inventory import START, isbn

PATIENT = 30.0


def pounds(amount: int) -> Money:
    return Money(amount=amount, currency="GBP")


@dataclass
class BooksForSale:
    """`shared.contracts.catalogue.Quotes` of books 1 to 150, until a test says otherwise."""

    books: dict[Isbn, BookQuote] = field(default_factory=dict)
    fault: Exception | None = None

    def __post_init__(self) -> None:
        for number in range(1, 151):
            self.put(number)

    def put(self, number: int, price: int = 899, available: int = 10, **said: object) -> None:
        content = {
            "isbn": isbn(number),
            "title": f"Book {number}",
            "format": "paperback",
            "price": pounds(price),
            "status": "in_stock" if available else "out_of_stock",
            "available": available,
            "weight_grams": None,
            "thumbnail": None,
            **said,
        }
        self.books[isbn(number)] = BookQuote.model_validate(content)

    def quotes(self, isbns: Collection[Isbn]) -> dict[Isbn, BookQuote]:
        assert len(isbns) <= 100
        if self.fault is not None:
            raise self.fault
        return {one: self.books[one] for one in isbns if one in self.books}


@dataclass
class CartBench:
    service: CartService
    books: BooksForSale
    clock: ManualClock
    documents: SqliteDocuments
    carts: DocumentCarts


def documents_in(folder: Path, clock: Clock) -> SqliteDocuments:
    return SqliteDocuments(folder / "documents.db", CONTAINER, clock)


@contextmanager
def cart_bench(folder: Path) -> Iterator[CartBench]:
    clock, books = ManualClock(START), BooksForSale()
    documents = documents_in(folder, clock)
    carts = DocumentCarts(documents)
    prices = BoundedPrices(Provider(lambda: books), PATIENT)
    yield CartBench(CartService(carts, prices, clock, "GBP"), books, clock, documents, carts)
    documents.dispose()


def placed(
    cart_id: str | None, *lines: tuple[int, int], customer: str | None = None
) -> OrderPlaced:
    """`lines` are numbers of books and quantities."""
    return OrderPlaced(
        order_id="order-1",
        order_number="B-1",
        customer_id=customer,
        cart_id=cart_id,
        lines=tuple(
            OrderLine(line=place, isbn=isbn(number), quantity=quantity, unit_price=899)
            for place, (number, quantity) in enumerate(lines, 1)
        ),
        total=899,
        currency="GBP",
        shipping_method="standard",
        country="GB",
        placed_at=START,
    )
