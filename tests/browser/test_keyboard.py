"""The shop and the back office without a mouse: where Tab leads, and what one is at afterwards."""

import re
from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.support.backstage import Staff
from tests.support.browser import Person

FAR = 80
NAME = """() => {
    const one = document.activeElement;
    return (one.getAttribute('aria-label') || one.labels?.[0]?.innerText || one.innerText).trim();
}"""


def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Until what has the focus is named like this pattern."""
    for _ in range(FAR):
        page.keyboard.press(key)
        if re.search(name, page.evaluate(NAME)):
            return
    raise AssertionError(f"{key} does not lead to {name}")


def press(page: Page, name: str, key: str = "Enter") -> None:
    tab_to(page, name)
    page.keyboard.press(key)


def test_a_book_is_found_and_bought(person: Person, staff: Staff) -> None:
    isbn = staff.new_book(title="Keys and Nothing Else")
    page = person.open("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    tab_to(page, "Search for books")
    page.keyboard.type("keys and nothing")
    # Not what the first letters brought.
    expect(page.get_by_role("option").first).to_have_attribute("href", re.compile(isbn))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/book.html?isbn={isbn}")
    person.settled()
    press(page, "^Buy now")
    page.wait_for_url("**/checkout.html**")
    person.settled()
    for label, text in (
        ("Mail address", f"{uuid4().hex}@example.org"),
        ("^Name", "Anna Ray"),
        ("^Address$", "1 Baker Street"),
        ("^Town", "London"),
        ("^Postcode", "NW1 6XE"),
    ):
        tab_to(page, label)
        page.keyboard.type(text)
    tab_to(page, "^Standard")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Express")).to_be_checked()
    press(page, "^Go on")
    expect(page.get_by_role("heading", name="Payment")).to_be_focused()
    press(page, "^Pay ")
    expect(page.get_by_role("heading", name="Thank you for your order")).to_be_focused()


def test_a_suggestion_that_was_chosen_stays_chosen(person: Person, staff: Staff) -> None:
    isbn = staff.new_book(title="Slowcoach Suggestions")
    page = person.open("/")
    page.get_by_role("combobox").focus()
    page.keyboard.type("slowcoach")
    expect(page.get_by_role("option").first).to_have_attribute("href", re.compile(isbn))
    page.route("**/api/v1/books?q=slowcoachs&**", lambda _: None)
    with page.expect_request("**/api/v1/books?q=slowcoachs&**"):
        page.keyboard.type("s")
    with page.expect_event("requestfailed"):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/book.html?isbn={isbn}")
    page.unroute_all(behavior="ignoreErrors")


def test_an_order_is_kept_and_refunded_in_part(person: Person, staff: Staff) -> None:
    email = f"{uuid4().hex}@example.org"
    number = person.buy(staff.new_book(), email)
    page = person.open(f"/staff/orders.html?q={email}")
    person.sign_in(f"eve-{uuid4().hex}", "orders.refund")
    press(page, f"^{number}$")
    page.wait_for_url("**/staff/order.html**")
    person.settled()
    press(page, "^Cancel the order")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Cancel the order")).to_be_focused()
    tab_to(page, "^Amount", "Shift+Tab")
    page.keyboard.type("0.10")
    tab_to(page, "^Reason")
    page.keyboard.type("a late apology")
    press(page, "^Give it back")
    expect(page.get_by_role("status")).to_be_focused()
    expect(page.get_by_role("cell", name="a late apology")).to_be_visible()
