"""Shoppers in a real browser, on the local host."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.support.backstage import Staff
from tests.support.browser import PHONE, Person
from tests.support.shopper import until

DECLINED = "402"


def address() -> str:
    return f"{uuid4().hex}@example.org"


def confirmed(page: Page) -> str:
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")
    return page.locator(".lead").inner_text().removeprefix("Order ")


def test_a_guest_searches_fills_a_cart_pays_with_a_second_card_and_reads_the_mail(
    person: Person, staff: Staff
) -> None:
    isbn = staff.new_book(title="The Browser's Almanac")
    email = address()
    page = person.open("/")
    page.get_by_role("combobox").fill("browser's alm")
    page.get_by_role("option", name="The Browser's Almanac").click()
    page.wait_for_url(f"**/book.html?isbn={isbn}")
    page.get_by_role("spinbutton", name="Copies").fill("2")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_have_text("2 copies in the cart.")
    expect(page.get_by_role("link", name="Cart, 2 copies")).to_be_visible()
    page.get_by_role("link", name="See the cart").click()
    person.settled()
    page.get_by_label("Copies of The Browser's Almanac").fill("1")
    page.get_by_label("Copies of The Browser's Almanac").press("Tab")
    expect(page.get_by_role("link", name="Cart, 1 copy")).to_be_visible()
    page.get_by_role("link", name="Check out").click()
    person.settled()
    person.fill_in_delivery(email)
    page.get_by_text("Express delivery").click()
    page.get_by_role("button", name="Go on to payment").click()
    person.expects(DECLINED)
    person.pay("4000 0000 0000 0002")
    expect(page.get_by_role("alert")).to_have_text("Your bank declined the card. Try another one.")
    person.pay()
    number = confirmed(page)
    mail(person, email, f"Your order {number} is placed")
    page.goto(f"{person.shop.sandbox_url}/mailbox?to={email}")
    expect(page.get_by_text(f"Your order {number} is placed").first).to_be_visible()


def test_a_guest_opens_the_order_from_the_mail_and_cancels_it(person: Person, staff: Staff) -> None:
    email = address()
    number = person.buy(staff.new_book(), email)
    page = person.open("/find-order.html")
    page.get_by_label("Order number").fill(number)
    page.get_by_label("Mail address").fill(email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("status")).to_contain_text("on its way")
    page.goto(mail(person, email, r"http\S+/api/v1/orders/\w+\?token=[\w.-]+"))
    person.settled()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Order {number}")
    expect(page.get_by_text("Order placed")).to_be_visible()
    page.get_by_role("button", name="Cancel this order").click()
    page.get_by_role("button", name="Yes, cancel it").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("cancel", re.IGNORECASE))


def mail(person: Person, email: str, pattern: str) -> str:
    """What matches in the person's mails, once it is there."""

    def found() -> str | None:
        answer = person.page.request.get(
            f"{person.shop.sandbox_url}/mailbox/messages", params={"to": email}
        )
        match = re.search(pattern, answer.text())
        return match and match.group()

    return until(found, lambda text: text is not None) or ""


def test_signing_in_keeps_the_cart_and_offers_saved_addresses(person: Person, staff: Staff) -> None:
    isbn = staff.new_book()
    page = person.open(f"/book.html?isbn={isbn}")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("link", name="Cart, 1 copy")).to_be_visible()
    person.open("/account.html")
    person.sign_in(f"anna-{uuid4().hex}")
    expect(page.get_by_role("link", name="Cart, 1 copy")).to_be_visible()
    page.get_by_role("button", name="Add an address").click()
    for label, text in (("Name", "Anna Ray"), ("Town or city", "London"), ("Postcode", "NW1 6XE")):
        page.get_by_label(label).fill(text)
    page.get_by_label("Address", exact=True).fill("1 Baker Street")
    page.get_by_role("button", name="Save the address").click()
    expect(page.get_by_text("1 Baker Street")).to_be_visible()
    person.open("/checkout.html")
    expect(page.get_by_text("1 Baker Street")).to_be_visible()
    page.get_by_role("button", name="Go on to payment").click()
    person.pay()
    number = confirmed(page)
    page.get_by_role("link", name="See your order").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Order {number}")
    person.open("/orders.html")
    expect(page.get_by_role("link", name=f"Order {number}")).to_be_visible()


def test_an_address_is_changed_and_thrown_away(person: Person) -> None:
    page = person.open("/account.html")
    person.sign_in(f"cora-{uuid4().hex}")
    page.get_by_role("button", name="Add an address").click()
    expect(page.get_by_label("Name")).to_be_focused()
    for label, text in (("Name", "Cora Ray"), ("Town or city", "Leeds"), ("Postcode", "wrong")):
        page.get_by_label(label).fill(text)
    page.get_by_label("Address", exact=True).fill("2 Long Lane")
    person.expects("400")
    page.get_by_role("button", name="Save the address").click()
    expect(page.get_by_label("Postcode")).to_be_focused()
    page.get_by_label("Postcode").fill("LS1 1AA")
    page.get_by_role("button", name="Save the address").click()
    heading = page.get_by_role("heading", name="Addresses")
    expect(heading).to_be_focused()
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Town or city")).to_have_value("Leeds")
    page.get_by_label("Town or city").fill("Hull")
    page.get_by_role("button", name="Save the address").click()
    expect(page.get_by_text("Hull, LS1 1AA")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("None kept yet.")).to_be_visible()
    expect(heading).to_be_focused()


def test_the_bank_asks_and_the_shopper_comes_back_to_a_placed_order(
    person: Person, staff: Staff
) -> None:
    page = person.open(f"/checkout.html?isbn={staff.new_book()}")
    person.fill_in_delivery(address())
    page.get_by_role("button", name="Go on to payment").click()
    person.pay("4000 0027 6000 3184")
    page.wait_for_url(f"{person.shop.sandbox_url}/**")
    page.get_by_role(
        "button", name=re.compile("authenticate|yes|it is me|agree", re.I)
    ).first.click()
    confirmed(page)


def test_who_is_not_the_card_holder_pays_nothing_and_may_try_again(
    person: Person, staff: Staff
) -> None:
    page = person.open(f"/checkout.html?isbn={staff.new_book()}")
    person.fill_in_delivery(address())
    page.get_by_role("button", name="Go on to payment").click()
    person.pay("4000 0027 6000 3184")
    page.wait_for_url(f"{person.shop.sandbox_url}/**")
    page.get_by_role("button", name="No, fail").click()
    expect(page.get_by_role("alert")).to_contain_text("The bank did not hear from you")
    person.pay()
    confirmed(page)


def test_a_checkout_outlives_a_reload_and_can_be_given_up(person: Person, staff: Staff) -> None:
    page = person.open(f"/checkout.html?isbn={staff.new_book()}")
    person.fill_in_delivery(address())
    page.get_by_role("button", name="Go on to payment").click()
    expect(page.get_by_label("Card number")).to_be_visible()
    assert "isbn" not in page.url
    page.reload()
    expect(page.get_by_label("Card number")).to_be_visible()
    page.get_by_role("button", name="Cancel the checkout").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The checkout was cancelled")


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    person: Person, staff: Staff
) -> None:
    page = person.open(f"/checkout.html?isbn={staff.new_book()}")
    person.fill_in_delivery(address(), postcode="NOT A CODE")
    person.expects("4(00|22)")
    page.get_by_role("button", name="Go on to payment").click()
    wrong = page.get_by_label("Postcode")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_value("NOT A CODE")
    expect(page.get_by_label("Town or city")).to_have_value("London")


def test_a_price_that_changed_is_shown_in_the_cart(person: Person, staff: Staff) -> None:
    isbn = staff.new_book(price=1099)
    page = person.open(f"/book.html?isbn={isbn}")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_be_visible()
    staff.change_price(isbn, 1199)
    person.open("/cart.html")
    expect(page.get_by_text("(was £10.99)")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()


def test_filters_and_pages_keep_their_address(person: Person) -> None:
    page = person.open("/search.html?q=the")
    page.get_by_role("link", name=re.compile("^Paperback")).click()
    person.settled()
    page.get_by_label("Sort by").select_option("price")
    page.wait_for_url("**sort=price**")
    person.settled()
    assert {"q=the", "format=paperback", "sort=price"} <= set(page.url.partition("?")[2].split("&"))
    first = titles(page)
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**cursor=**")
    person.settled()
    second = titles(page)
    page.reload()
    person.settled()
    assert titles(page) == second != first
    page.go_back()
    person.settled()
    assert titles(page) == first
    page.get_by_role("link", name="Without the filter Paperback").click()
    person.settled()
    assert "format" not in page.url


def titles(page: Page) -> list[str]:
    return page.locator(".book .title").all_inner_texts()


def test_a_misspelt_search_suggests_and_finds(person: Person) -> None:
    page = person.open("/search.html?q=shakespaere")
    expect(page.get_by_text("Did you mean")).to_be_visible()
    page.get_by_role("link", name="shakespeare").click()
    person.settled()
    assert titles(page)


def test_a_customer_takes_the_data_away_and_is_forgotten(person: Person, staff: Staff) -> None:
    page = person.open("/account.html")
    person.sign_in(f"ben-{uuid4().hex}")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download it").click()
    assert downloading.value.suggested_filename == "bookstore.json"
    page.get_by_label("When it has arrived").uncheck()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_label("Type erase to go on.").fill("erase")
    page.get_by_role("button", name="Have everything erased").click()
    expect(page.get_by_text("The shop does not know you any more.")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/nothing.html", "There is no such page"),
        ("/book.html?isbn=9780000000002", "That did not work"),
        ("/order.html?id=" + "0" * 32, "There is no such order, or the link has expired."),
    ],
)
def test_what_is_not_there_is_said(person: Person, path: str, heading: str) -> None:
    person.expects("40[014]")
    page = person.open(path)
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def test_two_windows_of_one_shopper_do_not_lose_each_others_changes(
    visit: Visit, staff: Staff
) -> None:
    one, other = staff.new_book(), staff.new_book()
    person = visit(window=PHONE)
    first = person.open(f"/book.html?isbn={one}")
    second = first.context.new_page()
    second.goto(f"{person.shop.base_url}/book.html?isbn={other}")
    second.get_by_role("button", name="Add to cart").click()
    expect(second.get_by_role("status")).to_be_visible()
    first.get_by_role("button", name="Add to cart").click()
    expect(first.get_by_role("link", name="Cart, 2 copies")).to_be_visible()
