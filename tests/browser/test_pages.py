"""How the pages look: on a phone and on a desk, by day and by night, to those who cannot see them.

With `PICTURES=DIR python3 dev.py test tests/browser` a picture of each lies in that folder.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Response, ViewportSize, expect

from tests.conftest import Shop
from tests.support.browser import DESKTOP, PHONE, Person, visiting

STOREFRONT = Path(__file__).resolve().parents[2] / "storefront"
FIRST_PAGE_BYTES = 100_000
LARGEST_SHIFT = 0.1
"""What web.dev calls good: https://web.dev/articles/cls."""
SHOWN = {
    "home": "/",
    "search": "/search.html?q=the&sort=bestselling",
    "nothing-found": "/search.html?q=zzzzzzzz",
    "book": "/book.html?isbn={isbn}",
    "cart": "/cart.html",
    "checkout": "/checkout.html",
    "orders": "/orders.html",
    "find-order": "/find-order.html",
    "account": "/account.html",
    "not-found": "/404.html",
    "staff-morning": "/staff/",
    "staff-catalogue": "/staff/catalogue.html?q=austen",
    "staff-book": "/staff/book.html?isbn={isbn}",
    "staff-orders": "/staff/orders.html",
    "staff-imports": "/staff/imports.html",
    "staff-trouble": "/staff/trouble.html",
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(scope="module")
def person(browser: Browser, shop: Shop) -> Iterator[Person]:
    """Of the staff, and with a book in the cart."""
    with visiting(browser, shop) as opened:
        opened.open("/staff/")
        opened.sign_in(f"eve-{uuid4().hex}", "catalogue.write", "orders.refund", "operations")
        opened.open(f"/book.html?isbn={_isbn(opened)}")
        opened.page.get_by_role("button", name="Add to cart").click()
        expect(opened.page.get_by_role("status")).to_be_visible()
        yield opened


@pytest.mark.parametrize(("size", "window"), [("desktop", DESKTOP), ("phone", PHONE)])
@pytest.mark.parametrize("name", SHOWN)
def test_a_page_fits_its_window_and_can_be_read_by_everybody(
    person: Person, name: str, size: str, window: ViewportSize
) -> None:
    person.page.set_viewport_size(window)
    page = person.open(SHOWN[name].format(isbn=_isbn(person)))
    page.wait_for_load_state("networkidle")
    for scheme in SCHEMES:  # styles alone ask for it, so nothing need be loaded again
        page.emulate_media(color_scheme=scheme)
        person.picture(f"{name}-{size}-{scheme}")
        person.check_fit()
        person.check_access()


def test_nothing_jumps_when_covers_come(browser: Browser, shop: Shop) -> None:
    with visiting(browser, shop, PHONE) as person:
        for path in ("/", "/search.html?q=the", f"/book.html?isbn={_isbn(person)}"):
            page = person.open(path)
            page.wait_for_load_state("networkidle")
            shift: float = page.evaluate(
                """() => new Promise(resolve => {
                    let sum = 0;
                    const observer = new PerformanceObserver(list => {
                        for (const one of list.getEntries()) sum += one.value;
                    });
                    observer.observe({type: 'layout-shift', buffered: true});
                    // Buffered entries are told before the next frame but one.
                    requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
                })"""
            )
            assert shift < LARGEST_SHIFT, path


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_that_is_the_first_is_light(
    person: Person, browser: Browser, shop: Shop, name: str
) -> None:
    """All that a browser with an empty cache asks for but pictures, before any compression."""
    known = person.page.context.storage_state()
    with visiting(browser, shop, storage_state=known) as newcomer:
        sizes: dict[str, int] = {}
        page = newcomer.page

        def weigh(answer: Response) -> None:
            if answer.request.resource_type != "image":
                sizes[answer.url] = len(answer.body())

        page.on("response", weigh)
        newcomer.open(SHOWN[name].format(isbn=_isbn(newcomer)))
        page.wait_for_load_state("networkidle")
        assert 0 < sum(sizes.values()) < FIRST_PAGE_BYTES, sizes


def test_a_page_names_every_module_that_it_will_need() -> None:
    """So that a browser asks for all at once, and not for one after the other has come."""
    for file in STOREFRONT.rglob("*.html"):
        text = file.read_text("utf-8")
        [first] = re.findall(r'<script type="module" src="(/[^"]+)"', text)
        named = re.findall(r'<link rel="modulepreload" href="(/[^"]+)"', text)
        assert named == sorted(_imported(first) - {first}), file


def _imported(script: str) -> set[str]:
    """With what these import in their turn, as absolute paths of the site."""
    found, left = set(), [script]
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        text = (STOREFRONT / name.lstrip("/")).read_text("utf-8")
        imports = re.findall(r'^import\b[^;]*? from "([^"]+)";', text, re.MULTILINE)
        left += [
            posixpath.normpath(posixpath.join(posixpath.dirname(name), one)) for one in imports
        ]
    return found


def test_every_page_has_the_same_frame() -> None:
    frames = {}
    for file in sorted(STOREFRONT.rglob("*.html")):
        text = file.read_text("utf-8")
        _, _, body = text.partition("<body>")
        frames[file.name] = body
        assert re.search(r'<script type="module" src="/scripts/[\w/-]+\.js"></script>', text), file
    assert len(set(frames.values())) == 1, frames.keys()


def test_scripts_and_styles_stand_in_files_of_their_own() -> None:
    """What the Content-Security-Policy would refuse anyway."""
    for file in STOREFRONT.rglob("*.html"):
        text = file.read_text("utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", text), file


def _isbn(person: Person) -> str:
    answer = person.page.request.get(
        f"{person.shop.base_url}/api/v1/books", params={"q": "emma austen", "in_stock": "true"}
    )
    isbn: str = answer.json()["items"][0]["isbn"]
    return isbn
