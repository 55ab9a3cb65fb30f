"""One browser for the tests of a file, and a person for each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.conftest import Shop
from tests.support.backstage import Staff
from tests.support.browser import Person, chromium, visiting

Visit = Callable[..., Person]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for longer: its loop runs in this thread, where asynchronous tests want their own."""
    path = chromium()
    if path is None:
        pytest.skip("the browser's tests need Chromium")
    # Who is root has no sandbox to give it, and it sees this machine's pages alone.
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Browser, shop: Shop) -> Iterator[Visit]:
    """`visit()` is one more person, with a browser window of their own."""
    with ExitStack() as leaving:

        def enter(**options: Any) -> Person:
            return leaving.enter_context(visiting(browser, shop, **options))

        yield enter


@pytest.fixture
def person(visit: Visit) -> Person:
    return visit()


@pytest.fixture(scope="module")
def staff(shop: Shop) -> Iterator[Staff]:
    with closing(Staff(shop)) as opened:
        yield opened
