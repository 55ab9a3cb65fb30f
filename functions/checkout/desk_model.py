"""What the shop's staff sees of orders: figures, and what has been waiting for too long."""

from datetime import date, datetime, timedelta

from functions.checkout.model import OrderStatus, Record
from shared.kit.isbn import Isbn
from shared.kit.money import Currency

UNDER_WAY: frozenset[OrderStatus] = frozenset(
    {"validating", "reserving", "confirming", "closing", "cancelling"}
)
"""Statuses that last as long as the saga needs, not as long as a person takes."""
WAITS_LONG = timedelta(minutes=10)
"""After so long without a change somebody should look."""
LONGEST_REPORT = timedelta(days=366)


class Day(Record):
    """Orders placed on one day of UTC; amounts are minor units."""

    date: date
    orders: int
    revenue: int
    refunded: int


class Seller(Record):
    """`copies` sold and not given back; `revenue` in minor units, before refunds."""

    isbn: Isbn
    title: str
    copies: int
    revenue: int


class Waiting(Record):
    """An order whose saga should have gone on. `since`: its last change."""

    id: str
    order_number: str
    status: OrderStatus
    since: datetime
    pay_until: datetime


class Sales(Record):
    """Days without an order are left out."""

    first: date
    last: date
    currency: Currency
    days: tuple[Day, ...]
    bestsellers: tuple[Seller, ...]


class WaitingOrders(Record):
    items: tuple[Waiting, ...]
