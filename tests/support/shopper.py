"""Shoppers as browsers are: with cookies, the shop's own origin, and perhaps a sign-in."""

import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

import httpx

from shared.kit.isbn import Isbn
from tests.conftest import Shop

T = TypeVar("T")
Json = dict[str, Any]

PATIENCE_SECONDS = 60
"""After which something that must happen is taken to be lost."""
ADDRESS = {
    "name": "Anna Ray",
    "line1": "1 Baker Street",
    "city": "London",
    "postcode": "NW1 6XE",
    "country": "GB",
}
_ENDS = ("confirmed", "rejected", "cancelled", "expired")
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here speaks TLS, and loading the authorities for each browser takes its time."""
CHECKOUT = {
    "email": "anna@example.org",
    "shipping_address": ADDRESS,
    "shipping_method": "standard",
}


class Shopper:
    """A guest with a browser of their own unless there is a `subject`. `roles` stand in a token's
    scope."""

    patience: ClassVar[float] = PATIENCE_SECONDS
    """With a checkout that has to come to a status."""

    def __init__(self, shop: Shop, subject: str | None = None, roles: str = "") -> None:
        self._shop = client(f"{shop.base_url}/api/v1/")
        self._shop.headers["Origin"] = shop.base_url
        self._others = client(shop.sandbox_url)
        if subject is not None:
            said = {"grant_type": "password", "username": subject, "password": "any"}
            answer = self._others.post("/oidc/token", data={**said, "scope": roles})
            self._shop.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        self._shop.close()
        self._others.close()

    def sign_in_like(self, other: "Shopper") -> None:
        self._shop.headers["Authorization"] = other._shop.headers["Authorization"]

    def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """`headers` are written with underscores: If_Match."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._shop.request(method, path, json=body, headers=sent)

    def ask(
        self, method: str, path: str, body: object = None, status: int = 200, **headers: str
    ) -> Any:
        """What a call answers, which must be of this status."""
        reply = self.call(method, path, body, **headers)
        assert reply.status_code == status, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply.json() if reply.content else None

    def put(self, path: str, content: bytes, media_type: str) -> None:
        """A file, over whatever version is there."""
        headers = {"Content-Type": media_type, "If-Match": "*"}
        answer = self._shop.put(path, content=content, headers=headers)
        assert answer.is_success, answer.text

    def add(self, isbn: Isbn, quantity: int = 1) -> None:
        self.ask("POST", "cart/items", {"isbn": isbn, "quantity": quantity})

    def cart(self) -> dict[str, int]:
        """Copies by ISBN."""
        return {item["isbn"]: item["quantity"] for item in self.ask("GET", "cart")["items"]}

    def start(self, *items: Isbn, key: str | None = None, **said: Any) -> httpx.Response:
        """Checks the cart out, or a copy of each of `items` at today's price."""
        body = {**CHECKOUT, **said}
        if items:
            body["items"] = [{"isbn": isbn, "quantity": 1} for isbn in items]
        return self.call("POST", "checkouts", body, Idempotency_Key=key or uuid4().hex)

    def check_out(self, *items: Isbn, **said: Any) -> Json:
        """A checkout that can be paid."""
        started = self.start(*items, **said)
        assert started.status_code == 202, started.text
        return self.follow(started.json(), "awaiting_payment")

    def follow(self, checkout: Json, *statuses: str) -> Json:
        """The checkout as soon as it has one of these."""
        found = self.look(checkout)

        def look() -> Json:
            nonlocal found
            if found["status"] not in {*statuses, *_ENDS}:
                seen = f"wait=5&seen={found['version']}"
                found = self.ask("GET", f"checkouts/{checkout['id']}?{seen}")
            return found

        return until(
            look,
            lambda found: found["status"] in {*statuses, *_ENDS},
            lambda found: found["status"] in statuses,
            self.patience,
        )

    def look(self, checkout: Json) -> Json:
        found: Json = self.ask("GET", f"checkouts/{checkout['id']}")
        return found

    def cancel(self, checkout: Json) -> httpx.Response:
        return self.call("POST", f"checkouts/{checkout['id']}/cancel")

    def pay(self, checkout: Json, card: str = "pm_card_visa") -> httpx.Response:
        """As Stripe.js does it in the browser; the shop hears of it from Stripe."""
        payment = checkout["payment"]
        return self._others.post(
            f"{payment['api_base']}/v1/payment_intents/{payment['payment_intent']}/confirm",
            data={
                "key": payment["publishable_key"],
                "client_secret": payment["client_secret"],
                "payment_method": card,
            },
        )

    def buy(self, *items: Isbn, **said: Any) -> Json:
        """A checkout that is confirmed, paid by a card that works."""
        checkout = self.check_out(*items, **said)
        paid = self.pay(checkout)
        assert paid.json()["status"] == "succeeded", paid.text
        return self.follow(checkout, "confirmed")

    def order(self, order_id: str, token: str | None = None) -> Json:
        """`token` is of a guest's link."""
        query = "" if token is None else f"?token={token}"
        found: Json = self.ask("GET", f"orders/{order_id}{query}")
        return found


def client(base_url: str) -> httpx.Client:
    return httpx.Client(
        base_url=base_url, timeout=PATIENCE_SECONDS, trust_env=False, verify=_NO_AUTHORITIES
    )


def until(
    look: Callable[[], T],
    enough: Callable[[T], bool],
    right: Callable[[T], bool] = lambda _: True,
    patience: float = PATIENCE_SECONDS,
) -> T:
    """What `look` gives as soon as it is enough; fails where it is not `right` then."""
    last_call = time.monotonic() + patience
    while not enough(found := look()):
        assert time.monotonic() < last_call, found
        time.sleep(0.02)
    assert right(found), found
    return found


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What each of the calls gives, all of them made at the same moment."""
    together = threading.Barrier(len(calls))

    def make(call: Callable[[], T]) -> T:
        together.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make, calls))
