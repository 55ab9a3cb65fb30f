"""Takes the README's pictures of a shop that has sold books for some weeks.

.venv/bin/python -m tests.support.pictures docs/pictures STATE

STATE is the folder of a stopped `dev.py run` that has drawn its covers; orders are added to it.
"""

import io
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.conftest import Shop, end, serve
from tests.support.backstage import advance_clock
from tests.support.browser import PHONE, Person, chromium, visiting
from tests.support.shopper import Shopper

DESK: ViewportSize = {"width": 1180, "height": 760}
WIDTH = 1000
PHONE_WIDTH = 480
QUALITY = 72
DAYS = 24
BOOK = "pride and prejudice"


def main(folder: Path, state: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = chromium()
    if path is None:
        sys.exit("There is no Chromium to take pictures with.")
    with opened(state.resolve()) as shop:
        orders = trade(shop)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            take(browser, shop, orders, lambda name, page: keep(page, folder / f"{name}.webp"))
            browser.close()


@contextmanager
def opened(state: Path) -> Iterator[Shop]:
    shop = serve(state)
    try:
        yield shop
    finally:
        end(shop)


def trade(shop: Shop) -> list[str]:
    """Some orders a day; their ids."""
    dice = random.Random(7)
    orders = []
    with closing(Shopper(shop)) as guest:
        found = guest.ask("GET", "books?sort=bestselling&in_stock=true&limit=40")["items"]
        isbns = [book["isbn"] for book in found if book["availability"]["available"] > 20]
        for _ in range(DAYS):
            for _ in range(dice.randint(1, 4)):
                chosen = dice.sample(isbns[:12], dice.randint(1, 3))
                orders.append(guest.buy(*chosen)["order_id"])
            advance_clock(shop, "P1D")
        orders.append(guest.buy(*isbns[:3])["order_id"])
    return orders


def take(
    browser: Browser, shop: Shop, orders: list[str], keep: Callable[[str, Page], None]
) -> None:
    with visitor(browser, shop, DESK, "light") as person:
        keep("home", person.open("/"))
        keep("search", person.open("/search.html?q=london&format=paperback"))
    with visitor(browser, shop, PHONE, "dark") as person:
        isbn = person.page.request.get(
            f"{shop.base_url}/api/v1/books", params={"q": BOOK, "in_stock": "true"}
        ).json()["items"][0]["isbn"]
        page = person.open(f"/book.html?isbn={isbn}")
        page.get_by_role("button", name="Add to cart").click()
        expect(page.get_by_role("status")).to_be_visible()
        keep("book", page)
    with visitor(browser, shop, PHONE, "light") as person:
        page = person.open(f"/checkout.html?isbn={isbn}")
        person.fill_in_delivery("anna@example.org")
        page.get_by_role("button", name="Go on to payment").click()
        expect(page.get_by_label("Card number")).to_be_visible()
        keep("payment", page)
    with visitor(browser, shop, DESK, "dark") as person:
        person.open("/staff/")
        person.sign_in("eve", "catalogue.write", "orders.refund", "operations")
        keep("morning", person.page)
    with visitor(browser, shop, DESK, "light") as person:
        person.open("/staff/")
        person.sign_in("eve", "catalogue.write", "orders.refund", "operations")
        keep("order", person.open(f"/staff/order.html?id={orders[-1]}"))


@contextmanager
def visitor(
    browser: Browser, shop: Shop, window: ViewportSize, scheme: Literal["light", "dark"]
) -> Iterator[Person]:
    with visiting(browser, shop, window, color_scheme=scheme, device_scale_factor=2) as person:
        yield person


def keep(page: Page, file: Path) -> None:
    # Not until the network is idle: a checkout's page asks on.
    page.wait_for_function(
        "[...document.images].every((one) => one.complete || one.loading === 'lazy')"
    )
    with Image.open(io.BytesIO(page.screenshot())) as taken:
        width = PHONE_WIDTH if taken.width < taken.height else WIDTH
        taken.resize((width, taken.height * width // taken.width)).save(file, quality=QUALITY)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
