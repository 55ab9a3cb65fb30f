"""Front Door serves the web shop as the local host does: its headers, its folders, its problems."""

import json
from typing import Any

from tests.support.bicep import ROOT, load

ROUTES = load()["modules/front-door-routes.bicep"]
RULES = {
    resource.symbol: resource.body["properties"]
    for resource in ROUTES.resources
    if resource.kind.endswith("/ruleSets/rules")
}


def action(rule: str) -> dict[str, Any]:
    (found,) = RULES[rule]["actions"]
    parameters: dict[str, Any] = found["parameters"]
    return parameters


def test_rules_come_in_one_order_and_each_is_there_before_the_route() -> None:
    orders = sorted(rule["order"] for rule in RULES.values())
    assert orders == list(range(1, len(RULES) + 1))
    waits = next(line for line in ROUTES.text.splitlines() if "dependsOn: [blobOrigin" in line)
    assert [rule for rule in RULES if rule not in waits] == []


def test_the_headers_are_those_of_the_local_host_with_every_place_filled() -> None:
    headers = json.loads((ROOT / "infra" / "site-headers.json").read_text("utf-8"))
    text = ROUTES.text
    assert "loadJsonContent('../../site-headers.json')" in text
    assert "for header in items(siteHeaders)" in text
    left = "".join(headers.values()).replace("{cdn}", "").replace("{elsewhere}", "")
    assert "{" not in left
    # Front Door takes five actions a rule, and 640 characters a value.
    assert len(headers) <= 5
    longest = max(map(len, headers.values()))
    assert longest + len("https://login.example.org https://api.stripe.com") + 120 < 640


def test_a_problems_type_leads_to_its_place_in_the_documentation() -> None:
    redirect = action("problemPage")
    assert redirect["redirectType"] == "Found"
    assert redirect["customPath"] == "/api/docs"
    assert redirect["customFragment"] == "problem-{url_path:seg1}"
    assert RULES["problemPage"]["matchProcessingBehavior"] == "Stop"
    assert RULES["problemPage"]["order"] < RULES["firstPage"]["order"]


def test_each_folder_of_the_web_shop_has_its_page() -> None:
    folders = {
        page.parent.relative_to(ROOT / "storefront").as_posix()
        for page in (ROOT / "storefront").rglob("index.html")
    }
    assert folders == {".", "staff"}
    assert action("staffPage")["destination"] == "/staff/index.html"
    assert action("firstPage")["destination"] == "/index.html"


def test_pages_may_send_feeds_to_the_media_account_and_nothing_else() -> None:
    text = load()["modules/storage.bicep"].text
    assert text.count("corsRules") == 1
    assert "allowedOrigins: [publicOrigin]" in text
    assert "allowedMethods: ['PUT']" in text
