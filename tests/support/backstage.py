"""What goes on behind a journey: the shop's staff, Stripe's side of a payment, the clock."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx

from functions.checkout.service.orders import GuestLinks
from local.environment import BROKER, SANDBOX, shop_secret
from sandbox.stripe.keys import account_keys
from shared.contracts.envelope import Envelope, Payload
from shared.kit.clock import Clock, ManualClock, SharedOffsetClock
from shared.kit.isbn import Isbn, from_ten
from shared.messaging.publisher import Message
from shared.messaging.service_bus import ServiceBusPublisher, service_bus_client
from tests.conftest import Shop
from tests.support.shopper import PATIENCE_SECONDS, Json, Shopper, client, until

_numbers = itertools.count(1)


class Staff:
    """Keeps the shelves and the books of account."""

    def __init__(self, shop: Shop) -> None:
        self._person = Shopper(shop, "staff", "catalogue.write orders.refund")

    def close(self) -> None:
        self._person.close()

    def new_book(self, stock: int = 5, price: int = 1099, **said: object) -> Isbn:
        """One that no other test knows; `price` in pence."""
        isbn = from_ten(f"998{next(_numbers):06}")
        body = {
            "isbn": isbn,
            "title": "The Lighthouse Ledger",
            "contributors": [{"name": "Ada Bergström"}],
            "format": "paperback",
            "language": "en",
            "price": {"amount": price, "currency": "GBP"},
            "stock": stock,
            **said,
        }
        self._person.ask("POST", "admin/books", body, 201, Idempotency_Key=f"new-{isbn}")
        return isbn

    def give_sample(self, isbn: Isbn, text: str) -> None:
        self._person.put(f"admin/books/{isbn}/sample", text.encode(), "text/plain; charset=utf-8")

    def give_cover(self, isbn: Isbn, png: bytes) -> None:
        self._person.put(f"admin/books/{isbn}/cover", png, "image/png")

    def change_price(self, isbn: Isbn, price: int) -> None:
        body = {"price": {"amount": price, "currency": "GBP"}}
        self._person.ask("PATCH", f"admin/books/{isbn}", body, If_Match="*")

    def available(self, isbn: Isbn) -> int:
        found: int = self._person.ask("GET", f"books/{isbn}/availability")["available"]
        return found

    def until_available(self, isbn: Isbn, copies: int) -> None:
        until(lambda: self.available(isbn), lambda found: found == copies)

    def payment(self, order_id: str) -> Json:
        """With its ledger, and with all that was said to Stripe and by Stripe."""
        found: Json = self._person.ask("GET", f"admin/payments/{order_id}")
        return found

    def payment_until(self, order_id: str, enough: Callable[[Json], bool]) -> Json:
        return until(lambda: self.payment(order_id), enough)

    def order(self, order_id: str) -> Json:
        found: Json = self._person.ask("GET", f"admin/orders/{order_id}")
        return found

    def shipments(self, order_id: str) -> Sequence[Json]:
        found: Sequence[Json] = self._person.ask("GET", f"orders/{order_id}/shipments")["items"]
        return found

    def refund(self, order_id: str, key: str, **said: object) -> httpx.Response:
        body = {"reason": "came damaged", **said}
        path = f"admin/orders/{order_id}/refunds"
        return self._person.call("POST", path, body, Idempotency_Key=key)


class _StandIn:
    """A stand-in of the sandbox, whose switches lie under `/admin/{name}`."""

    name: str

    def __init__(self, shop: Shop) -> None:
        self._http = client(shop.sandbox_url)

    def close(self) -> None:
        self._http.close()

    @contextmanager
    def turned(self, page: str, **said: object) -> Iterator[None]:
        """`faults`, `webhooks` or `settings` as said, as long as the block runs."""
        self._turn(page, said)
        try:
            yield
        finally:
            self._turn(page, {"reset": True})

    def _turn(self, page: str, said: dict[str, Any]) -> None:
        answer = self._http.post(f"/admin/{self.name}/{page}", json=said)
        assert answer.is_success, answer.text


class Till(_StandIn):
    """Stripe, as its account's owner and its test switches show it."""

    name = "stripe"

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        self._key = account_keys(shop.state).secret_key

    def intent(self, checkout: Json) -> Json:
        """The PaymentIntent of a checkout that can be paid."""
        answer = self._http.get(
            f"/v1/payment_intents/{checkout['payment']['payment_intent']}",
            headers={"Authorization": f"Bearer {self._key}"},
        )
        found: Json = answer.json()
        return found

    def order_id(self, checkout: Json) -> str:
        """Of an order that its buyer is not shown yet."""
        found: str = self.intent(checkout)["metadata"]["order_id"]
        return found

    def refund(self, checkout: Json, amount: int) -> None:
        """As somebody does in Stripe's dashboard, behind the shop's back."""
        answer = self._http.post(
            "/v1/refunds",
            data={"payment_intent": checkout["payment"]["payment_intent"], "amount": amount},
            headers={"Authorization": f"Bearer {self._key}"},
        )
        assert answer.is_success, answer.text

    def answer_bank(self, address: str, *, passes: bool) -> None:
        """What the payer says on the bank's page of 3-D Secure."""
        assert self._http.get(address).is_success
        answer = self._http.post(address, data={"passes": "yes" if passes else "no"})
        assert answer.status_code == 303, answer.text

    def deliveries(self, checkout: Json, kind: str) -> Sequence[Json]:
        """Webhooks of this kind about the checkout's payment, the newest first."""
        found = self._http.get("/admin/stripe/deliveries").json()["deliveries"]
        intent = checkout["payment"]["payment_intent"]
        return [one for one in found if (one["intent"], one["type"]) == (intent, kind)]


class Post(_StandIn):
    """The carrier, as its test switches show it."""

    name = "carrier"

    def decide(self, tracking_number: str, fate: str) -> None:
        """What becomes of a parcel: it arrives, or it is lost, damaged, delayed or returned."""
        self._turn(f"parcels/{tracking_number}", {"fate": fate})

    def taken(self, tracking_number: str) -> Sequence[Json]:
        """Webhooks about the parcel that the shop took."""
        found = self._http.get("/admin/carrier/parcels").json()["parcels"]
        [tracker] = [one["id"] for one in found if one["tracking_code"] == tracking_number]
        told = self._http.get("/admin/carrier/deliveries", params={"tracker": tracker}).json()
        return [one for one in told["deliveries"] if one["state"] == "taken"]


def advance_clock(shop: Shop, by: str) -> None:
    """Moves business time by an ISO 8601 duration."""
    with client(shop.sandbox_url) as sandbox:
        answer = sandbox.post("/admin/clock", json={"advance": by})
    assert answer.is_success, answer.text


def guest_link(shop: Shop, order_id: str, age: timedelta = timedelta()) -> str:
    """The token of a link that the buyer got by mail some time ago."""
    clock = ManualClock(business_clock(shop).business_now() - age)
    return GuestLinks(shop_secret(shop.state), clock).token(order_id)


def business_clock(shop: Shop) -> Clock:
    return SharedOffsetClock(shop.state / "clock.json")


def announce(shop: Shop, topic: str, event_id: str, subject: str, payload: Payload) -> None:
    """Publishes an event as the service does that owns the topic."""
    announce_all(shop, topic, [(event_id, subject, payload)])


def announce_all(shop: Shop, topic: str, events: Sequence[tuple[str, str, Payload]]) -> None:
    """Publishes events in this order: the id of each, its subject, and what it says."""
    clock = business_clock(shop)
    messages = [
        Message(
            event_id,
            payload.kind,
            subject,
            Envelope(
                id=event_id,
                source=f"/{topic}",
                type=payload.kind,
                subject=subject,
                time=clock.business_now(),
                data=payload.model_dump(mode="json"),
            ).body(),
        )
        for event_id, subject, payload in events
    ]
    port = int(shop.sandbox_url.rpartition(":")[2]) - SANDBOX + BROKER
    connection = (
        f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=local;SharedAccessKey=local;"
        "UseDevelopmentEmulator=true;"
    )
    publisher = ServiceBusPublisher(lambda: service_bus_client(connection, None))
    try:
        publisher.publish(topic, messages, PATIENCE_SECONDS)
    finally:
        publisher.close()
