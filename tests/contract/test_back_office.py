"""What the staff sees of orders and of the stock."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from functions.checkout.model import OrderStatus, RefundRequest, UnknownOrder
from functions.checkout.service.back_office import BackOffice
from functions.checkout.service.orders import STAFF, cursor_of, read_cursor
from functions.inventory.model import StockChange, UnknownBook
from functions.inventory.service.stocktaking import Stocktaking
from functions.inventory.store.transactions import SqlTransactions
from shared.kit import cursors
from shared.kit.errors import BadInput
from tests.support.buying import Buying, open_buying
from tests.support.inventory import Shelves, a_book, delivery, isbn

MADE_FOR = cursors.fingerprint("a test")


@pytest.fixture
def buying(shelves: Shelves, tmp_path: Path) -> Iterator[Buying]:
    shelves.put(a_book(1, stock=20), a_book(2, stock=20), a_book(3, stock=20))
    with open_buying(tmp_path, shelves) as opened:
        yield opened
    shelves.check()


@pytest.fixture
def office(buying: Buying) -> BackOffice:
    return BackOffice(buying.transactions, "GBP")


@pytest.fixture
def stocktaking(shelves: Shelves) -> Stocktaking:
    return Stocktaking(SqlTransactions(shelves.database, shelves.clock), 3)


def listed(office: BackOffice, *statuses: OrderStatus, asked: str | None = None) -> list[str]:
    return [order.id for order in office.listed(statuses, asked, None, 100)]


def test_every_order_is_found_by_status_number_and_mail_address(
    buying: Buying, office: BackOffice
) -> None:
    placed = buying.placed(1)
    begun = buying.start(2, email="Ben@Example.org").order.id
    assert set(listed(office)) == {placed, begun}
    assert listed(office, "placed") == [placed]
    assert listed(office, "placed", "validating", asked="ben@example.org") == [begun]
    assert listed(office, asked=buying.order(placed).number.lower()) == [placed]
    assert listed(office, asked="nobody@example.org") == []
    assert listed(office, asked="' OR 1=1 --@") == []


def test_paging_meets_each_order_once_while_others_come(buying: Buying, office: BackOffice) -> None:
    known = {buying.start(1).order.id for _ in range(5)}
    seen: list[str] = []
    after = None
    while page := office.listed((), None, after, 2):
        seen += [order.id for order in page]
        after = read_cursor(cursors.encode(MADE_FOR, cursor_of(page[-1])), MADE_FOR)
        buying.shelves.clock.advance(timedelta(seconds=1))
        buying.start(2)
    assert len(seen) == len(set(seen)) == len(known)
    assert set(seen) == known


def test_sales_count_placed_orders_by_day_and_leave_out_what_came_to_nothing(
    buying: Buying, office: BackOffice
) -> None:
    first = buying.shelves.clock.business_now().date()
    one = buying.placed(1, 2)
    buying.start(3)
    buying.shelves.clock.advance(timedelta(days=2))
    other = buying.placed(2)
    refund = RefundRequest.model_validate({"lines": [{"line": 1, "quantity": 1}], "reason": "torn"})
    buying.orders.refund(other, refund, delivery("refund"))
    buying.refund_all(other)
    sales = office.sales(first, first + timedelta(days=2))
    totals = [buying.order(one).total, buying.order(other).total]
    assert [(day.date, day.orders, day.revenue) for day in sales.days] == [
        (first, 1, totals[0]),
        (first + timedelta(days=2), 1, totals[1]),
    ]
    assert sales.days[1].refunded == buying.order(other).refunded > 0
    assert [(one.isbn, one.copies) for one in sales.bestsellers] == [(isbn(1), 1), (isbn(2), 1)]
    assert office.sales(first + timedelta(days=1), first + timedelta(days=1)).days == ()


@pytest.mark.parametrize("days", [-1, 367])
def test_a_report_names_the_day_that_is_wrong(office: BackOffice, days: int) -> None:
    day = date(2026, 3, 1)
    with pytest.raises(BadInput) as refused:
        office.sales(day, day + timedelta(days=days))
    assert [error.pointer for error in refused.value.errors] == ["#/to"]


@pytest.mark.parametrize("day", [date.min, date.max])
def test_a_report_may_ask_for_the_ends_of_the_calendar(
    buying: Buying, office: BackOffice, day: date
) -> None:
    buying.placed(1)
    assert office.sales(day, day).days == ()


def test_an_order_waits_for_too_long_when_its_saga_does_not_go_on(
    buying: Buying, office: BackOffice
) -> None:
    stuck = buying.start(1).order.id
    unpaid = buying.start(2).order.id
    buying.play(unpaid)
    buying.placed(3)
    assert office.waiting().items == ()
    buying.shelves.clock.advance(timedelta(minutes=11))
    assert [one.id for one in office.waiting().items] == [stuck]
    buying.shelves.clock.advance(timedelta(minutes=30))
    assert {one.id for one in office.waiting().items} == {stuck, unpaid}


def test_the_staff_sees_and_cancels_what_is_somebody_elses(buying: Buying) -> None:
    order_id = buying.placed(1)
    assert buying.orders.detail(order_id, STAFF).order.id == order_id
    assert buying.orders.cancel(order_id, STAFF).status == "cancelling"
    begun = buying.start(2).order.id
    assert buying.orders.detail(begun, STAFF).order.status == "validating"
    with pytest.raises(UnknownOrder):
        buying.orders.detail("0" * 32, STAFF)


def test_the_ledger_explains_what_lies_on_the_shelf(
    shelves: Shelves, stocktaking: Stocktaking
) -> None:
    shelves.put(a_book(1, stock=5))
    for key, delta in (("a", 7), ("b", -2)):
        change = StockChange(delta=delta, reason=f"delivery {key}")
        shelves.stock.change(isbn(1), change, "eve", delivery(key))
    history = stocktaking.history(isbn(1), None, 2)
    assert [(one.delta, one.reason, one.actor) for one in history.entries] == [
        (-2, "delivery b", "eve"),
        (7, "delivery a", "eve"),
    ]
    rest = stocktaking.history(isbn(1), history.next_cursor, 2)
    assert rest.next_cursor is None
    assert sum(one.delta for one in (*history.entries, *rest.entries)) == history.level.on_hand
    with pytest.raises(UnknownBook):
        stocktaking.history(isbn(2), None, 2)
    with pytest.raises(BadInput):
        stocktaking.history(isbn(1), cursors.encode(MADE_FOR, (1,)), 2)


def test_what_sells_and_is_nearly_gone_runs_low(buying: Buying, stocktaking: Stocktaking) -> None:
    assert stocktaking.low().items == ()
    buying.placed(1)
    change = StockChange(delta=-17, reason="counted")
    for number in (1, 2):
        buying.shelves.stock.change(isbn(number), change, "eve", delivery(f"count {number}"))
    assert [(one.isbn, one.available, one.sold) for one in stocktaking.low().items] == [
        (isbn(1), 2, 1)
    ]
