"""What `dev.py run` says once the shop is open."""

import pytest

from local.serve import announce
from tests.unit.local_server import serving


def test_the_shop_window_and_the_office_are_named_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(lambda _path, _body: (200, b"")) as shop:
        announce(shop.port, "folder of mine")
    said = capsys.readouterr().out.splitlines()
    assert said[2].split() == ["the", "shop", f"{shop.url}/"]
    assert said[3].split() == ["the", "office", f"{shop.url}/staff/"]
    assert any("--state 'folder of mine'" in line for line in said)
