"""A cart beside what inventory says of it now."""

from collections.abc import Iterator, Mapping

from functions.cart.model import (
    LIFETIME,
    Cart,
    CartView,
    Change,
    ChangeKind,
    Item,
    ItemAvailability,
    Line,
    Notice,
)
from shared.contracts.catalogue import BookQuote
from shared.kit.isbn import Isbn
from shared.kit.money import Currency, Money

Known = Mapping[Isbn, BookQuote]
"""By ISBN; a book that is not in it is not in the catalogue."""


def view(cart: Cart | None, known: Known | None, currency: Currency) -> CartView:
    """`known` is None where inventory did not answer in time."""
    lines = () if cart is None else cart.lines
    notices = () if cart is None else cart.notices
    items = [_item(line, known) for line in lines]
    changes = [
        *(change for line in lines for change in _changes(line, known)),
        *(_noticed(notice) for notice in notices),
    ]
    return CartView(
        items=items,
        quantity=sum(line.quantity for line in lines),
        subtotal=_sum([item.total for item in items], currency),
        verified=known is not None or not lines,
        changes=changes,
        expires_at=None if cart is None else cart.changed_at + LIFETIME,
    )


def _item(line: Line, known: Known | None) -> Item:
    quote = None if known is None else known.get(line.isbn)
    if quote is not None:
        availability = ItemAvailability(status=quote.status, available=quote.available)
    else:
        status: ChangeKind | str = "unverified" if known is None else "unknown"
        availability = ItemAvailability.model_validate({"status": status, "available": None})
    price = line.price if quote is None else quote.price
    return Item(
        isbn=line.isbn,
        quantity=line.quantity,
        title=None if quote is None else quote.title,
        format=None if quote is None else quote.format,
        thumbnail=None if quote is None else quote.thumbnail,
        price=None if quote is None else quote.price,
        price_when_added=line.price,
        total=None if price is None else _times(price, line.quantity),
        availability=availability,
    )


def _changes(line: Line, known: Known | None) -> Iterator[Change]:
    if known is None:
        return
    quote = known.get(line.isbn)
    if quote is None:
        yield _change(line.isbn, "unknown", "The shop has no such book; take it out.")
        return
    before, now = line.price, quote.price
    if before is not None and before != now:
        raised = now.amount > before.amount
        kind: ChangeKind = "price_raised" if raised else "price_lowered"
        verb = "rose" if raised else "fell"
        yield _change(line.isbn, kind, f"The price {verb} from {_said(before)} to {_said(now)}.")
    if quote.status == "withdrawn":
        yield _change(line.isbn, "withdrawn", "The book is no longer sold.")
    elif quote.status == "not_yet_on_sale":
        yield _change(line.isbn, "not_yet_on_sale", "The book is not on sale yet.")
    elif quote.available == 0:
        yield _change(line.isbn, "sold_out", "The book is sold out.")
    elif quote.available < line.quantity:
        left = f"Of {line.quantity} copies {quote.available} can be had."
        yield _change(line.isbn, "not_enough", left)


def _noticed(notice: Notice) -> Change:
    if notice.kind == "limited":
        detail = f"When carts were merged, {notice.quantity} copies were beyond the limit."
    else:
        detail = f"When carts were merged, {notice.quantity} copies found no room in the cart."
    return _change(notice.isbn, notice.kind, detail)


def _change(isbn: Isbn, kind: ChangeKind, detail: str) -> Change:
    return Change(isbn=isbn, kind=kind, detail=detail)


def _sum(totals: list[Money | None], currency: Currency) -> Money | None:
    amount = 0
    for total in totals:
        if total is None or total.currency != currency:
            return None
        amount += total.amount
    return Money(amount=amount, currency=currency)


def _times(price: Money, quantity: int) -> Money:
    return Money(amount=price.amount * quantity, currency=price.currency)


def _said(price: Money) -> str:
    return f"{price.amount / 100:.2f} {price.currency}"
