"""A cart as a browser and a customer meet it, over HTTP alone."""

from http.cookies import SimpleCookie
from pathlib import Path

from tests.conftest import Shop, end, serve
from tests.journeys.test_shop import Reply, ask, books
from tests.support.backstage import advance_clock

DRACULA = "9780141439846"


def cookie_of(reply: Reply) -> dict[str, str]:
    [morsel] = SimpleCookie(reply.headers["set-cookie"]).values()
    return {"Cookie": f"{morsel.key}={morsel.value}"}


def add(shop: Shop, isbn: str, quantity: int, **headers: str) -> Reply:
    reply = ask(shop, "POST", "v1/cart/items", {"isbn": isbn, "quantity": quantity}, **headers)
    assert reply.status == 200, reply.content
    return reply


def quantities(reply: Reply) -> dict[str, int]:
    return {item["isbn"]: item["quantity"] for item in reply.json["items"]}


def test_a_guests_cart_is_taken_along_at_sign_in(later_shop: Shop) -> None:
    other = next(
        book["isbn"] for book in books(later_shop, q="austen")["items"] if book["isbn"] != DRACULA
    )
    anna = {"Authorization": f"Bearer {later_shop.token(subject='anna')}"}
    assert "set-cookie" not in add(later_shop, other, 1, **anna).headers
    browser = cookie_of(add(later_shop, DRACULA, 2))
    assert quantities(ask(later_shop, "GET", "v1/cart", **browser)) == {DRACULA: 2}
    merged = ask(later_shop, "GET", "v1/cart", **browser, **anna)
    assert quantities(merged) == {other: 1, DRACULA: 2}
    assert "max-age=0" in merged.headers["set-cookie"].lower()
    assert quantities(ask(later_shop, "GET", "v1/cart", **anna)) == {other: 1, DRACULA: 2}
    assert quantities(ask(later_shop, "GET", "v1/cart", **browser)) == {}


def test_a_price_that_changes_is_shown_and_accepted(later_shop: Shop) -> None:
    browser = cookie_of(add(later_shop, DRACULA, 1))
    bookseller = {"Authorization": f"Bearer {later_shop.token('catalogue.write')}"}
    book = ask(later_shop, "GET", f"v1/books/{DRACULA}")
    dearer = {**book.json["price"], "amount": book.json["price"]["amount"] + 100}
    patched = ask(
        later_shop,
        "PATCH",
        f"v1/admin/books/{DRACULA}",
        {"price": dearer},
        **bookseller,
        If_Match=book.headers["etag"],
    )
    assert patched.status == 200, patched.content
    cart = ask(later_shop, "GET", "v1/cart", **browser).json
    assert [change["kind"] for change in cart["changes"]] == ["price_raised"]
    assert cart["items"][0]["price_when_added"] == book.json["price"]
    assert cart["subtotal"] == dearer
    path = f"v1/cart/items/{DRACULA}"
    assert ask(later_shop, "PUT", path, {"quantity": 1}, **browser).json["changes"] == []


def test_the_cookie_is_in_no_log_and_opens_the_cart_for_thirty_days(later_shop: Shop) -> None:
    browser = cookie_of(add(later_shop, DRACULA, 1))
    value = browser["Cookie"].partition("=")[2]
    ask(later_shop, "DELETE", "v1/cart/items/nonsense", **browser)
    advance_clock(later_shop, "P29D")
    assert quantities(ask(later_shop, "GET", "v1/cart", **browser)) == {DRACULA: 1}
    advance_clock(later_shop, "P1D")
    assert quantities(ask(later_shop, "GET", "v1/cart", **browser)) == {}
    assert value not in later_shop.log.read_text("utf-8")


def test_a_cart_outlives_a_killed_shop(tmp_path: Path) -> None:
    shop = serve(tmp_path / "state", "--no-covers")
    browser = cookie_of(add(shop, DRACULA, 2))
    shop.process.kill()
    shop.process.wait()
    again = serve(shop.state, "--no-covers")
    try:
        assert quantities(ask(again, "GET", "v1/cart", **browser)) == {DRACULA: 2}
    finally:
        end(again)


def test_delivery_is_quoted_for_the_cart_and_to_a_kept_address(later_shop: Shop) -> None:
    browser = cookie_of(add(later_shop, DRACULA, 3))
    ben = {"Authorization": f"Bearer {later_shop.token(subject='ben')}"}
    said = {
        "name": "Ben Ray",
        "line1": "2 Long Lane",
        "city": "Leeds",
        "postcode": "ls11aa",
        "country": "GB",
    }
    created = ask(later_shop, "POST", "v1/addresses", said, **ben)
    assert created.status == 201, created.content
    location = created.headers["location"].removeprefix("/api/")
    address = ask(later_shop, "GET", location, **ben).json
    assert (address["postcode"], address["is_default"]) == ("LS1 1AA", True)
    rates = ask(
        later_shop, "GET", "v1/shipping/rates?country=GB&postcode=LS1%201AA", **browser
    ).json
    assert [rate["method"] for rate in rates["items"]] == ["standard", "express"]
    assert rates["weight_grams"] > 3 * 100
