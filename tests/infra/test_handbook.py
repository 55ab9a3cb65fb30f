"""What operators read names what there is: alerts, events, routes, tests, commands."""

import re

import pytest

from local import api_document
from local.deployment.__main__ import STEPS
from local.deployment.vault import to_renew
from tests.support.bicep import FOLDER, ROOT, load

OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text("utf-8")
ALERTS = load()["modules/alerts.bicep"].variables


def test_each_alert_has_a_section_under_its_own_title() -> None:
    alerts = [
        f"### {alert['name']}: {alert['title']}"
        for alert in (*ALERTS["searches"], *ALERTS["counted"])
    ]
    sections = re.findall(r"^### [a-z-]+: .*$", OPERATIONS, re.MULTILINE)
    assert sorted(sections) == sorted(alerts)


def test_each_event_that_needs_a_person_says_what_to_do() -> None:
    query = (FOLDER / "queries" / "needs-a-person.kql").read_text("utf-8")
    table = OPERATIONS.partition("### needs-a-person")[2]
    events = set(re.findall(r'"([a-z]+\.[a-z_]+)"', query))
    assert events == set(re.findall(r"`([a-z]+\.[a-z_]+)`", table)) - {"logs.traceShare"}


def test_each_admin_route_that_is_named_exists() -> None:
    paths = api_document.whole()["paths"]
    named = re.findall(r"(?:GET|POST) (/api/v1/admin/[\w/-]+)", OPERATIONS)
    assert named
    assert [
        path for path in named if not any(known.startswith(path.rstrip("/")) for known in paths)
    ] == []


def test_each_step_of_a_deployment_that_is_named_exists() -> None:
    assert set(re.findall(r"dev\.py deployment (\w+)", OPERATIONS)) <= STEPS.keys()
    assert [
        name for name in ("prepare", "provisioned", "deployed") if f"(`{name}`)" not in OPERATIONS
    ] == []


def test_each_setting_that_is_named_is_a_parameter() -> None:
    parameters = (FOLDER / "main.parameters.json").read_text("utf-8")
    named = re.findall(r"azd env set ([A-Z][A-Z0-9_]+)", OPERATIONS)
    assert [name for name in named if f"${{{name}" not in parameters] == []


def test_each_output_that_is_read_is_one() -> None:
    named = re.findall(r"azd env get-value\s+([A-Z_]+)", OPERATIONS)
    known = {*load()["main.bicep"].outputs, "AZURE_SUBSCRIPTION_ID"}
    assert named
    assert [name for name in named if name not in known] == []


def test_each_secret_that_is_renewed_is_one_that_can_be() -> None:
    for names in re.findall(r"SHOP_RENEW=([\w,-]+)", OPERATIONS):
        assert to_renew({"SHOP_RENEW": names})


@pytest.mark.parametrize("number", range(1, 11))
def test_each_risk_has_an_answer_and_a_test_that_exists(number: int) -> None:
    (row,) = re.findall(rf"^\| API{number} .*$", SECURITY, re.MULTILINE)
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
    assert named
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text("utf-8"), f"{file}::{test}"


def test_tests_named_elsewhere_exist_too() -> None:
    for file, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", SECURITY):
        assert f"def {test}(" in (ROOT / file).read_text("utf-8"), f"{file}::{test}"
