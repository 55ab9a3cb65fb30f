"""What buyers and staff hear of, once each; over HTTP, Service Bus and the sandbox's mailbox."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from shared.contracts import inventory, shipping
from shared.contracts.envelope import Payload
from tests.conftest import Shop
from tests.journeys.conftest import Arrive
from tests.support.backstage import Staff, Till, advance_clock, announce_all
from tests.support.letterbox import Letterbox, bus, link_in, new_address, noted
from tests.support.shopper import client, until

Open = Callable[..., Letterbox]
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(later_shop: Shop) -> Shop:
    """Days pass here by moving the clock."""
    return later_shop


@pytest.fixture
def letterbox(shop: Shop) -> Iterator[Open]:
    """Of a new address, or of `address`; at the end no log has named it."""
    with ExitStack() as leaving:

        def opened(address: str | None = None) -> Letterbox:
            made = leaving.enter_context(closing(Letterbox(shop, address or new_address())))
            if address is None:
                leaving.callback(lambda: _never_logged(shop, made.address))
            return made

        yield opened


def _never_logged(shop: Shop, address: str) -> None:
    assert address not in shop.log.read_text("utf-8", "replace")


def parcel_news(order_id: str, shipment_id: str) -> list[Payload]:
    """From the shelf to the door, in order."""
    about = {
        "order_id": order_id,
        "shipment_id": shipment_id,
        "at": NOON,
        "carrier": "SandboxPost",
        "tracking_number": "SP1",
    }
    return [
        shipping.ShipmentDispatched(**about, remaining=0, expected=date(2026, 12, 3)),  # type: ignore[arg-type]
        shipping.ShipmentDelayed(**about, expected=date(2026, 12, 5)),  # type: ignore[arg-type]
        shipping.ShipmentOutForDelivery(**about),  # type: ignore[arg-type]
        shipping.ShipmentDelivered(
            order_id=order_id, shipment_id=shipment_id, at=NOON, remaining=0
        ),
    ]


def test_a_guests_order_is_confirmed_once_by_a_mail_whose_link_opens_and_cancels_it(
    arrive: Arrive, staff: Staff, letterbox: Open
) -> None:
    guest, box = arrive(), letterbox()
    order = guest.buy(staff.new_book(), email=box.address)
    [mail] = box.until_about("is placed")
    assert order["order_number"] in mail["subject"]
    assert mail["to_name"] == "Anna Ray"
    assert "The Lighthouse Ledger" in mail["text"]
    assert "£10.99" in mail["html"]
    with client("") as browser:
        page, _, query = link_in(mail).partition("?")
        opened = browser.get(f"{page}?{query}")
        assert opened.json()["order_number"] == order["order_number"]
        assert browser.post(f"{page}/cancel?{query}", json={}).status_code == 202
    box.until_about("is cancelled")
    box.until_about("Your refund of")
    assert len(box.mails()) == 3
    assert {mail["times"] for mail in box.mails()} == {1}


def test_a_guest_who_lost_the_link_gets_it_by_mail(
    arrive: Arrive, staff: Staff, letterbox: Open
) -> None:
    guest, box, other = arrive(), letterbox(), letterbox()
    order = guest.buy(staff.new_book(), email=box.address)
    for address in (other.address, box.address.upper()):
        said = {"order_number": order["order_number"].lower(), "email": address}
        guest.ask("POST", "orders/lookup", said, status=202)
    [mail] = box.until_about("The link to your order")
    with client("") as browser:
        assert browser.get(link_in(mail)).json()["id"] == order["order_id"]
    assert other.mails() == []


def test_events_that_come_twice_and_in_any_order_are_told_once(
    shop: Shop, arrive: Arrive, staff: Staff, letterbox: Open
) -> None:
    guest, box = arrive(), letterbox()
    order_id = guest.buy(staff.new_book(), email=box.address)["order_id"]
    news = parcel_news(order_id, uuid4().hex)
    dispatched, delayed, out, delivered = [(uuid4().hex, order_id, one) for one in news]
    announce_all(shop, "shipping", [out, dispatched, out, dispatched, delayed])
    box.until_about("is out for delivery")
    box.until_about("is delayed")
    box.until_about("has been dispatched")
    # In a broker's duplicate window the same message is dropped; another one is not.
    announce_all(shop, "shipping", [delivered, delivered])
    box.until_about("has been delivered")
    late = (uuid4().hex, order_id, news[2])
    announce_all(shop, "shipping", [dispatched, late])
    until(lambda: noted(shop, order_id), lambda found: "out_for_delivery" in found)
    box.until_about("is placed")
    told = Counter(mail["subject"] for mail in box.mails())
    assert set(told.values()) == {1}
    assert len(told) == 5


def test_what_a_customer_switched_off_is_not_sent(
    shop: Shop, arrive: Arrive, staff: Staff, letterbox: Open
) -> None:
    eve, box = arrive("eve"), letterbox()
    eve.ask("PUT", "me/notifications", {"dispatched": False, "out_for_delivery": False})
    assert eve.ask("GET", "me/notifications")["delivered"] is True
    order_id = eve.buy(staff.new_book(), email=box.address)["order_id"]
    [placed] = box.until_about("is placed")
    assert "token=" not in placed["text"], "a customer signs in"
    news = [(uuid4().hex, order_id, one) for one in parcel_news(order_id, uuid4().hex)]
    announce_all(shop, "shipping", news)
    box.until_about("has been delivered")
    states = until(
        lambda: noted(shop, order_id),
        lambda found: len(found) == 5 and all(state != "waiting" for state, _ in found.values()),
    )
    assert states["dispatched"][0] == "unwanted"
    assert box.about("has been dispatched") == box.about("is out for delivery") == []


def test_a_mails_own_link_stops_the_news(
    shop: Shop, arrive: Arrive, staff: Staff, letterbox: Open
) -> None:
    guest, box = arrive(), letterbox()
    order_id = guest.buy(staff.new_book(), email=box.address)["order_id"]
    dispatched, _, _, delivered = (
        (uuid4().hex, order_id, one) for one in parcel_news(order_id, uuid4().hex)
    )
    announce_all(shop, "shipping", [dispatched])
    [mail] = box.until_about("has been dispatched")
    stop = mail["headers"]["List-Unsubscribe"].strip("<>")
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    with client("") as program:
        assert "Stop these mails" in program.get(stop).text
        stopped = program.post(stop, data={"List-Unsubscribe": "One-Click"})
    assert stopped.status_code == 200, stopped.text
    announce_all(shop, "shipping", [delivered])
    until(
        lambda: noted(shop, order_id),
        lambda found: found.get("delivered", ("", None))[0] == "unwanted",
    )
    assert box.about("has been delivered") == []


def test_a_declined_card_is_noted_and_told_only_to_who_does_not_pay_soon(
    shop: Shop, arrive: Arrive, staff: Staff, till: Till, letterbox: Open
) -> None:
    guest, box = arrive(), letterbox()
    checkout = guest.check_out(staff.new_book(), email=box.address)
    assert guest.pay(checkout, "pm_card_visa_chargeDeclined").status_code == 402
    order_id = till.order_id(checkout)
    until(lambda: noted(shop, order_id), lambda found: "payment_failed" in found)
    assert guest.pay(checkout).json()["status"] == "succeeded"
    box.until_about("is placed")
    assert noted(shop, order_id)["payment_failed"][0] in ("waiting", "dropped")
    assert box.about("payment") == []


def test_low_stock_is_told_to_the_staff(shop: Shop, letterbox: Open) -> None:
    box = letterbox(address="staff@bookstore.example")
    isbn = "9780141439846"
    event = (uuid4().hex, isbn, inventory.StockLow(isbn=isbn, available=2, threshold=3))  # type: ignore[arg-type]
    announce_all(shop, "inventory", [event, event])
    [mail] = box.until_about("Low stock: Dracula")
    assert "2 copies of Dracula are left" in mail["text"]


def test_a_mail_whose_answer_got_lost_is_one_mail_and_a_hopeless_one_a_dead_letter(
    shop: Shop, arrive: Arrive, staff: Staff, letterbox: Open
) -> None:
    guest, lucky, unlucky = arrive(), letterbox(), letterbox()
    with unlucky.troubled("refuse", calls=1000), lucky.troubled("lost_answer"):
        first = guest.buy(staff.new_book(), email=lucky.address)["order_id"]
        second = guest.buy(staff.new_book(), email=unlucky.address)["order_id"]
        until(lambda: bus(shop, "deadletters"), lambda said: "mails" in said)
        assert noted(shop, second) == {"order_placed": ("failed", None)}
        until(lambda: noted(shop, first), lambda found: found == {"order_placed": ("sent", None)})
    [mail] = lucky.until_about("is placed")
    assert mail["times"] == 2
    assert unlucky.mails() == []
    bus(shop, "replay", "mails", "--all")
    unlucky.until_about("is placed")


def test_an_erased_customer_is_no_longer_in_what_was_sent(
    shop: Shop, arrive: Arrive, staff: Staff, letterbox: Open
) -> None:
    fay, box = arrive("fay"), letterbox()
    order_id = fay.buy(staff.new_book(), email=box.address)["order_id"]
    box.until_about("is placed")
    [(_, customer_id)] = noted(shop, order_id).values()
    assert customer_id.startswith("fay")
    [kept] = fay.ask("GET", "me/export")["mails"]["mails"]
    assert (kept["kind"], kept["about"], kept["state"]) == ("order_placed", order_id, "sent")
    fay.ask("DELETE", "me", status=204)
    until(
        lambda: noted(shop, order_id),
        lambda found: found == {"order_placed": ("sent", None)},
    )


def test_a_parcel_is_told_of_from_the_shelf_to_the_door(
    shop: Shop, arrive: Arrive, staff: Staff, letterbox: Open
) -> None:
    """With the sandbox's carrier, over days that pass in seconds."""
    guest, box = arrive(), letterbox()
    order = guest.buy(staff.new_book(), email=box.address)
    _, _, token = link_in(box.until_about("is placed")[0]).partition("token=")
    until(
        lambda: guest.ask("GET", f"orders/{order['order_id']}/shipments?token={token}")["items"],
        lambda found: bool(found) and all(one["tracking_number"] for one in found),
    )
    advance_clock(shop, "PT5H")
    [dispatched] = box.until_about("has been dispatched")
    words = "Your order has been dispatched and handed to the delivery company."
    assert words in dispatched["text"]
    assert "Follow it at: http" in dispatched["text"]
    advance_clock(shop, "P6D")
    box.until_about("has been delivered")
    until(
        lambda: noted(shop, order["order_id"]),
        lambda found: all(state != "waiting" for state, _ in found.values()),
    )
    told = Counter(mail["subject"] for mail in box.mails())
    assert set(told.values()) == {1}
    assert all(order["order_number"] in subject for subject in told)
