"""What journeys share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from uuid import uuid4

import pytest

from tests.conftest import Shop, end, serve
from tests.support.backstage import Post, Staff, Till
from tests.support.shopper import Shopper

Arrive = Callable[..., Shopper]
"""`arrive()` is a guest, `arrive("anna")` is signed in. The same name is the same person within a
test, and nobody of another test."""


@pytest.fixture
def arrive(shop: Shop) -> Iterator[Arrive]:
    house = uuid4().hex
    with ExitStack() as leaving:

        def enter(name: str | None = None) -> Shopper:
            subject = None if name is None else f"{name}-{house}"
            return leaving.enter_context(closing(Shopper(shop, subject)))

        yield enter


@pytest.fixture(scope="module")
def staff(shop: Shop) -> Iterator[Staff]:
    with closing(Staff(shop)) as opened:
        yield opened


@pytest.fixture(scope="module")
def till(shop: Shop) -> Iterator[Till]:
    with closing(Till(shop)) as opened:
        yield opened


@pytest.fixture(scope="module")
def post(shop: Shop) -> Iterator[Post]:
    with closing(Post(shop)) as opened:
        yield opened


@pytest.fixture(scope="session")
def later_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Its clock is moved ahead, so it is for tests alone that do not mind how late it is."""
    running = serve(tmp_path_factory.mktemp("later") / "state", "--no-covers")
    yield running
    end(running)
