"""The questions of a deployment's smoke test fit the shop that they are asked of."""

import pytest

from local.deployment import smoke
from local.deployment.management import Stopped
from tests.conftest import Shop


def test_the_shop_answers_all_but_what_front_door_alone_answers(shop: Shop) -> None:
    with pytest.raises(Stopped) as stopped:
        smoke.look(shop.base_url, tries=1)
    reasons = str(stopped.value).partition(": ")[2].split("; ")
    assert reasons == ["GET /problems/not-found is answered with 404."]
