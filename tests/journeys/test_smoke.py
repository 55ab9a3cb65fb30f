"""The questions of a deployment's smoke test fit the shop that they are asked of."""

import pytest

from local.deployment import smoke
from local.deployment.management import Stopped
from tests.conftest import Shop


def test_the_local_shop_answers_all_of_them(shop: Shop) -> None:
    smoke.look(shop.base_url, tries=1)


def test_what_is_no_shop_is_told_from_one(shop: Shop) -> None:
    with pytest.raises(Stopped) as stopped:
        smoke.look(shop.sandbox_url, tries=1)
    assert "GET /problems/not-found" in str(stopped.value)
