"""What the shop keeps of one customer: handed out whole, and forgotten when nothing needs it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from functions.checkout import saga
from functions.checkout.service.customers import Customers
from functions.checkout.service.orders import Viewer
from functions.checkout.service.sweeping import Sweeping
from functions.shipping.model import CustomerId, SaidAddress
from functions.shipping.service.addresses import AddressBook
from shared.contracts.carts import CartLine, CartSnapshot
from shared.contracts.notifications import Correspondence, SentMail
from shared.contracts.payments import PaymentCancelled
from shared.contracts.shipping import ShipmentDispatched
from tests.support.buying import PRICE, Buying, Play, open_buying
from tests.support.inventory import START, Shelves, a_book, isbn
from tests.support.shipping import shipping_bench

WHO = ("Anna", "Baker Street", "NW1 6XE", "anna")
"""What gives the buyer away, in any column."""


class OneCart:
    """`shared.contracts.carts.Carts` with a cart of Anna's alone."""

    def __init__(self) -> None:
        line = CartLine(isbn=isbn(3), quantity=2, price_when_added=PRICE)
        self.carts = {"anna": CartSnapshot(cart_id="c", lines=(line,))}

    async def snapshot(self, cookie: str | None, customer_id: str | None) -> CartSnapshot | None:
        assert cookie is None, "the browser's cart belongs to nobody yet"
        return self.carts.get(customer_id or "")

    async def erase(self, customer_id: str) -> None:
        self.carts.pop(customer_id, None)


class OneMail:
    """`shared.contracts.notifications.Correspondences`: everybody got one."""

    def correspondence(self, customer_id: str) -> Correspondence:
        mail = SentMail(
            kind="order_placed", about=customer_id, state="sent", planned_at=START, sent_at=START
        )
        return Correspondence(switched_off=("delayed",), mails=(mail,))


@dataclass
class Desk:
    buying: Buying
    addresses: AddressBook
    carts: OneCart
    customers: Customers

    def place(self, *numbers: int, customer: str = "anna", **said: Any) -> str:
        order_id = self.buying.start(*numbers, customer=customer, **said).order.id
        play = self.buying.play(order_id)
        self.buying.pay(order_id)
        play.ring()
        return order_id

    def dispatch(self, order_id: str) -> None:
        event = ShipmentDispatched(
            order_id=order_id,
            shipment_id="s",
            at=self.buying.shelves.clock.business_now(),
            carrier="c",
            tracking_number="t",
            remaining=0,
        )
        self.buying.tell(order_id, self.buying.news.dispatched, event)

    def traces(self) -> list[str]:
        """The orders, by id, whose rows still tell who bought."""
        with self.buying.database.primary() as connection:
            rows = connection.execute(text("SELECT * FROM orders")).mappings().all()
        return [
            row["id"] for row in rows if any(one in str(value) for value in row.values()
                                             for one in WHO)
        ]  # fmt: skip


@pytest.fixture
def desk(shelves: Shelves, tmp_path: Path) -> Iterator[Desk]:
    shelves.put(a_book(1), a_book(2), a_book(3))
    with open_buying(tmp_path, shelves) as buying, shipping_bench(tmp_path) as shipping:
        carts = OneCart()
        yield Desk(
            buying,
            shipping.addresses,
            carts,
            Customers(buying.transactions, shipping.addresses, carts, OneMail()),
        )


def said_address(name: str) -> SaidAddress:
    return SaidAddress.model_validate(
        {"name": name, "line1": "1 Baker Street", "city": "London", "postcode": "NW1 6XE",
         "country": "GB"}
    )  # fmt: skip


async def test_an_export_has_all_of_a_customer_and_nothing_of_others(desk: Desk) -> None:
    own = desk.place(1)
    desk.buying.shelves.clock.advance_business(timedelta(seconds=1))
    given_up = desk.buying.start(404, customer="anna").order.id
    desk.buying.play(given_up)
    desk.place(2, customer="ben")
    for customer in ("anna", "ben"):
        desk.addresses.add(CustomerId(customer), said_address(f"{customer}'s own"))
    export = await desk.customers.exported("anna")
    assert [(order.id, order.status) for order in export.orders] == [
        (own, "placed"),
        (given_up, "rejected"),
    ]
    assert export.orders[0].email == "anna@example.org"
    assert [one.kind for one in export.orders[0].timeline][-1] == "placed"
    assert [address.name for address in export.addresses] == ["anna's own"]
    assert [(line.isbn, line.quantity) for line in export.cart] == [(isbn(3), 2)]
    assert [mail.about for mail in export.mails.mails] == ["anna"]
    assert export.mails.switched_off == ("delayed",)
    stranger = await desk.customers.exported("nobody")
    assert (stranger.orders, stranger.addresses, stranger.cart) == ([], [], [])
    assert json.loads(export.model_dump_json())["customer_id"] == "anna"


async def test_erasing_forgets_settled_orders_at_once_and_keeps_their_sums(desk: Desk) -> None:
    sent, other = desk.place(1), desk.place(2, customer="ben", email="ben@example.org")
    desk.dispatch(sent)
    desk.addresses.add(CustomerId("anna"), said_address("Anna"))
    before = desk.buying.order(sent)
    assert await desk.customers.erase("anna") == []
    order = desk.buying.order(sent)
    assert (order.customer_id, order.cart_id, order.email, order.delivery) == (None,) * 4
    assert (order.total, order.captured, order.country) == (before.total, before.total, "GB")
    assert order.lines == before.lines
    assert order.version > before.version
    assert sent not in desk.traces()
    assert desk.buying.orders.contact(sent) is None
    assert (desk.addresses.addresses("anna"), desk.carts.carts) == ([], {})
    assert desk.buying.order(other).customer_id == "ben"
    assert await desk.customers.erase("anna") == [], "again changes nothing"
    assert desk.buying.order(sent).version == order.version
    desk.buying.relay.send_due()
    assert desk.buying.mailbox.kinds("orders").count("customer.erased") == 2


async def test_what_is_paid_is_still_sent_and_forgotten_then(desk: Desk) -> None:
    order_id = desk.place(1, cart="c")
    assert await desk.customers.erase("anna") == []
    order = desk.buying.order(order_id)
    assert (order.status, order.customer_id, order.cart_id) == ("placed", None, None)
    going_to = desk.buying.orders.delivery(order_id)
    assert going_to is not None
    assert going_to.line1 == "1 Baker Street"
    assert desk.buying.orders.listed("anna", None, 10) == []
    desk.dispatch(order_id)
    assert desk.traces() == []
    assert desk.buying.orders.delivery(order_id) is None


async def test_what_is_only_downloaded_needs_no_address_any_more(desk: Desk) -> None:
    desk.buying.shelves.put(a_book(4, format="ebook"))
    desk.place(4)
    await desk.customers.erase("anna")
    assert desk.traces() == []


async def test_what_never_left_is_forgotten_after_ninety_days(desk: Desk) -> None:
    lost, sweeping = desk.place(1), Sweeping(desk.buying.transactions)
    desk.place(2, customer="ben", email="ben@example.org")
    await desk.customers.erase("anna")
    assert sweeping.forget_buyers(timedelta(days=90)) == 0
    assert lost in desk.traces()
    desk.buying.shelves.clock.advance_business(timedelta(days=91))
    assert sweeping.forget_buyers(timedelta(days=90)) == 1
    assert lost not in desk.traces()
    assert sweeping.forget_buyers(timedelta(days=90)) == 0


async def test_an_unpaid_checkout_is_given_up_and_forgotten_when_it_has_ended(desk: Desk) -> None:
    order_id = desk.buying.start(2, cart="c", customer="anna").order.id
    play = desk.buying.play(order_id)
    assert await desk.customers.erase("anna") == [order_id]
    play.ring()
    assert desk.buying.order(order_id).status == "closing"
    event = PaymentCancelled(order_id=order_id, payment_id="p")
    desk.buying.tell(order_id, desk.buying.news.cancelled, event)
    play.ring()
    assert desk.buying.order(order_id).status == "cancelled"
    assert desk.traces() == []
    desk.buying.shelves.check()


async def test_money_that_came_first_wins_over_the_erasure(desk: Desk) -> None:
    order_id = desk.buying.start(2, customer="anna").order.id
    play = desk.buying.play(order_id)
    desk.buying.pay(order_id)
    assert await desk.customers.erase("anna") == [order_id]
    play.ring()
    assert desk.buying.order(order_id).status == "placed"
    assert desk.traces() == [order_id]
    desk.dispatch(order_id)
    assert desk.traces() == []


async def test_a_cancel_under_way_gives_the_money_back_and_forgets(desk: Desk) -> None:
    order_id = desk.place(1)
    desk.buying.orders.cancel(order_id, Viewer(customer_id="anna"))
    play = Play(desk.buying, order_id, saga.cancel_v1)
    assert await desk.customers.erase("anna") == []
    desk.buying.refund_all(order_id)
    play.ring()
    order = desk.buying.order(order_id)
    assert (order.status, order.refunded) == ("cancelled", order.total)
    assert desk.traces() == []


async def test_whoever_comes_back_is_a_new_customer(desk: Desk) -> None:
    old = desk.buying.start(1, cart="c", customer="anna").order.id
    desk.buying.play(old)
    await desk.customers.erase("anna")
    started = desk.buying.start(1, cart="c", customer="anna")
    assert started.is_new
    assert started.to_wake is None
    assert [one.id for one in (await desk.customers.exported("anna")).orders] == [started.order.id]
