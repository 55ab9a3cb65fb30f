"""The shop's staff in a real browser, on the local host."""

import io
import re
from base64 import b64encode
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Route, expect

from tests.browser.conftest import Visit
from tests.support.backstage import Staff
from tests.support.browser import Person
from tests.support.inventory import isbn as isbn_of

CATALOGUE, ORDERS, OPERATIONS = "catalogue.write", "orders.refund", "operations"


@pytest.fixture
def clerk(visit: Visit) -> Person:
    """Signed in, with every role, on the page of this morning."""
    person = visit()
    person.open("/staff/")
    person.sign_in(f"eve-{uuid4().hex}", CATALOGUE, ORDERS, OPERATIONS)
    return person


def picture(colour: str) -> FilePayload:
    content = io.BytesIO()
    Image.new("RGB", (400, 600), colour).save(content, "PNG")
    return {"name": "cover.png", "mimeType": "image/png", "buffer": content.getvalue()}


def test_a_book_is_added_edited_stocked_and_covered(clerk: Person) -> None:
    page = clerk.open("/staff/book.html")
    number = isbn_of(70_000 + uuid4().int % 10_000)
    for label, text in (
        ("ISBN", number),
        ("Copies to start with", "4"),
        ("Title", "The Clerk's Tale"),
        ("Price", "9.50"),
        ("Contributors", "Geoffrey Chaucer"),
    ):
        page.get_by_label(label, exact=label != "Contributors").fill(text)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**isbn={number}")
    clerk.settled()
    page.get_by_label("Pages").fill("321")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_label("Copies more").fill("-1")
    page.get_by_role("textbox", name="Reason").fill("a torn copy")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("cell", name="a torn copy")).to_be_visible()
    before = page.get_by_role("img", name="Cover of The Clerk's Tale").get_attribute("src")
    page.locator("input[type=file]").set_input_files(picture("teal"))
    expect(page.get_by_text("Taken.")).to_be_visible()
    shown = page.get_by_role("img", name="Cover of The Clerk's Tale")
    expect(shown).not_to_have_attribute("src", before or "")
    clerk.open(f"/book.html?isbn={number}")
    expect(page.get_by_text("321")).to_be_visible()
    expect(page.get_by_text("£9.50")).to_be_visible()


def test_a_cover_is_dropped_onto_its_place(clerk: Person, staff: Staff) -> None:
    isbn = staff.new_book(title="Dropped From Above")
    page = clerk.open(f"/staff/book.html?isbn={isbn}")
    shown = page.get_by_role("img", name="Cover of Dropped From Above")
    before = shown.get_attribute("src")
    dragged = page.evaluate_handle(
        """async (content) => {
            const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
            const files = new DataTransfer();
            files.items.add(new File([bytes], 'cover.png', {type: 'image/png'}));
            return files;
        }""",
        b64encode(picture("purple")["buffer"]).decode(),
    )
    place = page.locator(".drop")
    place.dispatch_event("dragover", {"dataTransfer": dragged})
    expect(place).to_have_class(re.compile("over"))
    place.dispatch_event("drop", {"dataTransfer": dragged})
    expect(page.get_by_text("Taken.")).to_be_visible()
    expect(place).not_to_have_class(re.compile("over"))
    expect(shown).not_to_have_attribute("src", before or "")


def test_a_file_that_is_no_picture_is_refused_in_words(clerk: Person, staff: Staff) -> None:
    page = clerk.open(f"/staff/book.html?isbn={staff.new_book()}")
    clerk.expects("4(15|22)")
    broken: FilePayload = {"name": "cover.png", "mimeType": "image/png", "buffer": b"no picture"}
    page.locator("input[type=file]").set_input_files(broken)
    expect(page.get_by_role("alert")).to_be_visible()


def test_two_editors_see_that_they_are_two(clerk: Person, visit: Visit, staff: Staff) -> None:
    isbn = staff.new_book()
    page = clerk.open(f"/staff/book.html?isbn={isbn}")
    other = visit()
    other.open(f"/staff/book.html?isbn={isbn}")
    other.sign_in(f"mallory-{uuid4().hex}", CATALOGUE)
    other.page.get_by_label("Publisher").fill("Hasty Press")
    other.page.get_by_role("button", name="Save").click()
    expect(other.page.get_by_text("Saved.")).to_be_visible()
    clerk.expects("412")
    page.get_by_label("Publisher").fill("Careful Press")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else changed this book")
    expect(page.get_by_role("alert")).to_contain_text("Hasty Press")
    expect(page.get_by_label("Publisher")).to_have_value("Careful Press")
    page.get_by_role("button", name="Save mine over it").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    other.page.reload()
    other.settled()
    expect(other.page.get_by_label("Publisher")).to_have_value("Careful Press")


def test_an_order_is_found_and_refunded_by_line_and_stands_in_the_figures(
    clerk: Person, staff: Staff
) -> None:
    email = f"{uuid4().hex}@example.org"
    number = clerk.buy(staff.new_book(title="Refunded With Regret"), email)
    page = clerk.open("/staff/orders.html")
    page.get_by_label("Order number or mail address").fill(email)
    page.get_by_role("button", name="Look up").click()
    clerk.settled()
    page.get_by_role("link", name=number).click()
    clerk.settled()
    page.get_by_label("Amount").fill("0.50")
    page.get_by_label("Reason").fill("a late apology")
    page.get_by_role("button", name="Give it back").click()
    expect(page.get_by_role("cell", name="a late apology")).to_be_visible()
    expect(page.get_by_role("cell", name="£0.50")).to_be_visible()
    page.get_by_label("Copies to refund of Refunded With Regret").fill("1")
    page.get_by_role("textbox", name="Reason").fill("a torn page")
    page.get_by_role("button", name="Give it back").click()
    expect(page.get_by_role("status")).to_contain_text("Asked for.")
    expect(page.get_by_role("cell", name="a torn page")).to_be_visible()
    clerk.open("/staff/")
    average = page.get_by_text("Average order").locator("xpath=following-sibling::*")
    expect(average).to_have_text(re.compile(r"£[1-9]"))
    expect(page.get_by_role("img", name="Orders by day")).to_be_visible()


def test_a_refund_whose_answer_is_lost_is_asked_for_again_and_given_once(
    clerk: Person, staff: Staff
) -> None:
    email = f"{uuid4().hex}@example.org"
    clerk.buy(staff.new_book(title="Given Back Once"), email)
    page = clerk.open(f"/staff/orders.html?q={email}")
    page.get_by_role("table").get_by_role("link").click()
    clerk.settled()
    lost: list[int] = []

    def lose(route: Route) -> None:
        lost.append(route.fetch().status)
        route.abort()

    clerk.expects("ERR_FAILED")
    page.route("**/refunds", lose, times=1)
    page.get_by_role("spinbutton", name="Amount").fill("1")
    page.get_by_role("textbox", name="Reason").fill("a torn page")
    page.get_by_role("button", name="Give it back").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="Give it back").click()
    expect(page.get_by_role("status")).to_contain_text("Asked for.")
    assert lost == [202]
    expect(page.get_by_role("cell", name="a torn page")).to_have_count(1)


def test_a_delivery_is_taken_in_and_reported(clerk: Person, tmp_path: Path) -> None:
    number = isbn_of(80_000 + uuid4().int % 10_000)
    file = tmp_path / "delivery.csv"
    file.write_text(f"isbn,title,author\n{number},Taken In,Ann Author\n12345,Refused,Nobody\n")
    page = clerk.open("/staff/imports.html")
    page.get_by_label("Price where none is said").fill("7.99")
    page.get_by_label("Copies where none are said").fill("3")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("heading", name="delivery.csv: Finished")).to_be_visible()
    expect(page.get_by_role("heading", name="What was refused")).to_be_visible()
    clerk.open(f"/book.html?isbn={number}")
    expect(page.get_by_text("£7.99")).to_be_visible()


def test_a_large_delivery_goes_to_an_address_of_its_own(clerk: Person, tmp_path: Path) -> None:
    first = 90_000 + uuid4().int % 9_000
    file = tmp_path / "large.csv"
    lines = [
        f"{isbn_of(first + at)},Large Delivery {at},Ann Author,{'x' * 1500}\n" for at in range(800)
    ]
    file.write_text("isbn,title,author,description\n" + "".join(lines))
    assert file.stat().st_size > 1024 * 1024
    page = clerk.open("/staff/imports.html")
    page.get_by_label("Price where none is said").fill("7.99")
    with page.expect_request(lambda sent: sent.method == "PUT") as uploading:
        page.locator("input[type=file]").set_input_files(file)
    answer = uploading.value.response()
    assert answer is not None
    assert answer.ok
    expect(page.get_by_role("heading", name="large.csv: Finished")).to_be_visible()
    expect(page.get_by_text("Added: 800")).to_be_visible()


def test_nothing_is_in_trouble(clerk: Person) -> None:
    page = clerk.open("/staff/trouble.html")
    expect(page.get_by_text("Every message was dealt with.")).to_be_visible()
    expect(page.get_by_role("cell", name="Fine").first).to_be_visible()


def test_who_has_no_role_sees_nothing_of_it(person: Person) -> None:
    page = person.open("/staff/orders.html")
    person.sign_in(f"ann-{uuid4().hex}", CATALOGUE)
    expect(page.get_by_text("Your account has no role for this page.")).to_be_visible()
    answer = page.request.get(f"{person.shop.base_url}/api/v1/admin/orders")
    assert answer.status == 401
