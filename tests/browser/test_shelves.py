"""What books bring along: series, samples, titles of every length and script."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_staff import picture
from tests.support.backstage import Staff
from tests.support.browser import DESKTOP, PHONE, Person

LONG = "The Whole and Only True History of " + "Extraordinarily Long Titles and " * 12 + "Brevity"
UNBROKEN = "Donaudampfschifffahrts" * 9
ARABIC = "ألف ليلة وليلة"
CHINESE = "紅樓夢"


def test_a_series_leads_to_its_other_volumes(person: Person, staff: Staff) -> None:
    series = f"Tales of {uuid4().hex[:12].translate(str.maketrans('0123456789', 'ghijklmnop'))}"
    first, second = (
        staff.new_book(title=f"{name} Tale", series={"title": series, "volume": volume})
        for name, volume in (("First", "1"), ("Second", "2"))
    )
    page = person.open(f"/book.html?isbn={first}")
    page.get_by_role("link", name=f"{series}, volume 1").click()
    page.wait_for_url("**/search.html**")
    person.settled()
    page.get_by_role("link", name="Second Tale").click()
    page.wait_for_url(f"**isbn={second}")


def test_a_sample_is_read_before_one_buys(person: Person, staff: Staff) -> None:
    isbn = staff.new_book()
    staff.give_sample(isbn, "It was a dark and stormy night.")
    page = person.open(f"/book.html?isbn={isbn}")
    page.get_by_role("link", name="Read a sample").click()
    expect(page.get_by_text("It was a dark and stormy night.")).to_be_visible()


@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize(
    ("title", "language"),
    [(LONG, "en"), (UNBROKEN, "de"), (ARABIC, "ar"), (CHINESE, "zh")],
    ids=["long", "unbroken", "arabic", "chinese"],
)
def test_any_title_finds_its_place(
    visit: Visit, staff: Staff, title: str, language: str, window: dict[str, int]
) -> None:
    isbn = staff.new_book(title=title, language=language)
    person = visit(window=window)
    page = person.open(f"/book.html?isbn={isbn}")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(title)
    expect(heading).to_have_attribute("lang", language)
    assert direction(page) == ("rtl" if language == "ar" else "ltr")
    person.check_fit()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_be_visible()
    for path in ("/cart.html", "/checkout.html", f"/search.html?q={isbn}"):
        person.open(path)
        expect(page.get_by_text(title).first).to_be_visible()
        person.check_fit()


def direction(page: Page) -> str:
    found: str = page.locator("h1").evaluate("element => getComputedStyle(element).direction")
    return found


def test_a_picture_that_is_not_there_leaves_no_hole(person: Person, staff: Staff) -> None:
    page, isbn = person.page, staff.new_book()
    person.open(f"/book.html?isbn={isbn}")
    expect(page.locator("img.cover").first).to_have_attribute("src", "/no-cover.svg")
    staff.give_cover(isbn, picture("teal")["buffer"])
    page.route(re.compile(r"/cdn/"), lambda route: route.abort())
    person.expects("net::ERR_FAILED")
    person.open(f"/staff/book.html?isbn={isbn}")
    person.sign_in(f"eve-{uuid4().hex}", "catalogue.write")
    expect(page.locator("img.cover").first).to_have_attribute("src", "/no-cover.svg")


def test_the_header_stays_where_it_is_when_it_is_known_who_came(person: Person) -> None:
    page = person.open("/account.html")
    person.sign_in(f"eve-{uuid4().hex}", "catalogue.write")
    for width in (1280, 1100, 390):
        page.set_viewport_size({"width": width, "height": 800})
        held = page.context.new_page()
        held.set_viewport_size({"width": width, "height": 800})
        held.route("**/scripts/**", lambda route: route.abort())
        held.goto(f"{person.shop.base_url}/find-order.html")
        person.open("/find-order.html")
        expect(page.get_by_role("button", name="Sign out")).to_be_attached()
        for part in (".bar .search", ".bar .cart", ".bar nav a >> nth=0", "main"):
            assert place(page, part) == place(held, part), (width, part)
        held.close()


def place(page: Page, part: str) -> tuple[float, float, float]:
    box = page.locator(part).bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"]
