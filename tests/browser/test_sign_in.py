"""Who is signed in, and who no longer is: tabs, sessions that end, issuers that do not answer."""

import json
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.browser.conftest import Visit
from tests.conftest import Shop
from tests.support.backstage import Staff, guest_link
from tests.support.browser import Person, chromium, visiting

DISCOVERY = "**/.well-known/openid-configuration"
ENDED = "You are no longer signed in."


def end_session(page: Page) -> None:
    """As if the hour of the token were over."""
    page.evaluate(
        "() => { const kept = JSON.parse(localStorage.getItem('shop.session')); kept.ends = 0; "
        "localStorage.setItem('shop.session', JSON.stringify(kept)); }"
    )


def test_a_session_that_ends_loses_nothing_typed(person: Person, staff: Staff) -> None:
    page = person.open(f"/staff/book.html?isbn={staff.new_book()}")
    name = f"eve-{uuid4().hex}"
    person.sign_in(name, "catalogue.write")
    page.get_by_label("Publisher").fill("Patient Press")
    end_session(page)
    page.get_by_role("button", name="Save").click()
    said = page.get_by_role("alert").filter(has_text=ENDED)
    expect(said).to_be_visible()
    with page.context.expect_page() as beside:
        said.get_by_role("link").click()
    other = beside.value
    other.get_by_role("button", name="Sign in").first.click()
    other.get_by_label("Name", exact=True).fill(name)
    other.locator('input[value="catalogue.write"]').check()
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_text(f"Signed in as {name}")).to_be_visible()
    other.close()
    expect(page.get_by_label("Publisher")).to_have_value("Patient Press")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def test_a_page_of_a_customer_does_not_go_on_as_a_guest(person: Person, staff: Staff) -> None:
    page = person.open(f"/book.html?isbn={staff.new_book()}")
    person.sign_in(f"ann-{uuid4().hex}")
    end_session(page)
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("alert").filter(has_text=ENDED)).to_be_visible()
    person.open("/cart.html")
    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()


def test_a_payment_goes_on_when_the_session_ends(person: Person, staff: Staff) -> None:
    page = person.open(f"/checkout.html?isbn={staff.new_book()}")
    person.sign_in(f"ann-{uuid4().hex}")
    person.fill_in_delivery(f"{uuid4().hex}@example.org")
    page.get_by_role("button", name="Go on to payment").click()
    expect(page.get_by_label("Card number")).to_be_visible()
    end_session(page)
    person.pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")


def test_a_token_that_the_shop_does_not_take_leads_to_the_sign_in(person: Person) -> None:
    page = person.open("/orders.html")
    person.sign_in(f"ann-{uuid4().hex}")
    page.evaluate(
        "() => { const kept = JSON.parse(localStorage.getItem('shop.session')); "
        "kept.token = kept.token.slice(0, -8) + 'AAAAAAAA'; "
        "localStorage.setItem('shop.session', JSON.stringify(kept)); }"
    )
    person.expects("401")
    person.open("/account.html")
    expect(page.get_by_role("heading", level=1)).to_have_text("That did not work")
    expect(page.get_by_text(ENDED)).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Name", exact=True)).to_be_visible()


def test_who_signs_out_is_signed_out_in_every_tab(person: Person, staff: Staff) -> None:
    page = person.open("/account.html")
    name = f"ann-{uuid4().hex}"
    person.sign_in(name)
    expect(page.get_by_text(f"Signed in as {name}")).to_be_visible()
    other = page.context.new_page()
    other.goto(f"{person.shop.base_url}/checkout.html?isbn={staff.new_book()}")
    other.evaluate("sessionStorage.setItem('shop.checkout', '{\"id\": \"another\"}')")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url(f"{person.shop.base_url}/")
    expect(page.get_by_text("Sign in to see your account.")).to_be_visible()
    assert other.evaluate("sessionStorage.length") == 0


def test_the_back_button_shows_nobody_what_was_anothers(
    browser: Browser, shop: Shop, staff: Staff
) -> None:
    """With the browser's memory of whole pages, which its tests are without else."""
    whole = ["--disable-back-forward-cache"]
    remembering = browser.browser_type.launch(
        executable_path=chromium(), args=["--no-sandbox"], ignore_default_args=whole
    )
    with closing(remembering), visiting(remembering, shop) as person:
        page = person.open("/account.html")
        name = f"ann-{uuid4().hex}"
        person.sign_in(name)
        expect(page.get_by_text(f"Signed in as {name}")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{shop.base_url}/")
        page.go_back(wait_until="commit")
        expect(page.get_by_text("Sign in to see your account.")).to_be_visible()
        person.open("/find-order.html")
        page.goto(f"{shop.base_url}/book.html?isbn={staff.new_book()}")
        page.get_by_role("button", name="Add to cart").click()
        expect(page.get_by_role("status")).to_be_visible()
        page.go_back(wait_until="commit")
        expect(page.get_by_role("link", name="Cart, 1 copy")).to_be_visible()


def test_an_issuer_that_does_not_answer_is_said_and_no_reason_to_stay(person: Person) -> None:
    page = person.open("/account.html")
    person.expects("ERR_FAILED|Failed to fetch")
    page.route(DISCOVERY, lambda route: route.abort(), times=1)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    said = page.get_by_role("main").get_by_role("alert")
    expect(said).to_contain_text("Signing in does not work just now.")
    person.sign_in(f"ann-{uuid4().hex}")
    page.route(DISCOVERY, lambda route: route.abort())
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{person.shop.base_url}/")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_shop_that_did_not_answer_once_is_asked_again(person: Person) -> None:
    page = person.page
    page.route("**/api/v1/shop", lambda route: route.fulfill(status=503), times=1)
    person.expects("503")
    person.open("/account.html")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Name", exact=True)).to_be_visible()


def test_an_issuers_page_keeps_its_own_query(person: Person) -> None:
    page = person.page

    def with_policy(route: Route) -> None:
        answer = route.fetch()
        said: dict[str, Any] = answer.json()
        said["authorization_endpoint"] += "?p=B2C_1_sign_in"
        route.fulfill(response=answer, body=json.dumps(said))

    page.route(DISCOVERY, with_policy)
    person.open("/account.html")
    with page.expect_navigation(url="**/oidc/authorize**") as left:
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
    _, _, query = left.value.url.partition("?")
    assert query.startswith("p=B2C_1_sign_in&response_type=code&")
    assert "code_challenge_method=S256" in query


@pytest.mark.parametrize(
    "answer", ["code=guessed&state=guessed", "code=guessed", "error=denied", ""]
)
def test_an_answer_that_this_tab_did_not_ask_for_signs_nobody_in(
    person: Person, answer: str
) -> None:
    page = person.page
    person.expects("Error: state")
    page.goto(f"{person.shop.base_url}/signed-in.html?{answer}")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "That did not work. Please sign in again."
    )
    assert page.evaluate("localStorage.length") == 0


def test_an_identity_that_was_not_asked_for_signs_nobody_in(person: Person) -> None:
    page = person.page

    def of_another(route: Route) -> None:
        answer = route.fetch()
        said: dict[str, Any] = answer.json()
        head, _, signature = said["id_token"].split(".")
        said["id_token"] = f"{head}.eyJub25jZSI6ICJhbm90aGVyIn0.{signature}"
        route.fulfill(response=answer, body=json.dumps(said))

    page.route("**/oidc/token", of_another)
    person.expects("Error: nonce")
    person.open("/account.html")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.get_by_label("Name", exact=True).fill(f"ann-{uuid4().hex}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "That did not work. Please sign in again."
    )
    assert page.evaluate("localStorage.length") == 0


def test_a_sign_in_that_was_refused_comes_back_as_one_was(person: Person) -> None:
    page = person.open("/account.html")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Back to the shop").click()
    page.wait_for_url("**/account.html")
    expect(page.get_by_text("Sign in to see your account.")).to_be_visible()


def test_a_guests_link_is_told_to_nobody_else(person: Person, visit: Visit, staff: Staff) -> None:
    person.buy(staff.new_book(), f"{uuid4().hex}@example.org")
    order = person.page.evaluate(
        "async () => (await (await fetch('/api/v1/checkouts/' + JSON.parse("
        "sessionStorage.getItem('shop.checkout')).id)).json()).order_id"
    )
    reader = visit()
    page, token = reader.page, guest_link(reader.shop, order)
    told: list[str] = []

    def heard(sent: Request) -> None:
        told.append(sent.headers.get("referer", ""))
        if "/api/v1/orders/" not in sent.url:
            told.append(sent.url)

    page.on("request", heard)
    page.route(
        "https://carrier.example/**",
        lambda route: route.fulfill(content_type="text/html", body="<h1>A parcel</h1>"),
    )
    reader.open(f"/order.html?id={order}#token={token}")
    expect(page.get_by_role("heading", name="Parcels")).to_be_visible()
    page.evaluate("location.assign('https://carrier.example/parcel')")
    page.wait_for_url("https://carrier.example/**")
    assert f"{reader.shop.base_url}/" in told
    assert [one for one in told if token in one] == []
