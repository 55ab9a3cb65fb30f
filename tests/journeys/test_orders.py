"""After the purchase: cancelled, dispatched, looked up by a guest, refunded; over HTTP alone."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from shared.contracts import shipping
from shared.contracts.shipping import ShipmentDispatched
from shared.kit import cursors
from tests.conftest import Shop
from tests.journeys.conftest import Arrive
from tests.support.backstage import Staff, Till, announce, guest_link
from tests.support.letterbox import Letterbox
from tests.support.shopper import at_once, until


def test_a_cancelled_order_gives_its_money_back_and_then_its_copies(
    arrive: Arrive, staff: Staff
) -> None:
    isbn, anna = staff.new_book(), arrive("anna")
    bought = anna.buy(isbn)
    order_id = bought["order_id"]
    total = bought["totals"]["total"]["amount"]
    assert anna.cancel(bought).status_code == 409, "a paid checkout is an order now"
    asked = anna.ask("POST", f"orders/{order_id}/cancel", status=202)
    assert asked["status"] in ("cancelling", "cancelled")
    order = until(lambda: anna.order(order_id), lambda found: found["status"] == "cancelled")
    assert order["refunded"]["amount"] == total
    shipped = ("shipment_created", "label_bought")
    kinds = [entry["kind"] for entry in order["timeline"] if entry["kind"] not in shipped]
    assert kinds[-4:] == ["cancel_requested", "refund_requested", "refunded", "cancelled"]
    staff.until_available(isbn, 5)
    payment = staff.payment(order_id)
    assert (payment["refunded"], payment["balance"]) == (total, 0)
    assert len(payment["refunds"]) == 1
    anna.ask("POST", f"orders/{order_id}/cancel", status=202)
    assert anna.follow(bought, "confirmed")["order_id"] == order_id


def test_an_order_cancelled_from_two_tabs_at_once_is_refunded_once(
    arrive: Arrive, staff: Staff
) -> None:
    isbn, anna, other_tab = staff.new_book(), arrive("anna"), arrive("anna")
    order_id = anna.buy(isbn)["order_id"]
    path = f"orders/{order_id}/cancel"
    replies = at_once([lambda tab=tab: tab.call("POST", path) for tab in (anna, other_tab)])
    assert [reply.status_code for reply in replies] == [202, 202]
    until(lambda: anna.order(order_id), lambda found: found["status"] == "cancelled")
    staff.until_available(isbn, 5)
    payment = staff.payment(order_id)
    assert (len(payment["refunds"]), payment["balance"]) == (1, 0)


def test_an_order_that_is_on_its_way_cannot_be_cancelled(
    shop: Shop, arrive: Arrive, staff: Staff
) -> None:
    isbn, anna = staff.new_book(), arrive("anna")
    order_id = anna.buy(isbn)["order_id"]
    dispatched = ShipmentDispatched(
        order_id=order_id,
        shipment_id="s",
        at=datetime(2026, 1, 2, tzinfo=UTC),
        carrier="Hermes",
        tracking_number="H1",
        remaining=0,
    )
    announce(shop, shipping.TOPIC, uuid4().hex, order_id, dispatched)
    until(lambda: anna.order(order_id), lambda found: found["status"] == "dispatched")
    refused = anna.ask("POST", f"orders/{order_id}/cancel", status=409)
    assert refused["type"].endswith("already-dispatched")
    order = anna.order(order_id)
    assert (order["status"], order["refunded"]["amount"]) == ("dispatched", 0)
    [told] = [entry for entry in order["timeline"] if entry["kind"] == "dispatched"]
    assert told["detail"]["tracking_number"] == "H1"
    assert staff.available(isbn) == 4


def test_a_guests_link_opens_one_order_and_cancels_it(
    shop: Shop, arrive: Arrive, staff: Staff
) -> None:
    isbn, guest = staff.new_book(), arrive()
    first, second = guest.buy(isbn), guest.buy(isbn)
    order_id, number = first["order_id"], first["order_number"]
    for email in ("anna@example.org", "somebody@example.org"):
        said = {"order_number": f" {number.lower()} ", "email": email}
        assert guest.ask("POST", "orders/lookup", said, 202) is None
    link = guest_link(shop, order_id)
    assert guest.order(order_id, link)["order_number"] == number
    for address in (
        f"orders/{order_id}",
        f"orders/{order_id}?token={link[:-1]}",
        f"orders/{order_id}?token={guest_link(shop, second['order_id'])}",
        f"orders/{second['order_id']}?token={link}",
    ):
        guest.ask("GET", address, status=404)
    guest.ask("POST", f"orders/{order_id}/cancel?token={link}", status=202)
    until(lambda: guest.order(order_id, link), lambda found: found["status"] == "cancelled")
    staff.until_available(isbn, 4)
    too_old = guest_link(shop, order_id, age=timedelta(days=30))
    guest.ask("GET", f"orders/{order_id}?token={too_old}", status=404)


def test_a_customer_pages_through_their_own_orders_newest_first(
    arrive: Arrive, staff: Staff
) -> None:
    isbn, anna = staff.new_book(), arrive("anna")
    bought = [anna.buy(isbn)["order_id"] for _ in range(3)]
    arrive("ben").buy(isbn)
    shown, query = list[str](), "?limit=2"
    while query:
        page = anna.ask("GET", f"orders{query}")
        shown += [order["id"] for order in page["items"]]
        query = page["next_cursor"] and f"?limit=2&cursor={page['next_cursor']}"
    assert shown == bought[::-1]
    for forged in ("2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "today"):
        cursor = cursors.encode(cursors.fingerprint("orders"), (forged, "0"))
        refused = anna.ask("GET", f"orders?cursor={cursor}", status=400)
        assert "cursor" in refused["errors"][0]["pointer"]


def test_one_line_is_refunded_once_for_each_of_its_copies(arrive: Arrive, staff: Staff) -> None:
    """Refund of one line, twice."""
    single, double = staff.new_book(price=1000), staff.new_book(price=700)
    anna = arrive("anna")
    anna.add(single)
    anna.add(double, 2)
    order_id = anna.buy()["order_id"]
    of_single, of_double = [{"line": 1, "quantity": 1}], [{"line": 2, "quantity": 1}]
    first = staff.refund(order_id, f"{order_id}-1", lines=of_single)
    again = staff.refund(order_id, f"{order_id}-1", lines=of_single)
    assert (first.status_code, first.json()["amount"]) == (202, 1000)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    refused = staff.refund(order_id, f"{order_id}-2", lines=of_single)
    assert (refused.status_code, refused.json()["title"]) == (409, "There is less to give back")
    assert staff.refund(order_id, f"{order_id}-1", lines=of_double).status_code == 422
    copies = [staff.refund(order_id, f"{order_id}-{key}", lines=of_double) for key in (3, 4, 5)]
    assert [reply.status_code for reply in copies] == [202, 202, 409]
    order = until(lambda: anna.order(order_id), lambda found: found["refunded"]["amount"] == 2400)
    assert order["status"] == "placed"
    assert [line["refunded_quantity"] for line in order["lines"]] == [1, 2]

    delivery = order["totals"]["shipping"]["amount"]
    assert staff.refund(order_id, f"{order_id}-6", amount=delivery + 1).status_code == 409
    assert staff.refund(order_id, f"{order_id}-7", amount=delivery).status_code == 202
    until(lambda: anna.order(order_id), lambda found: found["status"] == "refunded")
    payment = staff.payment(order_id)
    assert (payment["refunded"], payment["balance"]) == (2400 + delivery, 0)
    assert staff.available(single) == 4, "a refund alone brings no copy back"


def test_two_refunds_of_the_same_copy_at_once_pay_one(arrive: Arrive, staff: Staff) -> None:
    isbn, anna = staff.new_book(price=900), arrive("anna")
    order_id = anna.buy(isbn)["order_id"]
    replies = at_once(
        [
            lambda key=key: staff.refund(order_id, key, lines=[{"line": 1, "quantity": 1}])
            for key in (f"{order_id}-a", f"{order_id}-b")
        ]
    )
    assert sorted(reply.status_code for reply in replies) == [202, 409]
    until(lambda: anna.order(order_id), lambda found: found["refunded"]["amount"] == 900)
    assert len(staff.payment(order_id)["refunds"]) == 1


def test_refunds_are_the_staffs_alone(arrive: Arrive, staff: Staff) -> None:
    anna = arrive("anna")
    order_id = anna.buy(staff.new_book())["order_id"]
    body = {"amount": 1, "reason": "because"}
    anna.ask("POST", f"admin/orders/{order_id}/refunds", body, 403, Idempotency_Key="mine")


def test_what_the_staff_refund_at_stripe_itself_counts_and_a_cancel_gives_back_the_rest(
    arrive: Arrive, staff: Staff, till: Till
) -> None:
    isbn, anna = staff.new_book(price=900), arrive("anna")
    checkout = anna.check_out(isbn)
    anna.pay(checkout)
    order_id = anna.follow(checkout, "confirmed")["order_id"]
    till.refund(checkout, 400)
    order = until(lambda: anna.order(order_id), lambda found: found["refunded"]["amount"] == 400)
    total = order["total"]["amount"]
    assert order["status"] == "placed"
    assert staff.refund(order_id, f"{order_id}-all", amount=total).status_code == 409
    anna.ask("POST", f"orders/{order_id}/cancel", status=202)
    order = until(lambda: anna.order(order_id), lambda found: found["status"] == "cancelled")
    assert order["refunded"]["amount"] == total
    assert sorted(refund["amount"] for refund in order["refunds"]) == [400, total - 400]
    assert staff.payment(order_id)["balance"] == 0


def test_a_refund_that_the_bank_sends_back_is_owed_again_and_the_staff_told(
    shop: Shop, arrive: Arrive, staff: Staff
) -> None:
    anna = arrive("anna")
    checkout = anna.check_out(staff.new_book(price=900))
    anna.pay(checkout, "pm_card_refundFail")
    order_id = anna.follow(checkout, "confirmed")["order_id"]
    assert staff.refund(order_id, f"{order_id}-1", amount=900).status_code == 202
    order = until(
        lambda: anna.order(order_id),
        lambda found: "refund_failed" in [entry["kind"] for entry in found["timeline"]],
    )
    assert (order["refunded"]["amount"], order["refunds"][0]["state"]) == (0, "failed")
    assert order["timeline"][-1]["detail"]["refund"] == order["refunds"][0]["id"]
    with closing(Letterbox(shop, "staff@bookstore.example")) as box:
        [mail] = box.until_about(f"A refund failed: order {order['order_number']}")
    assert "£9.00" in mail["text"]
    assert f"/api/v1/admin/payments/{order_id}" in mail["text"]
    assert staff.refund(order_id, f"{order_id}-2", amount=900).status_code == 202
