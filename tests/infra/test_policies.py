"""API Management's policies can be read, and name what the templates make."""

import re
from xml.etree import ElementTree

import pytest

from tests.support.bicep import ROOT, load

FOLDER = ROOT / "infra" / "apim" / "policies"
POLICIES = {file.name: file.read_text("utf-8") for file in sorted(FOLDER.glob("*.xml"))}
GATEWAY = load()["modules/api-management.bicep"]
APIS = {str(api["name"]) for api in GATEWAY.variables["apis"]}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_well_formed_and_whole(name: str) -> None:
    sections = [section.tag for section in ElementTree.fromstring(POLICIES[name])]  # noqa: S314
    assert sections == ["inbound", "backend", "outbound", "on-error"]


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_names_values_and_backends_that_are_made(name: str) -> None:
    values = set(re.findall(r"\{\{([\w-]+)\}\}", POLICIES[name]))
    assert values <= GATEWAY.variables["plainValues"].keys()
    assert set(re.findall(r'backend-id="([^"]+)"', POLICIES[name])) <= APIS


def test_each_api_has_a_policy_that_keeps_what_holds_for_all() -> None:
    assert POLICIES.keys() == {"all.xml", *(f"{api}.xml" for api in APIS)}
    for api in APIS:
        assert POLICIES[f"{api}.xml"].count("<base />") >= 3, api
