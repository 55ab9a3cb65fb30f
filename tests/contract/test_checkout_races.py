"""What comes at the moment in which a checkout is decided."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, insert, select

from functions.checkout.model import MOST_OPEN, RefundRequest, TooManyCheckouts, UnknownOrder
from functions.checkout.service.sweeping import Sweeping
from functions.checkout.store.tables import order_lines, orders, shoppers
from shared.kit.idempotency import Delivery
from tests.support.buying import Buying, open_buying
from tests.support.inventory import Shelves, a_book
from tests.support.tsql import azure_sql, every_statement_is_tsql


@pytest.fixture
def buying(shelves: Shelves, tmp_path: Path) -> Iterator[Buying]:
    shelves.put(a_book(1), a_book(2, stock=1))
    with open_buying(tmp_path, shelves) as opened:
        yield opened
    shelves.check()


def cancel(buying: Buying, order_id: str) -> None:
    buying.orders.cancel_checkout(buying.ids.hashed(buying.ids.of(order_id)))


def test_an_order_that_was_paid_before_its_cancel_was_decided_has_no_reason_to_have_ended(
    buying: Buying,
) -> None:
    order_id = buying.start(1).order.id
    play = buying.play(order_id)
    buying.pay(order_id)
    cancel(buying, order_id)
    play.ring()
    order = buying.order(order_id)
    assert (order.status, order.end_reason) == ("placed", None)


def test_a_cart_whose_checkout_is_paid_starts_no_other_and_leaves_the_paid_one_alone(
    buying: Buying,
) -> None:
    paid = buying.start(1, cart="c").order.id
    buying.play(paid)
    buying.pay(paid)
    assert buying.steps.settle(paid) == "confirming"
    other = buying.start(1, cart="c", shipping_method="express")
    assert (other.is_new, other.order.id) == (False, paid)
    assert buying.steps.finish(paid) == "placed"
    order = buying.order(paid)
    assert (order.end_reason, order.cancel_requested) == (None, False)
    with buying.transactions.read() as transaction:
        assert "replaced" not in [one.kind for one in transaction.orders.timeline(paid)]


def test_a_cart_whose_checkout_is_closing_gets_a_new_one_that_takes_over_its_copies(
    buying: Buying,
) -> None:
    late = buying.start(2, cart="c").order.id
    closing = buying.play(late)
    closing.pass_time()
    assert buying.order(late).status == "closing"
    again = buying.start(2, cart="c")
    assert again.is_new
    waiting = buying.play(again.order.id)
    assert buying.order(again.order.id).status == "reserving"
    buying.payment_cancelled(late)
    closing.ring()
    assert (buying.order(late).status, buying.order(late).end_reason) == ("expired", "time_limit")
    waiting.pass_time()
    assert buying.order(again.order.id).status == "awaiting_payment"


def test_who_decides_by_an_order_keeps_its_other_writers_waiting_on_sql_server(
    buying: Buying,
) -> None:
    """Else a dispatch that was read before a cancel could move nothing, and be lost for good."""
    with every_statement_is_tsql() as said:
        order_id = buying.start(1).order.id
        with buying.transactions.read() as transaction:
            claimed, found = transaction.orders.claim(order_id), transaction.orders.find(order_id)
    assert claimed == found
    looks = [sql for sql in said if "FROM orders" in sql and "WHERE orders.id = " in sql]
    assert sum("FROM orders WITH (UPDLOCK)" in sql for sql in looks) == 1


@pytest.mark.parametrize("decide", ["news", "settle", "request_payment", "cancel_checkout", "cart"])
def test_decisions_claim_the_order_that_they_read(buying: Buying, decide: str) -> None:
    started = buying.start(1, cart="c").order.id
    play = buying.play(started)
    acts = {
        "news": lambda: buying.pay(started),
        "settle": lambda: buying.steps.settle(started),
        "request_payment": lambda: buying.steps.request_payment(started),
        "cancel_checkout": lambda: cancel(buying, started),
        "cart": lambda: buying.start(1, cart="c"),
    }
    with every_statement_is_tsql() as said:
        acts[decide]()
    assert any("FROM orders WITH (UPDLOCK)" in sql for sql in said)
    cancel(buying, started)
    play.ring()
    if decide != "news":
        buying.payment_cancelled(started)
    play.ring()


def test_starts_of_one_shopper_follow_each_other_before_they_are_counted_on_sql_server(
    buying: Buying,
) -> None:
    """Else two that count at once see neither what the other adds, and pass the limit together."""
    said: list[str] = []

    def note(_connection: Any, statement: Any, *_: Any) -> None:
        said.append(str(statement.compile(dialect=azure_sql())))

    with every_statement_is_tsql():
        event.listen(Engine, "before_execute", note)
        try:
            for _ in range(2):
                said.append("start")
                buying.start(1, customer="anna", cart=uuid4().hex)
        finally:
            event.remove(Engine, "before_execute", note)
    second = said[said.index("start", 1) + 1 :]
    claims = [place for place, sql in enumerate(second) if sql.startswith("UPDATE shoppers SET")]
    counts = [place for place, sql in enumerate(second) if sql.startswith("SELECT count(")]
    assert len(claims) == 2, "the customer and the cart"
    assert len(counts) == 4
    assert max(claims) < min(counts)


def test_as_many_starts_at_once_as_one_likes_open_three_checkouts(buying: Buying) -> None:
    def start(number: int) -> bool:
        try:
            return buying.start(1, customer="anna").is_new
        except TooManyCheckouts:
            return False

    with ThreadPoolExecutor(16) as crowd:
        assert sum(crowd.map(start, range(16))) == MOST_OPEN


def test_who_starts_nothing_any_more_or_is_erased_is_forgotten(buying: Buying) -> None:
    def known() -> int:
        with buying.database.primary() as connection:
            return len(connection.execute(shoppers.select()).all())

    buying.start(1, customer="eve", cart="c")
    assert known() == 2
    buying.transactions.run(lambda transaction: transaction.shoppers.erase("eve"))
    assert known() == 1, "the cart's"
    buying.transactions.run(lambda t: t.shoppers.forget(t.now + timedelta(seconds=1)))
    buying.start(1, customer="anna")
    week = timedelta(days=7)
    sweeping = Sweeping(buying.transactions)
    sweeping.forget_keys(week)
    assert known() == 1
    buying.shelves.clock.advance(week + timedelta(seconds=1))
    sweeping.forget_keys(week)
    assert known() == 0
    assert buying.start(1, customer="anna").is_new


def test_a_customer_may_have_more_orders_than_sql_server_takes_parameters(buying: Buying) -> None:
    first = buying.start(1, customer="anna").order.id
    with buying.database.write() as connection:
        order = connection.execute(select(orders)).mappings().one()
        line = connection.execute(select(order_lines)).mappings().one()
        ids = [f"{number:032x}" for number in range(2100)]
        connection.execute(
            insert(orders),
            [{**order, "id": one, "number": one[-12:], "checkout_hash": one} for one in ids],
        )
        connection.execute(insert(order_lines), [{**line, "order_id": one} for one in ids])
    parameters: list[int] = []

    def count(*said: Any) -> None:
        parameters.append(len(said[3]))

    event.listen(Engine, "before_cursor_execute", count)
    try:
        with buying.transactions.read() as transaction:
            found = transaction.orders.everything_of("anna")
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert {one.id for one in found} == {first, *ids}
    assert all(len(one.lines) == 1 for one in found)
    assert max(parameters) < 2100


def test_a_checkout_that_is_paid_and_not_yet_an_order_cannot_be_refunded(buying: Buying) -> None:
    order_id = buying.start(1).order.id
    play = buying.play(order_id)
    buying.pay(order_id)
    request = RefundRequest(amount=1, reason="too soon")
    delivery = Delivery.of("staff", "refund", "key", request)
    with pytest.raises(UnknownOrder):
        buying.orders.refund(order_id, request, delivery)
    play.ring()
    assert buying.orders.refund(order_id, request, delivery).amount == 1
    assert buying.order(order_id).status == "placed"
