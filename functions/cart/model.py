"""What a shopper means by a cart, and everything that can happen to one.

AppError
├── UnknownTitle    404  the catalogue has no book with this ISBN
├── NotInCart       404  the cart has no line for this book
├── NotForSale      409  the book was withdrawn
├── QuantityLimit   409  more copies of a title than a cart takes
├── CartFull        409  more titles than a cart takes
└── CartBusy        503  so many changes at once that this one found no gap

A cart is a value: each change gives a new one, and the store decides whether it counts.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal, NewType, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.contracts.catalogue import Sellable
from shared.kit.errors import AppError, Conflict, FieldError, NotFound
from shared.kit.isbn import Isbn, parse_isbn
from shared.kit.money import Money

CartId = NewType("CartId", str)
"""Names a document, and a cart in events. It grants nothing: it is a digest of what does."""

LIFETIME = timedelta(days=30)
"""Of a cart, from its last change on, and of the cookie that opens it."""
MOST_COPIES = 99
MOST_TITLES = 100
_EVENTS_KEPT = 50
_MERGES_KEPT = 10

AnyIsbn = Annotated[
    Isbn, AfterValidator(parse_isbn), Field(json_schema_extra={"example": "9780141439518"})
]
Quantity = Annotated[int, Field(ge=1, le=MOST_COPIES)]


class UnknownTitle(NotFound):
    kind = "unknown-book"
    title = "There is no such book"

    def __init__(self, isbn: Isbn) -> None:
        super().__init__(
            f"No book of the shop has the ISBN {isbn}.",
            errors=[FieldError("#/isbn", "names no book of the shop", "body")],
            extensions={"isbn": isbn},
        )


class NotInCart(NotFound):
    kind = "not-in-cart"
    title = "The cart has no such line"

    def __init__(self, isbn: Isbn) -> None:
        super().__init__(f"{isbn} is not in the cart.", extensions={"isbn": isbn})


class NotForSale(Conflict):
    kind = "not-for-sale"
    title = "The book is no longer sold"

    def __init__(self, isbn: Isbn) -> None:
        super().__init__(f"{isbn} is no longer sold.", extensions={"isbn": isbn})


class QuantityLimit(Conflict):
    kind = "quantity-limit"
    title = "Too many copies of one title"

    def __init__(self, isbn: Isbn, in_cart: int) -> None:
        super().__init__(
            f"A cart takes {MOST_COPIES} copies of a title; of {isbn} it has {in_cart} already.",
            errors=[FieldError("#/quantity", f"leaves more than {MOST_COPIES} copies", "body")],
            extensions={"isbn": isbn, "in_cart": in_cart, "limit": MOST_COPIES},
        )


class CartFull(Conflict):
    kind = "cart-full"
    title = "Too many titles in the cart"

    def __init__(self) -> None:
        super().__init__(
            f"A cart takes {MOST_TITLES} titles; take one out first.",
            extensions={"limit": MOST_TITLES},
        )


class CartBusy(AppError):
    status = 503
    kind = "busy"
    title = "The cart is being changed"

    def __init__(self) -> None:
        super().__init__(
            "The cart is being changed by others; try again.", headers={"Retry-After": "1"}
        )


class Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Line(Record):
    """`price` is what the shopper saw when the line was last added to or set; None where no price
    was known in time."""

    isbn: Isbn
    quantity: Quantity
    price: Money | None


class Merge(Record):
    """What was taken over from another cart, so that none of it is taken over twice."""

    source: CartId
    quantities: dict[Isbn, int]


class Notice(Record):
    """What a merge could not take over: copies beyond the limit of a title (`limited`), or a title
    beyond that of the cart (`left_out`). Shown until the shopper changes the cart."""

    kind: Literal["limited", "left_out"]
    isbn: Isbn
    quantity: int


class Cart(Record):
    lines: tuple[Line, ...] = ()
    notices: tuple[Notice, ...] = ()
    merges: tuple[Merge, ...] = ()
    events: tuple[str, ...] = ()
    """Ids of the last orders' events that were taken in."""
    changed_at: datetime

    def find(self, isbn: Isbn) -> Line | None:
        return next((line for line in self.lines if line.isbn == isbn), None)

    @property
    def isbns(self) -> list[Isbn]:
        return [line.isbn for line in self.lines]

    def with_more(self, isbn: Isbn, quantity: int, price: Money | None) -> Self:
        """Raises QuantityLimit, CartFull."""
        line = self.find(isbn)
        if line is None:
            if len(self.lines) >= MOST_TITLES:
                raise CartFull
            added = Line(isbn=isbn, quantity=quantity, price=price)
            return self._with((*self.lines, added), notices=())
        total = line.quantity + quantity
        if total > MOST_COPIES:
            raise QuantityLimit(isbn, line.quantity)
        return self._with_line(line, total, price)

    def with_quantity(self, isbn: Isbn, quantity: int, price: Money | None) -> Self:
        """Raises NotInCart."""
        line = self.find(isbn)
        if line is None:
            raise NotInCart(isbn)
        return self._with_line(line, quantity, price)

    def without(self, isbn: Isbn) -> Self:
        """The cart itself, where it has no such line."""
        if self.find(isbn) is None:
            return self
        return self._with(tuple(one for one in self.lines if one.isbn != isbn), notices=())

    def emptied(self) -> Self:
        """The cart itself, where nothing is in it."""
        return self._with((), notices=()) if self.lines or self.notices else self

    def with_prices(self, prices: Mapping[Isbn, Money]) -> Self:
        """Lines that had no price get the one that is shown now."""
        lines = tuple(
            line.model_copy(update={"price": prices.get(line.isbn)}) if line.price is None else line
            for line in self.lines
        )
        return self if lines == self.lines else self._with(lines)

    def merged_with(self, source: CartId, other: "Cart") -> Self:
        """With the other's lines, up to the limits; the cart itself where it has them already.

        What was taken over from the same cart before is counted, so only what came to it since is
        added.
        """
        before = next((one.quantities for one in self.merges if one.source == source), {})
        fresh = {
            line.isbn: line.quantity - before.get(line.isbn, 0)
            for line in other.lines
            if line.quantity > before.get(line.isbn, 0)
        }
        if not fresh:
            return self
        lines = {line.isbn: line for line in self.lines}
        notices = list(self.notices)
        for line in other.lines:
            quantity = fresh.get(line.isbn, 0)
            own = lines.get(line.isbn)
            if quantity == 0:
                continue
            if own is None and len(lines) >= MOST_TITLES:
                notices.append(Notice(kind="left_out", isbn=line.isbn, quantity=quantity))
                continue
            total = quantity + (0 if own is None else own.quantity)
            if total > MOST_COPIES:
                beyond = total - MOST_COPIES
                notices.append(Notice(kind="limited", isbn=line.isbn, quantity=beyond))
            kept = min(total, MOST_COPIES)
            lines[line.isbn] = line.model_copy(update={"quantity": kept})
        taken = {line.isbn: line.quantity for line in other.lines}
        merge = Merge(source=source, quantities={**before, **taken})
        others = [one for one in self.merges if one.source != source]
        return self.model_copy(
            update={
                "lines": tuple(lines.values()),
                "notices": tuple(notices),
                "merges": (*others[-_MERGES_KEPT + 1 :], merge),
            }
        )

    def without_bought(self, event_id: str, bought: Mapping[Isbn, int]) -> Self:
        """The cart itself, where the event was taken in before."""
        if event_id in self.events:
            return self
        left = ((line, line.quantity - bought.get(line.isbn, 0)) for line in self.lines)
        return self.model_copy(
            update={
                "lines": tuple(
                    line.model_copy(update={"quantity": quantity})
                    for line, quantity in left
                    if quantity > 0
                ),
                "events": (*self.events, event_id)[-_EVENTS_KEPT:],
            }
        )

    def took_over(self, source: str) -> bool:
        return any(one.source == source for one in self.merges)

    def _with_line(self, line: Line, quantity: int, price: Money | None) -> Self:
        """Where no price is known now, the one that was seen before stays."""
        changed = Line(isbn=line.isbn, quantity=quantity, price=price or line.price)
        return self._with(
            tuple(changed if one.isbn == line.isbn else one for one in self.lines), notices=()
        )

    def _with(self, lines: tuple[Line, ...], *, notices: tuple[Notice, ...] | None = None) -> Self:
        kept = self.notices if notices is None else notices
        return self.model_copy(update={"lines": lines, "notices": kept})


def guests_cart(token: str) -> CartId:
    """Of the cookie's value, which has 128 random bits or more and is stored nowhere."""
    return _cart_id("g", token)


def customers_cart(customer_id: str) -> CartId:
    return _cart_id("u", customer_id)


def _cart_id(kind: str, secret: str) -> CartId:
    digest = hashlib.blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=24).hexdigest()
    return CartId(f"{kind}-{digest}")


ChangeKind = Literal[
    "price_raised",
    "price_lowered",
    "sold_out",
    "not_enough",
    "not_yet_on_sale",
    "withdrawn",
    "unknown",
    "limited",
    "left_out",
]


class Change(Record):
    """What is not as it was when the book was put in the cart; `detail` says it to a person."""

    isbn: Isbn
    kind: ChangeKind
    detail: str


class ItemAvailability(Record):
    """`unverified`: inventory did not answer in time; checkout will ask it again."""

    status: Sellable | Literal["unknown", "unverified"]
    available: int | None


class Item(Record):
    """`price` is today's. Like `title` it is None where inventory did not answer, or does not know
    the book."""

    isbn: Isbn
    quantity: int
    title: str | None
    format: str | None
    thumbnail: str | None
    price: Money | None
    price_when_added: Money | None
    total: Money | None
    availability: ItemAvailability


class CartView(Record):
    """`subtotal` is at today's prices, or those when added where today's are not known; None where
    neither is. `verified` is false where inventory did not answer in time."""

    items: list[Item]
    quantity: int
    subtotal: Money | None
    verified: bool
    changes: list[Change]
    expires_at: datetime | None


class NewItem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    isbn: AnyIsbn
    quantity: Annotated[int, Field(ge=1, le=MOST_COPIES, strict=True)] = 1


class NewQuantity(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    quantity: Annotated[int, Field(ge=1, le=MOST_COPIES, strict=True)]
