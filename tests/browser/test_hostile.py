"""What somebody plants in a title, a name or a reason is text wherever the shop shows it.

None of it may run, ask for anything or become an element, and no page becomes wider by it. The
Content-Security-Policy stands behind that, and a refusal of its would be a complaint here too.
"""

from urllib.parse import quote
from uuid import uuid4

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.support.backstage import Staff
from tests.support.browser import DESKTOP, PHONE, Person

ROLES = ("catalogue.write", "orders.refund", "operations")
MARK = "window.planted=1"
IMAGE = f"<img src=x onerror={MARK}>"
PLANTED = " ".join(
    (
        IMAGE,
        f'"><script>{MARK}</script>',
        f"</script><svg onload={MARK}>",
        f"' onmouseover='{MARK}' x='",
        f"javascript:{MARK}",
        f"${{{MARK}}} {{{{{MARK}}}}} <%= {MARK} %> <?lit$1$?>",
        f"&lt;img src=x onerror={MARK}&gt;",
        "safe \u202egnp.exe\u202c \u2067\u2069\u2069 end \u202e",
        "W" * 150,
    )
)
"""A title of as many signs as one may have, nearly."""
ENDLESS = "q" * 10_000


def test_what_is_planted_in_a_book_is_text_on_every_page(person: Person, staff: Staff) -> None:
    isbn = staff.new_book(
        title=PLANTED,
        subtitle=PLANTED,
        contributors=[{"name": PLANTED[:300]}, {"name": PLANTED[-300:], "role": "translator"}],
        publisher=PLANTED[:200],
        imprint=PLANTED[-200:],
        series={"title": PLANTED[:300], "volume": IMAGE[:30]},
        description=f"{PLANTED}\n\n{ENDLESS}\n{PLANTED}",
        published_on="2026-01-01",
    )
    # So that the author's other books show it too.
    staff.new_book(title=f"More {PLANTED}"[:500], contributors=[{"name": PLANTED[:300]}])
    page = watched(person)

    person.open("/account.html")
    person.sign_in(f"eve-{uuid4().hex}", *ROLES)
    page.get_by_role("button", name="Add an address").click()
    for label in ("Name", "Address", "Town or city"):
        page.get_by_label(label, exact=True).fill(IMAGE)
    page.get_by_label("Postcode").fill("NW1 6XE")
    page.get_by_role("button", name="Save the address").click()
    expect(page.locator("address")).to_be_visible()
    harmless(person, IMAGE)

    person.open(f"/book.html?isbn={isbn}")
    expect(page.get_by_role("heading", name="More by")).to_be_visible()
    harmless(person, PLANTED)
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_be_visible()
    page.get_by_role("combobox").fill(isbn)
    expect(page.get_by_role("option")).to_have_count(2)
    harmless(person, PLANTED)
    for path in (f"/search.html?q={isbn}", "/cart.html", "/checkout.html"):
        person.open(path)
        harmless(person, PLANTED)
    page.get_by_role("button", name="Go on to payment").click()
    expect(page.get_by_label("Card number")).to_be_visible()
    harmless(person, PLANTED)
    person.pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")
    harmless(person, PLANTED)
    page.get_by_role("link", name="See your order").click()
    page.wait_for_url("**/order.html**")
    person.settled()
    harmless(person, PLANTED)
    order = page.url.rpartition("=")[2]
    person.open("/orders.html")
    harmless(person, PLANTED)

    person.open(f"/staff/order.html?id={order}")
    page.get_by_label("Amount").fill("0.01")
    page.get_by_role("textbox", name="Reason").fill(PLANTED[:200])
    page.get_by_role("button", name="Give it back").click()
    expect(page.get_by_role("status")).to_contain_text("Asked for.")
    harmless(person, PLANTED)
    person.open(f"/staff/book.html?isbn={isbn}")
    page.get_by_label("Copies more").fill("1")
    page.get_by_role("textbox", name="Reason").fill(PLANTED[:200])
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    harmless(person, PLANTED)
    for path in (f"/staff/catalogue.html?q={isbn}", "/staff/orders.html", "/staff/", "/"):
        person.open(path)
        harmless(person)


def test_what_is_planted_in_an_address_or_a_file_is_text(person: Person) -> None:
    page = watched(person)
    person.expects("40[04]")
    for path, names in {
        "/search.html": ("q", "author", "category", "sort", "cursor", "language", "min_price"),
        "/book.html": ("isbn",),
        "/order.html": ("id",),
    }.items():
        for name in names:
            person.open(f"{path}?{name}={quote(PLANTED[:200], '')}")
            harmless(person)
    person.open("/staff/imports.html")
    person.sign_in(f"eve-{uuid4().hex}", *ROLES)
    said = PLANTED.replace('"', '""')
    page.locator("input[type=file]").set_input_files(
        {
            "name": f"{IMAGE.replace('/', '')}.csv",
            "mimeType": "text/csv",
            "buffer": f'isbn,title\n"{said}",No book\n'.encode(),
        }
    )
    expect(page.get_by_role("heading", name="What was refused")).to_be_visible()
    harmless(person, IMAGE)


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/",
        "https://evil.example/",
        "javascript:" + MARK,
        "/\\evil.example",
        "data:,x",
    ],
)
def test_a_sign_in_comes_back_to_this_shop_alone(person: Person, target: str) -> None:
    page = watched(person)
    person.open("/account.html")
    page.get_by_role("button", name="Sign in").first.click()
    expect(page.get_by_label("Name", exact=True)).to_be_visible()
    # As if something had got at what the tab keeps meanwhile.
    page.goto(f"{person.shop.base_url}/404.html")
    page.evaluate(
        "target => sessionStorage.setItem('shop.sign-in', JSON.stringify("
        "{...JSON.parse(sessionStorage.getItem('shop.sign-in')), returnTo: target}))",
        target,
    )
    page.go_back()
    page.get_by_label("Name", exact=True).fill(f"ann-{uuid4().hex}")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_function("() => localStorage.getItem('shop.session') !== null")
    page.wait_for_url(f"{person.shop.base_url}/")
    harmless(person)


def watched(person: Person) -> Page:
    """A dialog or a request to elsewhere is what a planted script would make."""
    page, ours = person.page, (person.shop.base_url, person.shop.sandbox_url, "data:", "blob:")

    def opened(dialog: Dialog) -> None:
        person.complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", opened)
    page.on(
        "request",
        lambda sent: None if sent.url.startswith(ours) else person.complaints.append(sent.url),
    )
    return page


def harmless(person: Person, shown: str | None = None) -> None:
    """`shown` stands on the page as it was planted."""
    page = person.page
    if shown is not None:
        assert shown.strip() in page.evaluate(
            "[...document.querySelectorAll('*')].map((one) => one.value || "
            "(one.children.length ? '' : one.textContent)).join('\\n') + document.body.textContent"
        )
    found: list[str] = page.evaluate(
        """() => [
            ...(window.planted ? ['a script ran'] : []),
            ...[...document.querySelectorAll('body *')].filter((one) =>
                one.matches('script, iframe, img[src="x"], a[href^="javascript:" i]')
                || [...one.attributes].some(({name}) => name.startsWith('on'))
            ).map((one) => one.outerHTML),
        ]"""
    )
    assert not found, (page.url, found)
    for window in (PHONE, DESKTOP):
        page.set_viewport_size(window)
        person.check_fit()
