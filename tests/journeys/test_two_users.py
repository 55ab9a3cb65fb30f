"""Anna and Ben are customers of one shop, and neither gets at what is the other's, or the shop's.

Along OWASP's API Security Top 10 (2023): what belongs to whom (API1), who it is (API2), which
members may be read and sent (API3), which functions may be called (API5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from bench.browser import Browser, Reply, confirm
from functions.checkout.service.orders import GuestLinks
from shared.kit.clock import MachineClock
from shared.kit.isbn import from_ten
from tests.conftest import Shop
from tests.support.shopping import put_book

BOOK = from_ten("999320000")
ADDRESS = {
    "name": "A Customer",
    "line1": "1 Long Lane",
    "city": "Leeds",
    "postcode": "LS1 1AA",
    "country": "GB",
}
REQUEST = {
    "email": "customer@example.org",
    "shipping_address": ADDRESS,
    "shipping_method": "standard",
    "items": [{"isbn": BOOK, "quantity": 1}],
}
_GOES_ON = ("validating", "reserving", "awaiting_payment", "confirming")
_keys = count(1)


@dataclass(frozen=True)
class User:
    browser: Browser

    def get(self, path: str, **headers: str) -> Reply:
        return self.browser.ask("GET", f"v1/{path}", **headers)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        return self.browser.ask(method, f"v1/{path}", body, **headers)

    def check_out(
        self, request: Mapping[str, Any] = REQUEST, key: str = "", **headers: str
    ) -> Reply:
        key = key or f"two-users-{next(_keys)}"
        return self.send("POST", "checkouts", dict(request), Idempotency_Key=key, **headers)

    def buy(self) -> str:
        """The id of a paid order."""
        checkout = self.until(self.check_out().json["id"], "awaiting_payment")
        assert confirm(checkout["payment"], "pm_card_visa")["status"] == "succeeded"
        order_id: str = self.until(checkout["id"], "confirmed")["order_id"]
        return order_id

    def until(self, checkout_id: str, status: str) -> dict[str, Any]:
        while True:
            checkout: dict[str, Any] = self.get(f"checkouts/{checkout_id}?wait=20").json
            if checkout["status"] == status:
                return checkout
            assert checkout["status"] in _GOES_ON, checkout

    def in_cart(self) -> list[str]:
        return [item["isbn"] for item in self.get("cart").json["items"]]


@pytest.fixture(scope="module", autouse=True)
def book(shop: Shop) -> None:
    put_book(shop, BOOK, copies=100)


@pytest.fixture(scope="module")
def anna(shop: Shop) -> User:
    return User(Browser([shop.base_url], shop.token(subject="two-anna")))


@pytest.fixture(scope="module")
def ben(shop: Shop) -> User:
    return User(Browser([shop.base_url], shop.token(subject="two-ben")))


@pytest.fixture
def guest(shop: Shop) -> User:
    return User(Browser([shop.base_url]))


@pytest.fixture(scope="module")
def annas_order(anna: User) -> str:
    return anna.buy()


@pytest.fixture(scope="module")
def links(shop: Shop) -> GuestLinks:
    return GuestLinks((shop.state / "shop-secret").read_text("ascii"), MachineClock())


def test_an_order_is_its_buyers_alone(anna: User, ben: User, guest: User, annas_order: str) -> None:
    assert anna.get(f"orders/{annas_order}").json["id"] == annas_order
    for other in (ben, guest):
        shown = other.get(f"orders/{annas_order}")
        unknown = other.get(f"orders/{'0' * 32}")
        assert (shown.status, shown.json["detail"]) == (404, unknown.json["detail"])
        assert other.send("POST", f"orders/{annas_order}/cancel").status == 404
    assert annas_order not in [order["id"] for order in ben.get("orders").json["items"]]
    assert anna.get(f"orders/{annas_order}").json["status"] == "placed"


def test_a_page_of_anothers_list_shows_ones_own(anna: User, ben: User, annas_order: str) -> None:
    anna.buy()
    cursor = anna.get("orders?limit=1").json["next_cursor"]
    assert cursor is not None
    assert ben.get(f"orders?cursor={cursor}").json["items"] == []


def test_the_id_of_an_order_opens_no_checkout(ben: User, annas_order: str) -> None:
    assert ben.get(f"checkouts/{annas_order}").status == 404
    assert ben.send("POST", f"checkouts/{annas_order}/cancel").status == 404


def test_the_same_key_of_another_is_another_checkout(anna: User, ben: User, guest: User) -> None:
    answers = [user.check_out(key="a-key-of-three") for user in (anna, ben, guest)]
    assert [answer.status for answer in answers] == [202] * 3
    ids = [answer.json["id"] for answer in answers]
    assert len(set(ids)) == 3
    for user, checkout_id in zip((anna, ben, guest), ids, strict=True):
        user.send("POST", f"checkouts/{checkout_id}/cancel")


def test_an_address_is_its_owners_alone(anna: User, ben: User, guest: User) -> None:
    created = anna.send("POST", "addresses", ADDRESS)
    assert created.status == 201, created.content
    path = f"addresses/{created.json['id']}"
    assert ben.get(path).status == 404
    assert ben.send("PUT", path, {**ADDRESS, "city": "Hull"}).status == 404
    assert ben.send("DELETE", path).status == 404
    assert ben.get("addresses").json["items"] == []
    assert guest.get(path).status == 401
    request = {name: value for name, value in REQUEST.items() if name != "shipping_address"}
    for user in (ben, guest):
        refused = user.check_out({**request, "address_id": created.json["id"]})
        assert (refused.status, refused.json["type"]) == (400, "/problems/unknown-address")
    assert anna.get(path).json["city"] == "Leeds"
    assert anna.send("DELETE", path).status == 204


def test_a_cart_is_opened_by_nothing_but_its_cookie_or_its_owner(
    anna: User, ben: User, shop: Shop
) -> None:
    added = anna.send("POST", "cart/items", {"isbn": BOOK, "quantity": 1})
    assert added.status == 200, added.content
    assert ben.in_cart() == []
    for guessed in ("two-anna", "customer:two-anna", "anonymous", "1"):
        found = User(Browser([shop.base_url])).get("cart", Cookie=f"cart={guessed}")
        assert found.json["items"] == []
    ben.send("DELETE", "cart")
    assert anna.in_cart() == [BOOK]
    assert anna.send("DELETE", "cart").status == 204


def test_a_page_of_another_site_neither_fills_a_cart_nor_pays_for_it(guest: User) -> None:
    item = {"isbn": BOOK, "quantity": 1}
    assert guest.send("POST", "cart/items", item).status == 200
    cart = {name: value for name, value in REQUEST.items() if name != "items"}
    evil = {"Origin": "https://evil.example"}
    assert guest.send("POST", "cart/items", item, **evil).status == 403
    assert guest.check_out(cart, **evil).status == 403
    assert guest.in_cart() == [BOOK]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"total": 1}, "#/total"),
        ({"currency": "JPY"}, "#/currency"),
        ({"id": "0" * 32}, "#/id"),
        ({"order_id": "0" * 32}, "#/order_id"),
        ({"order_number": "AAAA-AAAA"}, "#/order_number"),
        ({"status": "placed"}, "#/status"),
        ({"captured": 99999}, "#/captured"),
        ({"customer_id": "two-anna"}, "#/customer_id"),
        ({"cart_id": "two-anna"}, "#/cart_id"),
        ({"roles": ["orders.refund"]}, "#/roles"),
        ({"shipping_total": 0}, "#/shipping_total"),
        ({"items": [{"isbn": BOOK, "quantity": 1, "unit_price": 1}]}, "#/items/0/unit_price"),
        ({"items": [{"isbn": BOOK, "quantity": 1, "tax_rate": 0}]}, "#/items/0/tax_rate"),
        ({"items": [{"isbn": BOOK, "quantity": -1}]}, "#/items/0/quantity"),
        ({"shipping_address": {**ADDRESS, "id": "1"}}, "#/shipping_address/id"),
    ],
)
def test_what_the_shop_decides_cannot_be_sent_in(
    ben: User, more: dict[str, Any], named: str
) -> None:
    refused = ben.check_out({**REQUEST, **more})
    assert refused.status == 400, refused.content
    assert [error["pointer"] for error in refused.json["errors"]] == [named]


def test_a_price_of_the_buyers_own_is_refused_and_never_charged(ben: User) -> None:
    cheap = {"isbn": BOOK, "quantity": 1, "price": {"amount": 1, "currency": "GBP"}}
    started = ben.check_out({**REQUEST, "items": [cheap]})
    rejected = ben.until(started.json["id"], "rejected")
    [difference] = rejected["differences"]
    assert difference["reason"] == "price_changed"
    assert difference["price"]["amount"] > 1
    assert rejected["payment"] is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "cart/items", {"isbn": BOOK, "quantity": 1, "price": {"amount": 1}}),
        ("POST", "addresses", {**ADDRESS, "customer_id": "two-anna"}),
        ("POST", "addresses", {**ADDRESS, "id": "0" * 32}),
        ("POST", "orders/lookup", {"order_number": "A", "email": "a@b", "customer_id": "x"}),
    ],
)
def test_members_that_nobody_may_send_are_refused_elsewhere_too(
    ben: User, method: str, path: str, body: object
) -> None:
    assert ben.send(method, path, body).status == 400


def test_each_function_checks_for_itself_who_may_call_it(
    shop: Shop, ben: User, guest: User
) -> None:
    described = guest.browser.ask("GET", "openapi.json").json
    needs_role, needs_sign_in = 0, 0
    for route, methods in described["paths"].items():
        for method, operation in methods.items():
            if "403" not in operation.get("responses", {}) and not _needs_sign_in(operation):
                continue
            path = route.removeprefix("/api/").removeprefix("/").replace("{isbn}", BOOK)
            path = path.replace("{id}", "0" * 32).replace("{order_id}", "0" * 32)
            if _needs_sign_in(operation):
                needs_sign_in += 1
                asked = guest.browser.ask(method.upper(), path)
                assert asked.status == 401, (route, method, asked.content)
            if "/admin/" in route:
                needs_role += 1
                # Headers that a gateway sets for itself are nobody's to send.
                asked = ben.browser.ask(
                    method.upper(),
                    path,
                    X_MS_CLIENT_PRINCIPAL="eyJyb2xlcyI6WyJjYXRhbG9ndWUud3JpdGUiXX0=",
                    X_Roles="catalogue.write,orders.refund",
                )
                assert asked.status == 403, (route, method, asked.content)
    assert needs_role >= 10
    assert needs_sign_in > needs_role


def _needs_sign_in(operation: Mapping[str, Any]) -> bool:
    security = operation.get("security", [])
    return bool(security) and {} not in security


def test_one_role_opens_no_door_of_another(shop: Shop, annas_order: str) -> None:
    clerk = User(Browser([shop.base_url], shop.token("catalogue.write", subject="two-clerk")))
    refund = {"amount": 1, "reason": "because"}
    path = f"admin/orders/{annas_order}/refunds"
    assert clerk.send("POST", path, refund, Idempotency_Key="clerk").status == 403
    assert clerk.get(f"admin/payments/{annas_order}").status == 403
    assert clerk.get(f"orders/{annas_order}").status == 404


def test_a_token_that_was_changed_is_no_sign_in_at_all(shop: Shop) -> None:
    head, said, signature = shop.token(subject="two-ben").split(".")
    other = shop.token("orders.refund", subject="two-anna").split(".")[1]
    for forged in (f"{head}.{other}.{signature}", f"{head}.{said}.", f"{head}.{said}"):
        user = User(Browser([shop.base_url], forged))
        assert user.get("orders").status == 401
        # Where a guest is welcome, too: a broken sign-in is told, not ignored.
        assert user.get("cart").status == 401


def test_a_guests_link_opens_one_order_and_nothing_else(
    shop: Shop, guest: User, ben: User, annas_order: str, links: GuestLinks
) -> None:
    guests_order = guest.buy()
    token = links.token(guests_order)
    assert guest.get(f"orders/{guests_order}?token={token}").json["id"] == guests_order
    assert ben.get(f"orders/{guests_order}").status == 404
    assert ben.get(f"orders/{annas_order}?token={token}").status == 404
    assert guest.send("POST", f"orders/{annas_order}/cancel?token={token}").status == 404
    assert guest.get(f"orders?token={token}").status == 401

    said, _, signature = token.rpartition(".")
    ends = int(said.partition(".")[2])
    for forged in (
        f"{annas_order}.{ends}.{signature}",
        f"{guests_order}.{ends + 1}.{signature}",
        f"{guests_order}.{signature}",
        f"{said}.{signature[:-1]}",
        f"{said}.",
        said,
        "x",
    ):
        assert guest.get(f"orders/{guests_order}?token={forged}").status == 404, forged
        assert guest.get(f"orders/{annas_order}?token={forged}").status == 404, forged
        assert guest.send("POST", f"orders/{guests_order}/cancel?token={forged}").status == 404
    assert guest.get(f"orders/{guests_order}?token={token}").json["status"] == "placed"


def test_an_email_alone_makes_nobody_the_owner_of_a_guests_order(
    shop: Shop, guest: User, ben: User
) -> None:
    order_id = guest.buy()
    namesake = User(Browser([shop.base_url], shop.token(subject=REQUEST["email"])))
    assert namesake.get(f"orders/{order_id}").status == 404
    lookups = [
        guest.send("POST", "orders/lookup", {"order_number": number, "email": REQUEST["email"]})
        for number in ("AAAA-AAAA", "BBBB-BBBB")
    ]
    assert [(one.status, one.content) for one in lookups] == [(202, b"")] * 2


def test_nobody_but_the_provider_says_that_something_was_paid(shop: Shop, ben: User) -> None:
    checkout = ben.until(ben.check_out().json["id"], "awaiting_payment")
    event = {
        "id": "evt_forged",
        "object": "event",
        "type": "payment_intent.succeeded",
        "livemode": False,
        "data": {
            "object": {"object": "payment_intent", "id": checkout["payment"]["payment_intent"]}
        },
    }
    for signature in ("", "t=1,v1=00", f"t=9999999999,v1={'0' * 64}"):
        told = ben.send("POST", "webhooks/stripe", event, Stripe_Signature=signature)
        assert (told.status, told.json["type"]) == (400, "/problems/bad-signature")
    assert ben.get(f"checkouts/{checkout['id']}").json["status"] == "awaiting_payment"
    assert ben.send("POST", f"checkouts/{checkout['id']}/cancel").status == 200


def test_a_payment_is_confirmed_with_its_secret_alone(anna: User, ben: User) -> None:
    checkouts = [
        user.until(user.check_out().json["id"], "awaiting_payment") for user in (anna, ben)
    ]
    mixed = {**checkouts[0]["payment"], "client_secret": checkouts[1]["payment"]["client_secret"]}
    assert "error" in confirm(mixed, "pm_card_visa")
    for user, checkout in zip((anna, ben), checkouts, strict=True):
        assert user.send("POST", f"checkouts/{checkout['id']}/cancel").status == 200


def test_no_secret_of_a_checkout_is_in_the_log(shop: Shop, ben: User) -> None:
    checkout = ben.until(ben.check_out().json["id"], "awaiting_payment")
    ben.get(f"checkouts/{checkout['id']}?wait=nonsense")
    ben.send("POST", f"checkouts/{checkout['id']}/cancel")
    logged = shop.log.read_text("utf-8", "replace")
    for secret in (checkout["id"], checkout["payment"]["client_secret"]):
        assert secret not in logged
    assert ADDRESS["line1"] not in logged
