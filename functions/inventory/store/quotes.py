"""What other services ask about editions: `shared.contracts.catalogue.Quotes`."""

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import select

from functions.inventory.model import availability
from functions.inventory.store.tables import editions, stock
from shared.contracts.catalogue import BookQuote
from shared.kit.clock import Clock
from shared.kit.isbn import Isbn
from shared.kit.money import Money
from shared.sql.database import Database
from shared.sql.lists import is_listed

_MOST = 100

_QUOTES = (
    select(
        editions.c.isbn,
        editions.c.title,
        editions.c.format,
        editions.c.price_amount,
        editions.c.price_currency,
        editions.c.on_sale_on,
        editions.c.withdrawn,
        editions.c.weight_g,
        editions.c.cover,
        stock.c.on_hand,
        stock.c.reserved,
    )
    .join_from(editions, stock, stock.c.isbn == editions.c.isbn)
    .where(is_listed(editions.c.isbn, "isbns"))
)


class SqlQuotes:
    """From the primary for what decides, from the replica for what is only shown."""

    def __init__(self, database: Database, clock: Clock, cdn: str, *, primary: bool) -> None:
        """`cdn` is the address under which covers lie."""
        self._read = database.primary if primary else database.read
        self._clock = clock
        self._cdn = cdn

    def quotes(self, isbns: Collection[Isbn]) -> dict[Isbn, BookQuote]:
        if len(isbns) > _MOST:
            raise ValueError(f"at most {_MOST} books are quoted at once")
        if not isbns:
            return {}
        today = self._clock.business_now().date()
        with self._read() as connection:
            rows = connection.execute(_QUOTES, {"isbns": [int(isbn) for isbn in isbns]}).all()
        found = (self._quote(row, today) for row in rows)
        return {quote.isbn: quote for quote in found}

    def _quote(self, row: Any, today: date) -> BookQuote:
        status, available = availability(
            withdrawn=bool(row.withdrawn),
            on_sale_on=row.on_sale_on,
            on_hand=row.on_hand,
            reserved=row.reserved,
            today=today,
        )
        thumbnail = None if row.cover is None else f"{self._cdn}/covers/{row.cover}-thumbnail.webp"
        # Not checked again: these are our own rows.
        return BookQuote.model_construct(
            isbn=Isbn(f"{row.isbn:013d}"),
            title=row.title,
            format=row.format,
            price=Money.model_construct(amount=row.price_amount, currency=row.price_currency),
            status=status,
            available=available,
            weight_grams=row.weight_g,
            thumbnail=thumbnail,
        )
