"""The templates hold together, and fit the app; and each check would notice if they did not."""

import pytest

from tests.infra.app_checks import NEEDS
from tests.infra.boundary_checks import BOUNDARIES
from tests.infra.checks import STRUCTURE, Check
from tests.infra.fixed_checks import DECISIONS
from tests.infra.template_breaks import BREAKS
from tests.support.bicep import load

CHECKS = {check.__name__: check for check in (*STRUCTURE, *NEEDS, *BOUNDARIES, *DECISIONS)}


pytestmark = pytest.mark.usefixtures("api_documents")


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_nothing_is_wrong(check: Check) -> None:
    assert check(load()) == []


@pytest.mark.parametrize(("name", "file", "old", "new"), BREAKS)
def test_a_broken_template_is_noticed(name: str, file: str, old: str, new: str) -> None:
    text = load()[file].text
    assert old in text
    assert CHECKS[name](load({file: text.replace(old, new)}))


def test_every_check_has_been_seen_to_fail() -> None:
    assert {name for name, *_ in BREAKS} == CHECKS.keys()
