"""What an order's cancellation brings back to the shelf, once, however often it is told."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Literal

import pytest
from sqlalchemy import select

from functions.inventory.service.returns import Returns
from functions.inventory.store.tables import inbox, stock, stock_ledger
from functions.inventory.store.transactions import SqlTransactions
from functions.inventory.triggers import messages
from shared.contracts.envelope import Envelope, Payload, UnreadableMessage
from shared.contracts.orders import OrderCancelled, OrderLine, OrderLinkRequested
from shared.kit.provider import Provider
from tests.support.calls import Caller
from tests.support.inventory import SOON, START, Shelves, a_book, isbn, lines

ORDER = "0199" * 8


@pytest.fixture
def returns(shelves: Shelves) -> Returns:
    shelves.put(a_book(1), a_book(2))
    return Returns(SqlTransactions(shelves.database, shelves.clock))


def sold(shelves: Shelves, *quantities: tuple[int, int], order: str = ORDER) -> None:
    shelves.stock.reserve(order, lines(*quantities), SOON)
    shelves.stock.confirm(order)


def cancelled(
    *quantities: tuple[int, int],
    stage: Literal["before_placement", "after_placement"] = "after_placement",
    order: str = ORDER,
) -> OrderCancelled:
    return OrderCancelled(
        order_id=order,
        order_number="B-1",
        customer_id=None,
        stage=stage,
        reason="changed their mind",
        lines=tuple(
            OrderLine(line=place, isbn=isbn(number), quantity=quantity, unit_price=899)
            for place, (number, quantity) in enumerate(quantities, 1)
        ),
    )


def level(shelves: Shelves, number: int = 1) -> tuple[int, int, int]:
    """On hand, reserved and sold."""
    row = select(stock.c.on_hand, stock.c.reserved, stock.c.sold).where(
        stock.c.isbn == int(isbn(number))
    )
    with shelves.database.primary() as connection:
        return tuple(connection.execute(row).one())


def returned(shelves: Shelves) -> list[tuple[int, int, str]]:
    columns = stock_ledger.c.isbn, stock_ledger.c.delta, stock_ledger.c.reference
    with shelves.database.primary() as connection:
        rows = connection.execute(
            select(*columns).where(stock_ledger.c.kind == "returned").order_by(stock_ledger.c.id)
        )
        return [(row.isbn, row.delta, row.reference) for row in rows]


def test_each_line_comes_back_once_however_often_the_event_comes(
    shelves: Shelves, returns: Returns
) -> None:
    sold(shelves, (1, 3), (2, 1))
    assert level(shelves) == (7, 0, 3)
    event = cancelled((1, 3), (2, 1))
    returns.cancelled("event 1", event)
    returns.cancelled("event 1", event)
    assert (level(shelves, 1), level(shelves, 2)) == ((10, 0, 0), (10, 0, 0))
    assert returned(shelves) == [(int(isbn(1)), 3, f"{ORDER}/1"), (int(isbn(2)), 1, f"{ORDER}/2")]
    told = [
        [(count["isbn"], count["on_hand"]) for count in data["counts"]]
        for _, _, data in shelves.announced("stock.changed")
    ]
    assert told == [[(isbn(1), 7), (isbn(2), 9)], [(isbn(1), 10), (isbn(2), 10)]]
    shelves.check()


def test_a_cancellation_that_is_announced_anew_brings_nothing_back_again(
    shelves: Shelves, returns: Returns
) -> None:
    sold(shelves, (1, 3))
    returns.cancelled("event 1", cancelled((1, 3)))
    returns.cancelled("event 2", cancelled((1, 3)))
    assert level(shelves) == (10, 0, 0)
    shelves.check()


def test_before_the_order_was_placed_there_is_nothing_to_bring_back(
    shelves: Shelves, returns: Returns
) -> None:
    shelves.stock.reserve(ORDER, lines((1, 3)), SOON)
    shelves.stock.release(ORDER)
    returns.cancelled("event 1", cancelled((1, 3), stage="before_placement"))
    assert level(shelves) == (10, 0, 0)
    assert returned(shelves) == []
    shelves.check()


def test_a_line_of_an_unknown_book_keeps_no_other_line_back(
    shelves: Shelves, returns: Returns
) -> None:
    sold(shelves, (1, 3))
    returns.cancelled("event 1", cancelled((9, 1), (1, 3)))
    assert level(shelves) == (10, 0, 0)
    assert returned(shelves) == [(int(isbn(1)), 3, f"{ORDER}/2")]
    shelves.check()


def test_copies_of_a_withdrawn_edition_lie_on_the_shelf_and_are_not_sold(
    shelves: Shelves, returns: Returns
) -> None:
    sold(shelves, (1, 3))
    shelves.catalogue.withdraw(isbn(1), ["*"])
    returns.cancelled("event 1", cancelled((1, 3)))
    assert level(shelves) == (10, 0, 0)
    assert shelves.catalogue.stored([isbn(1)])[isbn(1)].withdrawn
    shelves.check()


def test_many_cancellations_at_once_beside_buyers_add_up(
    shelves: Shelves, returns: Returns
) -> None:
    """Each of four orders is told of four times, under two ids, while others buy."""
    for number in range(4):
        sold(shelves, (1, 1), (2, 1), order=f"order-{number}")
    together = threading.Barrier(8)

    def tell(number: int) -> None:
        together.wait()
        for order in range(4):
            event = cancelled((1, 1), (2, 1), order=f"order-{order}")
            returns.cancelled(f"order-{order} {number % 2}", event)

    def buy(number: int) -> None:
        together.wait()
        sold(shelves, (1, 1), order=f"buyer-{number}")

    with ThreadPoolExecutor(8) as threads:
        done = [threads.submit(tell if number < 4 else buy, number) for number in range(8)]
    for one in done:
        one.result()
    assert (level(shelves, 1), level(shelves, 2)) == ((6, 0, 4), (10, 0, 0))
    assert len(returned(shelves)) == 8
    shelves.check()


def body(event_id: str, payload: Payload) -> bytes:
    envelope = Envelope(
        id=event_id,
        source="/checkout",
        type=payload.kind,
        subject=ORDER,
        time=START,
        data=payload.model_dump(mode="json"),
    )
    return envelope.body()


def test_of_all_that_orders_tell_only_the_cancellation_counts(
    shelves: Shelves, returns: Returns
) -> None:
    caller = Caller("inventory")
    messages.register_orders(caller.api.blueprint, Provider(lambda: returns))
    sold(shelves, (1, 3))
    caller.deliver(
        "inventory_orders", body("event 1", OrderLinkRequested(order_id=ORDER, order_number="B-1"))
    )
    with shelves.database.primary() as connection:
        assert connection.execute(select(inbox)).all() == []
    caller.deliver("inventory_orders", body("event 2", cancelled((1, 3))))
    caller.deliver("inventory_orders", body("event 2", cancelled((1, 3))))
    assert level(shelves) == (10, 0, 0)
    with pytest.raises(UnreadableMessage):
        caller.deliver("inventory_orders", b"{}")


def test_what_was_taken_in_is_forgotten_after_its_time(shelves: Shelves, returns: Returns) -> None:
    sold(shelves, (1, 1))
    returns.cancelled("event 1", cancelled((1, 1)))
    shelves.clock.advance_business(timedelta(days=31))
    assert shelves.stock.forget_received(timedelta(days=30)) == 1
    returns.cancelled("event 1", cancelled((1, 1)))
    assert level(shelves) == (10, 0, 0), "the ledger remembers for good"
