"""Payments are tested against the sandbox's Stripe, over HTTP and by Stripe's own SDK."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.payments import Till, open_till
from tests.support.stripe import StripeSandbox, stripe_sandbox


@pytest.fixture(scope="session")
def running_stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StripeSandbox]:
    with stripe_sandbox(tmp_path_factory.mktemp("stripe")) as running:
        yield running


@pytest.fixture
def stripe(running_stripe: StripeSandbox) -> Iterator[StripeSandbox]:
    """One for all tests; what a test turns is turned back."""
    yield running_stripe
    running_stripe.turn_back()


@pytest.fixture
def till(sql: None, stripe: StripeSandbox, tmp_path: Path) -> Iterator[Till]:
    with open_till(tmp_path, stripe) as opened:
        yield opened
        opened.check()
