"""The shop window in a real browser: what its own clock says of pages, and of suggestions.

The shop, the sandbox and the browser share the machine, and nothing is far away. So these figures
compare one version with another; they say nothing of a phone in a train.
"""

import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.shop import Shop, whole_shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_TYPED = "jane austen"
_PATIENCE_MS = 60_000
_NAVIGATION = """() => {
    const [page] = performance.getEntriesByType('navigation');
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    const files = [page, ...performance.getEntriesByType('resource')];
    const kind = (file) => (file.initiatorType === 'img' ? 'img' : 'rest');
    const sum = (wanted) => files.filter((file) => kind(file) === wanted)
        .reduce((bytes, file) => bytes + file.transferSize, 0);
    return {
        paint: paint ? paint.startTime : null,
        interactive: page.domInteractive,
        complete: page.loadEventEnd,
        filled: performance.getEntriesByName('bench-filled')[0].startTime,
        requests: files.length,
        bytes: sum('rest'),
    };
}"""
_MARK_FILLED = """addEventListener('DOMContentLoaded', () => {
    const main = document.querySelector('main');
    const look = () => {
        if (main.hasAttribute('aria-busy')) return;
        watching.disconnect();
        performance.mark('bench-filled');
    };
    const watching = new MutationObserver(look);
    watching.observe(main, {attributes: true});
    look();
});"""
_MARK_SUGGESTED = """() => {
    const list = document.getElementById('suggestions');
    window.benchTaken = [];
    let pressed = null;
    document.getElementById('q').addEventListener('input', () => { pressed = performance.now(); });
    new MutationObserver(() => {
        if (pressed === null || list.hidden) return;
        const since = pressed;
        pressed = null;
        requestAnimationFrame(() => window.benchTaken.push(performance.now() - since));
    }).observe(list, {childList: true, subtree: true, characterData: true, attributes: true});
}"""


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows {page, first_paint_ms, interactive_ms, filled_ms, complete_ms, requests, kilobytes}:
    medians, with nothing in the browser's cache and then with what it keeps; `kilobytes` are sent
    without pictures. The last row is {page, suggestions_ms}: from a letter to the next frame with
    the books for it."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        return [{"page": "none was opened: these figures need Chromium"}]
    times = 5 if quick else 25
    with tempfile.TemporaryDirectory() as name, whole_shop(Path(name)) as shop:
        isbn = shop.isbns()[0]
        pages = {
            "home": "/",
            "search": "/search.html?q=the",
            "book": f"/book.html?isbn={isbn}",
        }
        with _browser(path) as browser:
            rows = [
                _page(browser, shop, page, address, times, is_new)
                for page, address in pages.items()
                for is_new in (True, False)
            ]
            return [*rows, _suggestions(browser, shop, times)]


@contextmanager
def _browser(path: str) -> Iterator["Browser"]:
    # The packages of tests are not needed by other benchmarks.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def _window(browser: "Browser") -> Iterator["Page"]:
    # What is waited for is evaluated in the page, which the shop's policy rightly refuses.
    context = browser.new_context(
        locale="en-GB", viewport={"width": 1280, "height": 900}, bypass_csp=True
    )
    context.set_default_timeout(_PATIENCE_MS)
    context.add_init_script(_MARK_FILLED)
    try:
        yield context.new_page()
    finally:
        context.close()


def _page(
    browser: "Browser", shop: Shop, name: str, path: str, times: int, is_new: bool
) -> dict[str, Any]:
    address = f"http://127.0.0.1:{shop.port}{path}"
    if is_new:
        taken = []
        for _ in range(times):
            with _window(browser) as page:
                taken.append(_opened(page, address))
    else:
        with _window(browser) as page:
            _opened(page, address)
            taken = [_opened(page, address) for _ in range(times)]

    def median(what: str) -> float:
        return float(statistics.median(one[what] for one in taken))

    return {
        "page": name if is_new else f"{name}, again",
        "first_paint_ms": round(median("paint")),
        "interactive_ms": round(median("interactive")),
        "filled_ms": round(median("filled")),
        "complete_ms": round(median("complete")),
        "requests": round(median("requests")),
        "kilobytes": round(median("bytes") / 1000, 1),
    }


def _opened(page: "Page", address: str) -> dict[str, Any]:
    page.goto(address, wait_until="load")
    page.wait_for_function(
        "() => performance.getEntriesByName('bench-filled').length"
        " && performance.getEntriesByName('first-contentful-paint').length"
    )
    timing: dict[str, Any] = page.evaluate(_NAVIGATION)
    return timing


def _suggestions(browser: "Browser", shop: Shop, times: int) -> dict[str, Any]:
    with _window(browser) as page:
        taken: list[float] = []
        for _ in range(times):
            page.goto(f"http://127.0.0.1:{shop.port}/")
            page.wait_for_selector("main:not([aria-busy])")
            page.evaluate(_MARK_SUGGESTED)
            field = page.get_by_role("combobox")
            for at, letter in enumerate(_TYPED):
                seen = len(page.evaluate("window.benchTaken"))
                field.press_sequentially(letter)
                # The first letter and a space ask for nothing new.
                if at and letter != " ":
                    page.wait_for_function(f"window.benchTaken.length > {seen}")
            taken += page.evaluate("window.benchTaken")
    return {
        "page": "a letter typed into the search",
        "suggestions_ms": round(statistics.median(taken), 1),
    }
