"""What somebody plants in a title, a name or a reason is text wherever the shop shows it.

None of it may run, ask for anything or become an element, and no page becomes wider by it. The
Content-Security-Policy stands behind that, and a refusal of its would be a complaint here too.
"""

from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import Visit
from tests.support.backstage import Staff
from tests.support.browser import DESKTOP, PHONE, Person

ROLES = ("catalogue.write", "orders.refund", "operations")
MARK = "window.planted=1"
PLANTED = {
    "image": f"<img src=x onerror={MARK}>",
    "script": f'"><script>{MARK}</script>',
    "end-of-script": f"</script><svg onload={MARK}>",
    "attribute": f"' onmouseover='{MARK}' x='",
    "link": f"javascript:{MARK}",
    "template": f"${{{MARK}}} {{{{{MARK}}}}} <%= {MARK} %> <?lit$1$?>",
    "entity": f"&lt;img src=x onerror={MARK}&gt; &#60;script&#62;",
    "backwards": "safe \u202egnp.exe\u202c \u2067\u2069\u2069 end \u202e",
    "endless": "W" * 300,
}
ENDLESS = "q" * 10_000


@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_what_is_planted_in_a_book_is_text_on_every_page(
    visit: Visit, staff: Staff, planted: str, window: dict[str, int]
) -> None:
    isbn = staff.new_book(
        title=planted,
        subtitle=planted,
        contributors=[{"name": planted}, {"name": planted, "role": "translator"}],
        publisher=planted[:200],
        imprint=planted[:200],
        series={"title": planted, "volume": planted[:30]},
        description=f"{planted}\n\n{ENDLESS}\n{planted}",
        published_on="2026-01-01",
    )
    # Alike, so that the author's other books and suggestions show it too.
    staff.new_book(title=f"{planted} again", contributors=[{"name": planted}])
    person = visit(window=window)
    page = watched(person)

    person.open("/account.html")
    person.sign_in(f"eve-{uuid4().hex}", *ROLES)
    for label in ("Name", "Town or city"):
        page.get_by_role("button", name="Add an address").or_(
            page.get_by_label(label)
        ).first.click()
        page.get_by_label(label, exact=True).fill(planted[:100])
    page.get_by_label("Address", exact=True).fill(planted[:100])
    page.get_by_label("Postcode").fill("NW1 6XE")
    page.get_by_role("button", name="Save the address").click()
    expect(page.locator("address")).to_be_visible()
    harmless(person, planted[:60])

    person.open(f"/book.html?isbn={isbn}")
    page.wait_for_load_state("networkidle")
    harmless(person, planted)
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_be_visible()
    page.get_by_role("combobox").fill(isbn)
    expect(page.get_by_role("option")).to_have_count(2)
    harmless(person, planted)
    for path in (f"/search.html?q={isbn}", "/search.html?sort=newest", "/cart.html"):
        person.open(path)
        harmless(person, planted if "newest" not in path else None)
    person.open("/")
    harmless(person)

    person.open("/checkout.html")
    harmless(person, planted)
    page.get_by_role("button", name="Go on to payment").click()
    expect(page.get_by_label("Card number")).to_be_visible()
    harmless(person, planted)
    person.pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")
    harmless(person, planted)
    page.get_by_role("link", name="See your order").click()
    page.wait_for_url("**/order.html**")
    person.settled()
    harmless(person, planted)
    order = page.url.rpartition("=")[2]
    person.open("/orders.html")
    harmless(person, planted)

    person.open(f"/staff/order.html?id={order}")
    page.get_by_label("Amount").fill("0.01")
    page.get_by_label("Reason").fill(planted[:200])
    page.get_by_role("button", name="Give it back").click()
    expect(page.get_by_role("status")).to_contain_text("Asked for.")
    harmless(person, planted)
    person.open(f"/staff/book.html?isbn={isbn}")
    page.get_by_label("Copies more").fill("1")
    page.get_by_role("textbox", name="Reason").fill(planted[:200])
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    harmless(person, planted)
    for path in (f"/staff/catalogue.html?q={isbn}", "/staff/orders.html", "/staff/"):
        person.open(path)
        harmless(person)


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_what_is_planted_in_an_address_or_a_file_is_text(
    person: Person, planted: str, tmp_path: Path
) -> None:
    page = watched(person)
    person.expects("40[04]")
    person.open("/404.html")
    for path, name in (
        ("/search.html", "q"),
        ("/search.html", "author"),
        ("/search.html", "category"),
        ("/search.html", "sort"),
        ("/book.html", "isbn"),
        ("/order.html", "id"),
        ("/orders.html", "cursor"),
    ):
        page.evaluate("address => location.assign(address)", f"{path}?{name}={quote(planted, '')}")
        page.wait_for_url(f"**{path}?**")
        person.settled()
        harmless(person)
    person.open("/staff/imports.html")
    person.sign_in(f"eve-{uuid4().hex}", *ROLES)
    page.locator("input[type=file]").set_input_files(
        {
            "name": "delivery.csv",
            "mimeType": "text/csv",
            "buffer": f'isbn,title\n"{planted.replace(chr(34), chr(34) * 2)}",No book\n'.encode(),
        }
    )
    expect(page.get_by_role("heading", name="What was refused")).to_be_visible()
    harmless(person)


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
    person.check_fit()
