"""What the pages of other sites can do to a shopper's browser: nothing."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import expect

from tests.support.backstage import Staff
from tests.support.browser import Person

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


class _Echo(BaseHTTPRequestHandler):
    """Its pages are what their addresses say."""

    def do_GET(self) -> None:
        body = unquote(self.path.partition("?")[2]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def other_port() -> Iterator[int]:
    """Of another site on this machine: from the internet a browser lets no page in here anyway."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def in_cart(person: Person, staff: Staff) -> str:
    """A book of which the shopper's cart has a copy."""
    isbn = staff.new_book()
    page = person.open(f"/book.html?isbn={isbn}")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_be_visible()
    return isbn


def test_the_carts_cookie_is_no_scripts_and_no_other_sites(person: Person, in_cart: str) -> None:
    [cookie] = person.page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("cart", True, "Lax")
    assert person.page.evaluate("document.cookie") == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["another-port", "another-site"])
def test_another_site_cannot_change_a_cart(
    person: Person, in_cart: str, other_port: int, host: str
) -> None:
    """To another port of the same host the cookie is sent, as that is the same site."""
    page, sent = person.page, []
    person.expects("CORS|ERR_FAILED|403|415|favicon")
    page.on("response", lambda answer: sent.append((answer.request.method, answer.status)))
    page.goto(f"http://{host}:{other_port}/?A fine offer")
    sent.clear()
    page.evaluate(CHANGES, [person.shop.base_url, in_cart])
    assert sent == [("POST", 415), ("POST", 415)]
    person.open("/cart.html")
    expect(page.get_by_role("link", name="Cart, 1 copy")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/checkout.html", "/staff/", "/api/docs"])
def test_no_page_of_the_shop_stands_in_anothers_frame(
    person: Person, other_port: int, path: str
) -> None:
    page, shop = person.page, person.shop

    def framed(address: str) -> str:
        body = quote(f'<iframe src="{address}"></iframe>')
        page.goto(f"http://127.0.0.1:{other_port}/?{body}")
        return page.frames[1].url

    person.expects("frame-ancestors|ERR_BLOCKED_BY_RESPONSE|favicon")
    # Data may be framed, as there is nothing in it that somebody could be led to press.
    data = f"{shop.base_url}/api/v1/shop"
    assert framed(data) == data
    assert framed(f"{shop.base_url}{path}") == "chrome-error://chromewebdata/"
