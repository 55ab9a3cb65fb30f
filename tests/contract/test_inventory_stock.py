"""Stock and reservations on a real database."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from functions.inventory.model import (
    NotEnoughStock,
    ReservationClosed,
    ReservationMismatch,
    StockChange,
    StockHeld,
    UnknownBook,
    UnknownReservation,
)
from functions.inventory.store.check_stock import check_stock
from functions.inventory.store.tables import stock, stock_ledger
from shared.kit.errors import BadInput, IdempotencyMismatch
from tests.support.inventory import SOON, START, Shelves, a_book, delivery, isbn, lines


def level(shelves: Shelves, number: int = 1) -> tuple[int, int, int]:
    """On hand, reserved and sold."""
    row = select(stock.c.on_hand, stock.c.reserved, stock.c.sold).where(
        stock.c.isbn == int(isbn(number))
    )
    with shelves.database.primary() as connection:
        return tuple(connection.execute(row).one())


def test_copies_that_come_in_are_on_hand_and_in_the_ledger(shelves: Shelves) -> None:
    shelves.put(a_book())
    outcome = shelves.stock.change(
        isbn(1), StockChange(delta=5, reason="delivery 17"), "anna", delivery("k1")
    )
    assert (outcome.value.on_hand, outcome.value.available) == (15, 15)
    assert outcome.levels == (outcome.value,)
    with shelves.database.primary() as connection:
        last = connection.execute(select(stock_ledger).order_by(stock_ledger.c.id.desc())).first()
    assert last is not None
    assert (last.kind, last.delta, last.reason, last.actor) == (
        "received",
        5,
        "delivery 17",
        "anna",
    )
    assert last.at == START
    shelves.check()


def test_a_delivery_sent_twice_counts_once_and_gets_the_first_answer(shelves: Shelves) -> None:
    shelves.put(a_book())
    change = StockChange(delta=5, reason="delivery")
    first = shelves.stock.change(isbn(1), change, "anna", delivery("k1", "five"))
    shelves.stock.change(isbn(1), change, "anna", delivery("k2", "five"))
    again = shelves.stock.change(isbn(1), change, "anna", delivery("k1", "five"))
    assert again.value == first.value
    assert (first.replayed, again.replayed, again.levels) == (False, True, ())
    assert level(shelves) == (20, 0, 0)
    shelves.check()


def test_another_request_under_the_same_key_is_refused(shelves: Shelves) -> None:
    shelves.put(a_book())
    shelves.stock.change(isbn(1), StockChange(delta=5, reason="a"), "anna", delivery("k1", "five"))
    with pytest.raises(IdempotencyMismatch):
        shelves.stock.change(
            isbn(1), StockChange(delta=6, reason="a"), "anna", delivery("k1", "six")
        )
    assert level(shelves) == (15, 0, 0)


def test_a_change_that_was_refused_may_be_tried_again_under_its_key(shelves: Shelves) -> None:
    with pytest.raises(UnknownBook):
        shelves.stock.change(isbn(1), StockChange(delta=1, reason="a"), "anna", delivery("k"))
    shelves.put(a_book())
    outcome = shelves.stock.change(isbn(1), StockChange(delta=1, reason="a"), "anna", delivery("k"))
    assert (outcome.value.on_hand, outcome.replayed) == (11, False)


def test_stock_never_goes_below_what_is_reserved(shelves: Shelves) -> None:
    shelves.put(a_book())
    shelves.stock.reserve("r1", lines((1, 4)), SOON)
    with pytest.raises(StockHeld) as refused:
        shelves.stock.change(isbn(1), StockChange(delta=-7, reason="lost"), "anna", delivery("k"))
    assert refused.value.extensions == {"on_hand": 10, "reserved": 4}
    shelves.stock.change(isbn(1), StockChange(delta=-6, reason="lost"), "anna", delivery("k2"))
    assert level(shelves) == (4, 4, 0)
    shelves.check()


def test_a_shelf_has_an_upper_bound(shelves: Shelves) -> None:
    shelves.put(a_book())
    with shelves.database.write() as connection:
        connection.execute(stock.update().values(on_hand=1_000_000_000))
    with pytest.raises(BadInput):
        shelves.stock.change(isbn(1), StockChange(delta=1, reason="a"), "anna", delivery("k"))


def test_a_reservation_holds_all_of_its_lines(shelves: Shelves) -> None:
    shelves.put(a_book(1), a_book(2))
    outcome = shelves.stock.reserve("r1", lines((2, 3), (1, 1)), SOON)
    assert [line.isbn for line in outcome.value.lines] == sorted([isbn(1), isbn(2)])
    assert [found.available for found in outcome.levels] == [9, 7]
    assert (level(shelves, 1), level(shelves, 2)) == ((10, 1, 0), (10, 3, 0))
    shelves.check()


def test_a_reservation_that_lacks_one_line_holds_nothing(shelves: Shelves) -> None:
    shelves.put(
        a_book(1),
        a_book(2, stock=2),
        a_book(3, on_sale_on=(START + timedelta(days=1)).date()),
    )
    wanted = lines((1, 1), (2, 3), (3, 1), (4, 1))
    with pytest.raises(NotEnoughStock) as refused:
        shelves.stock.reserve("r1", wanted, SOON)
    assert refused.value.extensions["lines"] == [
        {"isbn": isbn(2), "requested": 3, "available": 2, "reason": "not_enough"},
        {"isbn": isbn(3), "requested": 1, "available": 0, "reason": "not_yet_on_sale"},
        {"isbn": isbn(4), "requested": 1, "available": 0, "reason": "unknown"},
    ]
    assert level(shelves, 1) == (10, 0, 0)
    with pytest.raises(UnknownReservation):
        shelves.stock.confirm("r1")
    shelves.check()


def test_a_withdrawn_edition_cannot_be_reserved(shelves: Shelves) -> None:
    shelves.put(a_book())
    shelves.catalogue.withdraw(isbn(1), ['"m1-s1"'])
    with pytest.raises(NotEnoughStock) as refused:
        shelves.stock.reserve("r1", lines((1, 1)), SOON)
    assert refused.value.shortages[0].reason == "withdrawn"


def test_an_edition_can_be_reserved_from_its_on_sale_date(shelves: Shelves) -> None:
    shelves.put(a_book(on_sale_on=(START + timedelta(days=1)).date()))
    shelves.clock.advance_business(timedelta(days=1))
    shelves.stock.reserve("r1", lines((1, 1)), SOON + timedelta(days=1))
    shelves.check()


def test_the_same_reservation_again_holds_nothing_twice(shelves: Shelves) -> None:
    shelves.put(a_book(1), a_book(2))
    first = shelves.stock.reserve("r1", lines((1, 1), (2, 2)), SOON)
    again = shelves.stock.reserve("r1", lines((2, 2), (1, 1)), SOON + timedelta(hours=1))
    assert again.value == first.value
    assert (again.replayed, again.levels) == (True, ())
    assert level(shelves, 2) == (10, 2, 0)


def test_a_reservation_id_stands_for_its_lines_only(shelves: Shelves) -> None:
    shelves.put(a_book())
    shelves.stock.reserve("r1", lines((1, 1)), SOON)
    with pytest.raises(ReservationMismatch):
        shelves.stock.reserve("r1", lines((1, 2)), SOON)


@pytest.mark.parametrize("wanted", [(), ((1, 1), (1, 2))])
def test_a_reservation_names_each_book_once(
    shelves: Shelves, wanted: tuple[tuple[int, int], ...]
) -> None:
    shelves.put(a_book())
    with pytest.raises(BadInput):
        shelves.stock.reserve("r1", lines(*wanted), SOON)


def test_confirming_sells_the_held_copies_once(shelves: Shelves) -> None:
    shelves.put(a_book())
    shelves.stock.reserve("r1", lines((1, 3)), SOON)
    outcome = shelves.stock.confirm("r1")
    again = shelves.stock.confirm("r1")
    assert (outcome.value.state, outcome.replayed) == ("confirmed", False)
    assert (again.value, again.replayed) == (outcome.value, True)
    assert level(shelves) == (7, 0, 3)
    assert shelves.stock.reserve("r1", lines((1, 3)), SOON).value.state == "confirmed"
    shelves.check()


def test_releasing_makes_copies_available_once(shelves: Shelves) -> None:
    shelves.put(a_book())
    shelves.stock.reserve("r1", lines((1, 3)), SOON)
    assert shelves.stock.release("r1").levels[0].available == 10
    assert shelves.stock.release("r1").replayed
    assert level(shelves) == (10, 0, 0)
    with pytest.raises(ReservationClosed):
        shelves.stock.confirm("r1")
    with pytest.raises(ReservationClosed):
        shelves.stock.reserve("r1", lines((1, 3)), SOON)
    shelves.check()


def test_what_was_sold_cannot_be_released(shelves: Shelves) -> None:
    shelves.put(a_book())
    shelves.stock.reserve("r1", lines((1, 3)), SOON)
    shelves.stock.confirm("r1")
    with pytest.raises(ReservationClosed):
        shelves.stock.release("r1")


def test_a_reserve_that_comes_after_its_release_holds_nothing(shelves: Shelves) -> None:
    shelves.put(a_book())
    assert shelves.stock.release("late").value.state == "released"
    with pytest.raises(ReservationClosed):
        shelves.stock.reserve("late", lines((1, 1)), SOON)
    assert level(shelves) == (10, 0, 0)
    shelves.check()


def test_only_what_is_due_expires_the_oldest_first(shelves: Shelves) -> None:
    shelves.put(a_book())
    for minutes in (30, 10, 20, 60):
        shelves.stock.reserve(f"r{minutes}", lines((1, 1)), START + timedelta(minutes=minutes))
    assert shelves.stock.expire_due() == []
    shelves.clock.advance_business(timedelta(minutes=30))
    assert [one.value.id for one in shelves.stock.expire_due(limit=2)] == ["r10", "r20"]
    assert [one.value.id for one in shelves.stock.expire_due()] == ["r30"]
    assert shelves.stock.expire_due() == []
    assert level(shelves) == (10, 1, 0)
    with pytest.raises(ReservationClosed):
        shelves.stock.confirm("r10")
    shelves.check()


def test_a_reservation_past_its_time_can_be_confirmed_until_it_is_expired(
    shelves: Shelves,
) -> None:
    shelves.put(a_book())
    shelves.stock.reserve("r1", lines((1, 1)), SOON)
    shelves.clock.advance_business(timedelta(days=1))
    shelves.stock.confirm("r1")
    assert shelves.stock.expire_due() == []
    shelves.check()


def test_extending_never_makes_the_time_shorter(shelves: Shelves) -> None:
    shelves.put(a_book())
    shelves.stock.reserve("r1", lines((1, 1)), SOON)
    later = SOON + timedelta(hours=1)
    assert shelves.stock.extend("r1", later).expires_at == later
    assert shelves.stock.extend("r1", SOON).expires_at == later
    shelves.clock.advance_business(timedelta(minutes=50))
    assert shelves.stock.expire_due() == []
    shelves.stock.release("r1")
    with pytest.raises(ReservationClosed):
        shelves.stock.extend("r1", later)
    with pytest.raises(UnknownReservation):
        shelves.stock.extend("r2", later)


@pytest.mark.parametrize(
    ("column", "value", "rules"),
    [
        ("on_hand", 11, ["on hand is the sum of the ledger"]),
        ("reserved", 2, ["reserved is what open reservations hold"]),
    ],
)
def test_an_equation_that_does_not_hold_is_found(
    shelves: Shelves, column: str, value: int, rules: list[str]
) -> None:
    shelves.put(a_book(1), a_book(2))
    shelves.stock.reserve("r1", lines((1, 1)), SOON)
    with shelves.database.write() as connection:
        connection.execute(
            stock.update().where(stock.c.isbn == int(isbn(1))).values({column: value})
        )
    with shelves.database.primary() as connection:
        found = check_stock(connection)
    assert [(one.isbn, one.rule, one.says) for one in found] == [
        (isbn(1), rule, value) for rule in rules
    ]


def test_a_sale_without_a_confirmed_reservation_is_found(shelves: Shelves) -> None:
    shelves.put(a_book())
    with shelves.database.write() as connection:
        connection.execute(stock.update().values(on_hand=9))
        connection.execute(
            stock_ledger.insert().values(
                isbn=int(isbn(1)), kind="sold", delta=-1, reason="theft", at=START
            )
        )
    with shelves.database.primary() as connection:
        assert [one.rule for one in check_stock(connection)] == [
            "the ledger's sales are the confirmed lines"
        ]


def test_idempotency_keys_are_forgotten_after_a_week(shelves: Shelves) -> None:
    shelves.put(a_book())
    change = StockChange(delta=1, reason="a delivery")
    shelves.stock.change(isbn(1), change, "tester", delivery("old"))
    shelves.clock.advance(timedelta(days=5))
    shelves.stock.change(isbn(1), change, "tester", delivery("new"))
    shelves.clock.advance(timedelta(days=3))
    assert shelves.stock.forget_deliveries(timedelta(days=7)) == 1
    assert shelves.stock.change(isbn(1), change, "tester", delivery("new")).replayed
    assert not shelves.stock.change(isbn(1), change, "tester", delivery("old")).replayed
