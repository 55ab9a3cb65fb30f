"""Paying by Stripe's Payment Element, with a stand-in for Stripe.js.

Stripe's own script needs real keys and its servers. The stand-in has the part of its interface that
the page uses (https://docs.stripe.com/js), notes how it was called, and confirms at the sandbox, so
that all of the shop's side is executed: the policy lets the script in, the element stands in the
form, what Stripe says is shown, and the order is placed.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.backstage import Staff
from tests.support.browser import Person

CARDS = ("pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_threeDSecure2Required")
STAND_IN = """
window.calls = [];
window.Stripe = (key, options) => ({
    elements(given) {
        window.calls.push(['Stripe', key, options], ['elements', given]);
        const create = (kind) => {
            const heard = {};
            const on = (name, handler) => { heard[name] = handler; };
            const mount = (place) => {
                window.calls.push(['mount', kind, place.isConnected]);
                const card = document.createElement('select');
                card.setAttribute('aria-label', 'Card');
                for (const name of CARDS) card.add(new Option(name));
                place.append(card);
                if (window.isBroken) heard.loaderror({error: {message: 'No element.'}});
            };
            return {on, mount};
        };
        return {create, given};
    },
    async confirmPayment({elements, confirmParams, redirect}) {
        window.calls.push(['confirmPayment', confirmParams, redirect]);
        const secret = elements.given.clientSecret;
        const [intent] = secret.split('_secret_');
        const answer = await fetch(`SANDBOX/v1/payment_intents/${intent}/confirm`, {
            method: 'POST',
            body: new URLSearchParams({
                key, client_secret: secret, ...confirmParams,
                payment_method: document.querySelector('[aria-label=Card]').value,
            }),
        });
        const said = await answer.json();
        if (said.error) return {error: {type: said.error.type, message: said.error.message}};
        if (!said.next_action) return {paymentIntent: {id: intent, status: said.status}};
        location.assign(said.next_action.redirect_to_url.url);
        return new Promise(() => {});
    },
});
"""


@pytest.fixture
def buyer(person: Person) -> Iterator[Person]:
    """Whose payments are said to be with Stripe itself."""
    page = person.page
    script = STAND_IN.replace("CARDS", json.dumps(CARDS))
    script = script.replace("SANDBOX", person.shop.sandbox_url)

    def as_stripes(route: Route) -> None:
        answer = route.fetch()
        checkout: dict[str, Any] = answer.json()
        if checkout.get("payment"):
            checkout["payment"]["api_base"] = "https://api.stripe.com"
        route.fulfill(response=answer, body=json.dumps(checkout))

    page.route(re.compile(r"/api/v1/checkouts/\w+(\?.*)?$"), as_stripes)
    page.route(
        "https://js.stripe.com/**",
        lambda route: route.fulfill(content_type="text/javascript", body=script),
    )
    yield person
    page.unroute_all(behavior="ignoreErrors")


def check_out(buyer: Person, isbn: str) -> Page:
    buyer.open(f"/checkout.html?isbn={isbn}")
    buyer.fill_in_delivery(f"{uuid4().hex}@example.org")
    buyer.page.get_by_role("button", name="Go on to payment").click()
    return buyer.page


def pay(page: Page, card: str) -> None:
    page.get_by_label("Card").select_option(card)
    page.get_by_role("button", name=re.compile("^Pay ")).click()


def test_stripes_element_takes_the_card_and_the_order_is_placed(
    buyer: Person, staff: Staff
) -> None:
    page = check_out(buyer, staff.new_book())
    buyer.expects("402")
    pay(page, "pm_card_visa_chargeDeclined")
    expect(page.get_by_role("alert")).to_contain_text("declined")
    pay(page, "pm_card_visa")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")
    started, made, *others = page.evaluate("window.calls")
    assert (started[0], started[2]) == ("Stripe", {"locale": "en-GB"})
    assert started[1].startswith("pk_test_")
    assert made[1]["clientSecret"].startswith("pi_")
    assert made[1]["appearance"] == {"theme": "stripe"}
    back = {"return_url": f"{buyer.shop.base_url}/checkout.html"}
    confirmed = ["confirmPayment", back, "if_required"]
    assert others == [["mount", "payment", True], confirmed, confirmed]


@pytest.mark.parametrize(
    ("answer", "shown"),
    [("Yes, authenticate", "Thank you for your order"), ("No, fail", "Checkout")],
    ids=["agrees", "fails"],
)
def test_who_comes_back_from_the_bank_sees_how_it_stands(
    buyer: Person, staff: Staff, answer: str, shown: str
) -> None:
    page = check_out(buyer, staff.new_book())
    buyer.expects("402")
    pay(page, "pm_card_threeDSecure2Required")
    page.wait_for_url(f"{buyer.shop.sandbox_url}/**")
    with page.expect_request(re.compile("payment_intent=.*redirect_status=")) as back:
        page.get_by_role("button", name=answer).click()
    assert "payment_intent_client_secret=" in back.value.url
    expect(page.get_by_role("heading", level=1)).to_have_text(shown)
    assert "secret" not in page.url
    if shown == "Checkout":
        expect(page.get_by_role("alert")).to_contain_text("The bank did not hear from you")
        pay(page, "pm_card_visa")
        expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")


def test_an_element_that_cannot_be_shown_says_so(buyer: Person, staff: Staff) -> None:
    buyer.page.add_init_script("window.isBroken = true;")
    page = check_out(buyer, staff.new_book())
    expect(page.get_by_role("alert")).to_have_text("No element.")


def test_who_cannot_reach_stripe_is_told_and_may_try_again(buyer: Person, staff: Staff) -> None:
    buyer.page.route("https://js.stripe.com/**", lambda route: route.abort(), times=1)
    buyer.expects("ERR_FAILED|could not be loaded")
    page = check_out(buyer, staff.new_book())
    page.get_by_role("button", name="Try again").click()
    pay(page, "pm_card_visa")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")
