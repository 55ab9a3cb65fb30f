"""What a shopper sees when the shop, the network or the shopper's own next step is not as hoped."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Visit
from tests.support.backstage import Staff
from tests.support.browser import PHONE, Person

BOOKS = re.compile(r"/api/v1/books\?")


def address() -> str:
    return f"{uuid4().hex}@example.org"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (500, "Something went wrong on our side."),
        (503, "Something went wrong on our side."),
        (429, "Please try again in 2 minutes."),
        (0, "The shop cannot be reached."),
    ],
)
def test_a_page_that_cannot_be_filled_says_so_and_is_tried_again(
    visit: Visit, status: int, said: str
) -> None:
    person = visit(window=PHONE)
    page = person.page

    def fail(route: Route) -> None:
        if status:
            route.fulfill(
                status=status,
                headers={"Retry-After": "90"},
                content_type="application/problem+json",
                body='{"title": "No", "status": 500, "correlation_id": "abc123"}',
            )
        else:
            route.abort()

    person.expects("500|503|429|ERR_FAILED")
    page.route(BOOKS, fail)
    person.open("/")
    problem = page.get_by_role("alert").filter(has_text="That did not work")
    expect(problem).to_contain_text(said)
    if status >= 500:
        expect(problem).to_contain_text("abc123")
    person.check_fit()
    person.check_access()
    page.unroute(BOOKS)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="What sells")).to_be_visible()


def test_a_slow_shop_is_waited_for_in_sight(person: Person) -> None:
    page = person.page
    page.route(BOOKS, lambda _: None)
    with page.expect_request(BOOKS):
        page.goto(person.shop.base_url)
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "true")
    turning = "getComputedStyle(document.querySelector('main'), '::before').animationName"
    assert page.evaluate(turning) == "turn, appear"
    page.unroute(BOOKS)
    person.open("/")
    assert page.evaluate(turning) == "none"


def test_what_was_not_added_can_be_added_once_the_network_is_back(
    person: Person, staff: Staff
) -> None:
    page = person.open(f"/book.html?isbn={staff.new_book()}")
    person.expects("ERR_INTERNET_DISCONNECTED|503")
    page.context.set_offline(True)
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("alert")).to_contain_text("The shop cannot be reached.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_have_text("1 copy in the cart.")


def test_a_payment_is_followed_on_after_the_network_was_away(person: Person, staff: Staff) -> None:
    page = person.open(f"/checkout.html?isbn={staff.new_book()}")
    person.fill_in_delivery(address())
    person.expects("ERR_|503")
    page.route("**/api/v1/checkouts", lambda route: route.fulfill(status=503), times=1)
    page.get_by_role("button", name="Go on to payment").click()
    expect(page.get_by_role("alert")).to_contain_text("Something went wrong on our side.")
    page.get_by_role("button", name="Go on to payment").click()
    expect(page.get_by_label("Card number")).to_be_visible()
    page.context.set_offline(True)
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(page.get_by_role("alert")).to_contain_text("The shop cannot be reached.")
    page.context.set_offline(False)
    person.pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")


def test_a_checkout_that_cannot_be_read_is_not_begun_anew(person: Person, staff: Staff) -> None:
    page = person.open(f"/checkout.html?isbn={staff.new_book()}")
    person.fill_in_delivery(address())
    person.expects("503")
    page.route(re.compile(r"/checkouts/\w+$"), lambda route: route.fulfill(status=503), times=1)
    page.get_by_role("button", name="Go on to payment").click()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_label("Card number")).to_be_visible()


def test_what_was_bought_is_still_there_after_a_reload_and_bought_once(
    person: Person, staff: Staff
) -> None:
    isbn = staff.new_book()
    page = person.open(f"/book.html?isbn={isbn}")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_be_visible()
    number = person.buy(staff.new_book(), address())
    # It was bought past the cart.
    expect(page.get_by_role("link", name="Cart, 1 copy")).to_be_visible()
    for step in (page.reload, page.go_back, page.go_forward):
        step()
        person.settled()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")
    expect(page.get_by_text(f"Order {number}")).to_be_visible()
    person.open("/cart.html")
    page.get_by_role("link", name="Check out").click()
    page.wait_for_url("**/checkout.html")
    person.settled()
    expect(page.get_by_label("Mail address")).to_be_visible()


def test_a_cart_that_changed_is_checked_out_anew(person: Person, staff: Staff) -> None:
    first, second = staff.new_book(title="The First Thought"), staff.new_book(title="The Second")
    page = person.open(f"/book.html?isbn={first}")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_be_visible()
    person.open("/checkout.html")
    person.fill_in_delivery(address())
    page.get_by_role("button", name="Go on to payment").click()
    expect(page.get_by_label("Card number")).to_be_visible()
    person.open(f"/book.html?isbn={second}")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_be_visible()
    person.open("/checkout.html")
    person.fill_in_delivery(address())
    page.get_by_role("button", name="Go on to payment").click()
    expect(page.get_by_role("link", name="The First Thought")).to_be_visible()
    expect(page.get_by_role("link", name="The Second")).to_be_visible()
    person.pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")


def test_two_tabs_that_check_out_the_same_cart_pay_for_it_once(
    person: Person, staff: Staff
) -> None:
    page = person.open(f"/book.html?isbn={staff.new_book()}")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_be_visible()
    other = Person(person.shop, page.context.new_page())
    for one in (person, other):
        one.open("/checkout.html")
        one.fill_in_delivery(address())
        one.page.get_by_role("button", name="Go on to payment").click()
        expect(one.page.get_by_label("Card number")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("The checkout was cancelled")
    other.pay()
    expect(other.page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")
    assert other.surprises() == []


@pytest.mark.parametrize("quantity", ["0", "-1", "1.5", "a", ""])
def test_a_number_of_copies_that_is_none_is_one(
    person: Person, staff: Staff, quantity: str
) -> None:
    page = person.open(f"/checkout.html?isbn={staff.new_book(price=1234)}&quantity={quantity}")
    expect(page.get_by_text("£12.34").first).to_be_visible()


def test_more_copies_than_there_are_is_said_before_any_payment(
    person: Person, staff: Staff
) -> None:
    page = person.open(f"/checkout.html?isbn={staff.new_book(stock=2)}&quantity=50")
    person.fill_in_delivery(address())
    page.get_by_role("button", name="Go on to payment").click()
    expect(page.get_by_text("Only 2 copies left.")).to_be_visible()
    person.open(f"/book.html?isbn={staff.new_book()}")
    page.get_by_role("spinbutton", name="Copies").fill("100")
    page.get_by_role("button", name="Buy now").click()
    expect(page.get_by_role("spinbutton", name="Copies")).to_be_focused()
    assert "/book.html" in page.url


@pytest.mark.parametrize("path", ["/", "/search.html?q=the", "/book.html?isbn=9780141439846"])
def test_text_twice_as_large_finds_its_place(visit: Visit, path: str) -> None:
    """A window of 1280 pixels at a zoom of 200 %, and of 320 at most as WCAG 1.4.10 asks."""
    for width in (640, 320):
        person = visit(window={"width": width, "height": 500})
        person.open(path)
        person.check_fit()


def test_who_wants_less_motion_gets_less(visit: Visit) -> None:
    person = visit(reduced_motion="reduce")
    page = person.page
    page.route(BOOKS, lambda route: None)
    page.goto(person.shop.base_url)
    slow = "getComputedStyle(document.querySelector('main'), '::before').animationDuration"
    assert page.evaluate(slow) == "4s, 0.2s"
    page.unroute_all(behavior="ignoreErrors")
