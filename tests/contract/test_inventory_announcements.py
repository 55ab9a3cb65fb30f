"""What inventory tells others: one row for what changed together, nothing twice."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from functions.inventory.model import BookPatch, NotEnoughStock, ReplacedBook, StockChange
from functions.inventory.service.stock import Stock
from functions.inventory.store.transactions import SqlTransactions
from shared.contracts.envelope import LARGEST_BODY
from shared.kit.errors import PreconditionFailed
from tests.support.inventory import SOON, Shelves, a_book, delivery, isbn, lines


def kinds(shelves: Shelves) -> list[tuple[str, str]]:
    return [(kind, subject) for kind, subject, _ in shelves.announced()]


def change(shelves: Shelves, delta: int, key: str, number: int = 1) -> None:
    shelves.stock.change(
        isbn(number), StockChange(delta=delta, reason="a count"), "anna", delivery(key, str(delta))
    )


def low(shelves: Shelves) -> list[tuple[str, int]]:
    return [(data["isbn"], data["available"]) for _, _, data in shelves.announced("stock.low")]


def test_a_reservation_and_its_sale_are_one_row_each(shelves: Shelves) -> None:
    shelves.put(a_book(1), a_book(2))
    for _ in range(2):
        shelves.stock.reserve("order", lines((2, 3), (1, 1)), SOON)
    for _ in range(2):
        shelves.stock.confirm("order")
    assert shelves.announced() == [
        (
            "book.reserved",
            "order",
            {
                "hold_id": "order",
                "lines": [
                    {"isbn": isbn(1), "quantity": 1},
                    {"isbn": isbn(2), "quantity": 3},
                ],
                "expires_at": "2026-03-01T12:45:00Z",
            },
        ),
        (
            "stock.changed",
            "order",
            {
                "counts": [
                    {"isbn": isbn(1), "on_hand": 9, "reserved": 0, "available": 9, "version": 3},
                    {"isbn": isbn(2), "on_hand": 7, "reserved": 0, "available": 7, "version": 3},
                ]
            },
        ),
    ]


def test_what_is_given_back_says_whether_time_did_it(shelves: Shelves) -> None:
    shelves.put(a_book())
    shelves.stock.reserve("a", lines((1, 1)), SOON)
    shelves.stock.reserve("b", lines((1, 2)), SOON)
    for _ in range(2):
        shelves.stock.release("a")
    shelves.clock.advance_business(timedelta(hours=1))
    for _ in range(2):
        shelves.stock.expire_due()
    assert [data for _, _, data in shelves.announced("book.released")] == [
        {"hold_id": "a", "lines": [{"isbn": isbn(1), "quantity": 1}], "reason": "released"},
        {"hold_id": "b", "lines": [{"isbn": isbn(1), "quantity": 2}], "reason": "expired"},
    ]


def test_a_hold_that_is_refused_or_was_never_there_tells_nothing(shelves: Shelves) -> None:
    shelves.put(a_book(1), a_book(2, stock=1))
    with pytest.raises(NotEnoughStock):
        shelves.stock.reserve("a", lines((1, 9), (2, 2)), SOON)
    shelves.stock.release("b")
    assert shelves.announced() == []


def test_stock_that_is_low_is_told_once_until_it_has_risen(shelves: Shelves) -> None:
    shelves.put(a_book(stock=5))
    shelves.stock.reserve("a", lines((1, 1)), SOON)
    assert low(shelves) == []
    shelves.stock.reserve("b", lines((1, 1)), SOON)
    assert low(shelves) == [(isbn(1), 3)]
    shelves.stock.confirm("a")
    shelves.stock.reserve("c", lines((1, 2)), SOON)
    change(shelves, -1, "out")
    assert low(shelves) == [(isbn(1), 3)], "it was low before"
    shelves.stock.release("c")
    change(shelves, 2, "in")
    assert low(shelves) == [(isbn(1), 3)]
    change(shelves, -4, "stolen")
    assert low(shelves) == [(isbn(1), 3), (isbn(1), 0)]
    shelves.check()


@pytest.mark.parametrize(("threshold", "told"), [(0, [0]), (9, [9]), (10, [])])
def test_the_shop_says_what_low_is(shelves: Shelves, threshold: int, told: list[int]) -> None:
    shelves.put(a_book(stock=10))
    stock = Stock(SqlTransactions(shelves.database, shelves.clock), threshold)
    for number in range(10):
        stock.reserve(f"r{number}", lines((1, 1)), SOON)
    assert [available for _, available in low(shelves)] == told


def test_of_many_buyers_at_once_exactly_one_makes_stock_low(shelves: Shelves) -> None:
    shelves.put(a_book(stock=12))

    def buy(number: int) -> None:
        with suppress(NotEnoughStock):
            shelves.stock.reserve(f"r{number}", lines((1, 1)), SOON)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(buy, range(16)))
    assert low(shelves) == [(isbn(1), 3)]


def test_a_change_by_an_admin_is_told_with_what_it_left(shelves: Shelves) -> None:
    shelves.put(a_book())
    change(shelves, 5, "in")
    change(shelves, 5, "in")
    assert shelves.announced() == [
        (
            "stock.changed",
            isbn(1),
            {
                "counts": [
                    {"isbn": isbn(1), "on_hand": 15, "reserved": 0, "available": 15, "version": 2}
                ]
            },
        )
    ]


def test_what_an_admin_does_to_a_book_is_told_with_its_version(shelves: Shelves) -> None:
    catalogue = shelves.catalogue
    for _ in range(2):
        catalogue.create(a_book(), "anna", delivery("new"))
    said = a_book().model_dump(exclude={"isbn", "stock", "work_of"})
    catalogue.replace(isbn(1), ReplacedBook(**said), ['"m1-s1"'])
    catalogue.patch(isbn(1), BookPatch({"pages": 300}), ['"m2-s1"'])
    with pytest.raises(PreconditionFailed):
        catalogue.patch(isbn(1), BookPatch({"pages": 301}), ['"m2-s1"'])
    for _ in range(2):
        catalogue.withdraw(isbn(1), ["*"])
    catalogue.create(a_book(stock=0), "anna", delivery("again"))

    def updated(version: int, *, withdrawn: bool = False) -> tuple[str, str, dict[str, Any]]:
        data = {"isbn": isbn(1), "version": version, "withdrawn": withdrawn}
        return "book.updated", isbn(1), data

    assert shelves.announced("book.updated") == [
        updated(1),
        updated(2),
        updated(3),
        updated(4, withdrawn=True),
        updated(5),
    ]
    assert kinds(shelves)[:2] == [("book.updated", isbn(1)), ("stock.changed", isbn(1))]
    assert len(shelves.announced("stock.changed")) == 1


def test_a_delivery_of_many_books_tells_nothing(shelves: Shelves) -> None:
    shelves.put(a_book(1, stock=1), a_book(2))
    shelves.put(a_book(1, pages=300))
    assert shelves.announced() == []


def test_the_largest_order_fits_into_a_message(shelves: Shelves) -> None:
    numbers = range(1, 101)
    shelves.put(*(a_book(number, stock=1_000_000) for number in numbers))
    shelves.stock.reserve("order", lines(*((number, 99) for number in numbers)), SOON)
    shelves.stock.confirm("order")
    [(_, _, data)] = shelves.announced("stock.changed")
    assert len(data["counts"]) == 100
    assert len(str(data)) < LARGEST_BODY / 4


def test_each_commit_that_told_something_is_followed_by_a_nudge(shelves: Shelves) -> None:
    nudges: list[int] = []
    transactions = SqlTransactions(
        shelves.database, shelves.clock, lambda: nudges.append(len(shelves.announced()))
    )
    stock = Stock(transactions)
    shelves.put(a_book())
    stock.reserve("a", lines((1, 1)), SOON)
    stock.reserve("a", lines((1, 1)), SOON)
    with pytest.raises(NotEnoughStock):
        stock.reserve("b", lines((1, 90)), SOON)
    stock.expire_due()
    assert nudges == [1], "after the commit, and only where there is something to send"
