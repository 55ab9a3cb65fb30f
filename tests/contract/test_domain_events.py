"""Domain events are told by the commit that decided them: once, and not before it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from functions.inventory.store.transactions import SqlTransactions
from shared.contracts.envelope import Payload
from shared.contracts.inventory import BookUpdated
from shared.contracts.orders import CustomerErased, OrderLine, OrderPlaced
from shared.kit.isbn import parse_isbn
from shared.messaging.telling import Telling
from tests.support.inventory import START, Shelves, isbn


class Recorded:
    """Domain events that are kept."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object], dict[str, float]]] = []

    def record(
        self,
        name: str,
        properties: Mapping[str, object],
        measurements: Mapping[str, float] | None = None,
    ) -> None:
        self.events.append((name, dict(properties), dict(measurements or {})))

    def close(self) -> None:
        pass


class Noted(Payload):
    kind: ClassVar[str] = "thing.noted"


def update(number: int) -> BookUpdated:
    return BookUpdated(isbn=isbn(number), version=7, withdrawn=False)


def test_each_is_told_once_after_the_commit(shelves: Shelves) -> None:
    recorded = Recorded()
    transactions = SqlTransactions(
        shelves.database, shelves.clock, lambda: None, Telling(lambda: recorded)
    )

    def work(transaction: Any) -> None:
        transaction.outbox.add("inventory", str(isbn(1)), update(1))
        transaction.outbox.add("inventory", str(isbn(1)), Noted())
        assert recorded.events == []

    transactions.run(work)
    assert recorded.events == [
        ("book.updated", {"isbn": isbn(1), "withdrawn": False}, {"version": 7})
    ]


def test_what_is_rolled_back_is_not_told(shelves: Shelves) -> None:
    recorded = Recorded()
    transactions = SqlTransactions(
        shelves.database, shelves.clock, lambda: None, Telling(lambda: recorded)
    )

    def work(transaction: Any) -> None:
        transaction.outbox.add("inventory", str(isbn(1)), update(1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        transactions.run(work)
    assert recorded.events == []


@pytest.mark.parametrize("cart", [None, "cart-1"])
def test_an_order_shows_sums_and_counts_and_nobody(cart: str | None) -> None:
    line = OrderLine(line=1, isbn=parse_isbn("9780141439518"), quantity=2, unit_price=899)
    placed = OrderPlaced(
        order_id="o",
        order_number="B1",
        customer_id="anna",
        cart_id=cart,
        lines=(line, line.model_copy(update={"line": 2})),
        total=2100,
        currency="GBP",
        shipping_method="express",
        country="GB",
        placed_at=START,
    )
    assert told(placed, CustomerErased(customer_id="anna")) == [
        (
            "order.placed",
            {
                "order_id": "o",
                "order_number": "B1",
                "currency": "GBP",
                "shipping_method": "express",
                "country": "GB",
            },
            {"total": 2100, "lines": 2},
        )
    ]


def told(*announced: Payload) -> Sequence[Any]:
    recorded = Recorded()
    Telling(lambda: recorded)(announced)
    return recorded.events
