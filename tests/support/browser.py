"""A person at a real browser: pages are opened and used as they are shown, and what the browser
complains of on the way, scripts, styles and resources alike, is a failure."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect

from tests.conftest import Shop

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is the same browser without windows: a new person costs it a tenth of the time."""
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PICTURES = os.environ.get("PICTURES")
"""A folder for pictures of the pages; without it none are kept."""

_AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
_PATIENCE = 30_000
expect.set_options(timeout=_PATIENCE)


def chromium() -> str | None:
    """Where the machine has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Person:
    def __init__(self, shop: Shop, page: Page) -> None:
        self.shop = shop
        self.page = page
        self.complaints: list[str] = []
        self._expected: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def expects(self, complaint: str) -> None:
        """A pattern of what the browser will say and may: an answer that is no success."""
        self._expected.append(complaint)

    def surprises(self) -> list[str]:
        return [
            one
            for one in self.complaints
            if not any(re.search(pattern, one) for pattern in self._expected)
        ]

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.shop.base_url}{path}")
        self.settled()
        return self.page

    def settled(self) -> None:
        """The page has been filled."""
        self.page.wait_for_selector("main:not([aria-busy])", timeout=_PATIENCE)

    def sign_in(self, name: str, *roles: str) -> None:
        """On the page that is open; the browser comes back to it."""
        page = self.page
        came_from = page.url
        page.get_by_role("button", name="Sign in").first.click()
        page.get_by_label("Name", exact=True).fill(name)
        for role in roles:
            page.locator(f'input[value="{role}"]').check()
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(came_from)
        self.settled()

    def fill_in_delivery(self, email: str, country: str = "GB", postcode: str = "NW1 6XE") -> None:
        page = self.page
        page.get_by_label("Mail address").fill(email)
        page.get_by_label("Name").fill("Anna Ray")
        page.get_by_label("Address", exact=True).fill("1 Baker Street")
        page.get_by_label("Town or city").fill("London")
        page.get_by_label("Country").select_option(country)
        page.get_by_label("Postcode").fill(postcode)

    def pay(self, card: str = "4242 4242 4242 4242") -> None:
        page = self.page
        page.get_by_label("Card number").fill(card)
        page.get_by_role("button", name=re.compile("^Pay ")).click()

    def buy(self, isbn: str, email: str) -> str:
        """Buys a copy at once; gives the order's number."""
        self.open(f"/checkout.html?isbn={isbn}")
        self.fill_in_delivery(email)
        self.page.get_by_role("button", name="Go on to payment").click()
        self.pay()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")
        return self.page.locator(".lead").inner_text().removeprefix("Order ")

    def check_access(self) -> None:
        """By axe-core, with the rules of WCAG 2.2 A and AA."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(_AXE)
        found: list[dict[str, Any]] = self.page.evaluate(
            "() => axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', "
            "'best-practice']}).then(result => result.violations)"
        )
        assert not found, "\n".join(
            f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']][:3]}"
            for one in found
        )

    def check_fit(self) -> None:
        """Nothing makes the page wider than its window."""
        wide: int = self.page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{self.page.url} is {wide} pixels too wide"

    def picture(self, name: str) -> None:
        if PICTURES is not None:
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png")


@contextmanager
def visiting(
    browser: Browser, shop: Shop, window: ViewportSize = DESKTOP, **options: Any
) -> Iterator[Person]:
    """A person with cookies of their own; what the browser complained of fails at the end."""
    context = browser.new_context(
        viewport=window, locale="en-GB", timezone_id="Europe/London", **options
    )
    context.set_default_timeout(_PATIENCE)
    try:
        person = Person(shop, context.new_page())
        yield person
        assert not (surprises := person.surprises()), surprises
    finally:
        context.close()
