"""What the pages of other sites can do to a shopper's browser: nothing."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.backstage import Staff
from tests.support.browser import Person

EVIL = "https://evil.example/"
CHANGES = """async ([shop, isbn]) => {
    const cart = `${shop}/api/v1/cart`;
    const body = JSON.stringify({isbn, quantity: 9});
    const send = (address, how) => fetch(address, {credentials: 'include', ...how}).catch(() => 0);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
        const headers = {'Content-Type': type};
        await send(`${cart}/items`, {method: 'POST', mode: 'no-cors', body, headers});
    }
    await send(`${cart}/items`, {method: 'POST', body});
    await send(cart, {method: 'DELETE'});
}"""


@pytest.fixture
def cart(person: Person, staff: Staff) -> str:
    """A book in the shopper's cart."""
    isbn = staff.new_book()
    page = person.open(f"/book.html?isbn={isbn}")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_be_visible()
    return isbn


def test_the_carts_cookie_is_no_scripts_and_no_other_sites(person: Person, cart: str) -> None:
    [cookie] = person.page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("cart", True, "Lax")
    assert person.page.evaluate("document.cookie") == ""


@pytest.mark.parametrize("is_same_site", [True, False], ids=["another-port", "another-site"])
def test_another_site_cannot_change_a_cart(person: Person, cart: str, is_same_site: bool) -> None:
    """Another port of this machine is the same site, to which the cookie is sent."""
    page, shop = person.page, person.shop
    person.expects("CORS|ERR_FAILED|403|415")
    if is_same_site:
        page.goto(f"{shop.sandbox_url}/mailbox")
    else:
        visit_evil(page, "<h1>A fine offer</h1>")
    page.evaluate(CHANGES, [shop.base_url, cart])
    person.open("/cart.html")
    expect(page.get_by_role("link", name="Cart, 1 copy")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/checkout.html", "/staff/", "/api/docs"])
def test_no_page_of_the_shop_stands_in_anothers_frame(person: Person, path: str) -> None:
    page = person.page
    person.expects("frame-ancestors|X-Frame-Options|ERR_BLOCKED_BY_RESPONSE")
    with page.expect_event("console", lambda said: "frame" in said.text.lower()):
        visit_evil(page, f'<iframe src="{person.shop.base_url}{path}"></iframe>')
    assert page.frames[1].evaluate("document.body.innerText.includes('Bookstore')") is False


def visit_evil(page: Page, body: str) -> None:
    page.route(f"{EVIL}**", lambda route: route.fulfill(content_type="text/html", body=body))
    page.goto(EVIL)
