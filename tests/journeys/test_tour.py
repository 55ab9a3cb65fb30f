"""`dev.py tour` as a newcomer takes it, and what the shop then knows of the customer."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from local.token import tokens_of
from local.tour import ADDRESS, Shopper, tour
from tests.conftest import ROOT, Shop
from tests.journeys.test_shop import ask
from tests.support.ports import free_ports


def take_tour(port: int, state: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local.tour", f"--port={port}", f"--state={state}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_tour_goes_from_a_declined_card_to_the_door_and_shows_the_mails(
    later_shop: Shop,
) -> None:
    taken = take_tour(urlsplit(later_shop.base_url).port or 0, later_shop.state)
    assert taken.returncode == 0, taken.stdout + taken.stderr
    seen = [
        "GET .*/books", "POST .*/cart/items", "POST .*/checkouts", '202 {"status": ', '402 {"code"',
        '"declined": "generic_decline"', '"status": "succeeded"', '"status": "confirmed"',
        "GET .*/orders/", '"payment_declined", "paid", "placed"', "That was order",
        "is placed", "label_bought", "PT5H", "dispatched and handed to the delivery company",
        "P6D", '"state": "delivered"', "has been delivered", "/mailbox",
    ]  # fmt: skip
    assert re.search(".*".join(seen), taken.stdout, re.DOTALL), taken.stdout
    assert not re.search("pi_[A-Za-z0-9]+_secret", taken.stdout)


def test_without_a_shop_the_tour_says_how_to_start_one(shop: Shop, tmp_path: Path) -> None:
    for state, sentence in (
        (tmp_path, "No shop has been started in"),
        (shop.state, "No shop answers at"),
    ):
        taken = take_tour(free_ports(1), state)
        assert (taken.returncode, taken.stdout[:5]) == (2, "" if state == tmp_path else "Look ")
        assert taken.stderr.startswith(sentence)
        assert "python3 dev.py run" in taken.stderr


def test_a_customer_takes_all_data_along_and_is_forgotten(shop: Shop) -> None:
    tokens = tokens_of(shop.state)
    origin = shop.base_url
    order_id = tour(Shopper(origin, tokens), "emma")
    emma = {"Authorization": f"Bearer {tokens.token_for('emma')}"}
    ask(shop, "POST", "v1/addresses", ADDRESS, **emma)
    isbn = ask(shop, "GET", f"v1/orders/{order_id}", **emma).json["lines"][0]["isbn"]
    ask(shop, "POST", "v1/cart/items", {"isbn": isbn, "quantity": 1}, **emma)

    export = ask(shop, "GET", "v1/me/export", **emma)
    assert export.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    kept = export.json
    assert [(one["id"], one["shipping_address"]["name"]) for one in kept["orders"]] == [
        (order_id, ADDRESS["name"])
    ]
    assert [one["line1"] for one in kept["addresses"]] == [ADDRESS["line1"]]
    assert [one["isbn"] for one in kept["cart"]] == [isbn]
    assert ask(shop, "GET", "v1/me/export").status == 401

    for _ in range(2):
        assert ask(shop, "DELETE", "v1/me", **emma).status == 204
    assert ask(shop, "GET", f"v1/orders/{order_id}", **emma).status == 404
    assert ask(shop, "GET", "v1/addresses", **emma).json["items"] == []
    assert ask(shop, "GET", "v1/cart", **emma).json["items"] == []
    left = ask(shop, "GET", "v1/me/export", **emma).json
    assert (left["orders"], left["addresses"], left["cart"]) == ([], [], [])


def test_a_checkout_that_changed_since_it_was_seen_is_shown_at_once(shop: Shop) -> None:
    """Also one that will not change again soon: it waits for a payment that nobody makes."""
    tokens = tokens_of(shop.state)
    ines = {"Authorization": f"Bearer {tokens.token_for('ines')}"}
    book = ask(shop, "GET", "v1/books?q=austen&in_stock=true&limit=1").json["items"][0]
    body = {
        "email": "ines@example.org",
        "shipping_address": ADDRESS,
        "shipping_method": "standard",
        "items": [{"isbn": book["isbn"], "quantity": 1}],
    }
    started = ask(shop, "POST", "v1/checkouts", body, **ines, Idempotency_Key="ines")
    path = f"v1/checkouts/{started.json['id']}"
    shown = started.json
    while shown["status"] != "awaiting_payment":
        shown = ask(shop, "GET", f"{path}?wait=20&seen={shown['version']}", **ines).json
    again = ask(shop, "GET", f"{path}?wait=20&seen={shown['version'] - 1}", **ines).json
    assert again["version"] == shown["version"]
    assert ask(shop, "DELETE", "v1/me", **ines).status == 204
    while shown["status"] != "cancelled":
        shown = ask(shop, "GET", f"{path}?wait=20&seen={shown['version']}", **ines).json
    assert shown["reason"] == "cancelled"
