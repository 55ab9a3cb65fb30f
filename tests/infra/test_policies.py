"""API Management's policies, the code's routes and the templates say the same; and each check
would notice if they did not.
"""

import re

import pytest

from local import api_document
from tests.infra.policies import CHECKS, Documents, Policies, unbalanced, well_formed
from tests.support.bicep import ROOT, load

FOLDER = ROOT / "infra" / "apim" / "policies"
POLICIES = {file.stem: file.read_text("utf-8") for file in sorted(FOLDER.glob("*.xml"))}
GATEWAY = load()["modules/api-management.bicep"]
APIS = {str(api["name"]) for api in GATEWAY.variables["apis"]}
BY_NAME = {check.__name__: check for check in CHECKS}
BREAKS = [
    ("well_formed", "shop", "</policies>", ""),
    ("well_formed", "shop", "  <outbound>\n    <base />", "  <outbound>"),
    ("well_formed", "webhooks", "on-error>", "on-fault>"),
    ("expressions", "shop", "(context.Response.StatusCode == 502 ||", "((context.Response.X =="),
    ("expressions", "all", ".ToString();\n    }", ".ToString();\n    }}"),
    ("expressions", "all", 'detail = "Send', "detail = Send"),
    ("roles", "admin", '        case "inventory_change_stock":\n', ""),
    ("roles", "admin", '"checkout_refund_order":', '"checkout_refund_orders":'),
    ("roles", "admin", 'return "orders.refund"', 'return "catalogue.write"'),
    ("roles", "admin", 'return "nobody"', 'return "catalogue.write"'),
    ("sign_in", "shop", '        case "checkout_list_orders":\n', ""),
    ("sign_in", "shop", '"cart_get_cart"', '"cart_get_carts"'),
    ("sign_in", "shop", 'return "required";\n        def', 'return "ignored";\n        def'),
    ("sign_in", "shop", "<validate-jwt ", "<validate-nothing "),
    ("sign_in", "shop", 'default:\n          return "required"', 'default: return "ignored"'),
    ("webhooks", "webhooks", "<set-backend-service", "<validate-jwt /><set-backend-service"),
    ("webhooks", "webhooks", "<set-backend-service", "<set-body>1</set-body><set-backend-service"),
    ("limits", "webhooks", 'context.Variables["caller"]', '"all"'),
    ("limits", "admin", '"token"]).Subject)', '"token"]).Issuer)'),
    ("limits", "all", '"largest-body"', '"body"'),
    ("caution", "shop", "<set-backend-service", '<cache-lookup /><set-backend-service'),
    ("caution", "shop", 'context.Request.Method == "GET" &amp;&amp; (', "("),
    ("caution", "all", "X-Azure-FDID", "X-FDID"),
    ("problem_documents", "all", "Sign in first", "Sign in"),
    ("problem_documents", "all", "/problems/no-route", "/problems/no-way"),
    ("problem_documents", "admin", '"status", 403', '"status", 401'),
]  # fmt: skip


@pytest.fixture(scope="module")
def documents() -> Documents:
    return api_document.parts(api_document.whole())


@pytest.mark.parametrize("check", BY_NAME)
def test_policies_and_routes_fit(check: str, documents: Documents) -> None:
    assert BY_NAME[check](POLICIES, documents) == []


@pytest.mark.parametrize(("check", "name", "before", "after"), BREAKS)
def test_a_broken_policy_is_noticed(
    check: str, name: str, before: str, after: str, documents: Documents
) -> None:
    assert before in POLICIES[name]
    broken: Policies = POLICIES | {name: POLICIES[name].replace(before, after, 1)}
    if check == "well_formed":
        broken = POLICIES | {name: POLICIES[name].replace(before, after)}
    assert BY_NAME[check](broken, documents) != []


def test_a_route_that_no_policy_knows_is_noticed(documents: Documents) -> None:
    new = {"get": {"operationId": "inventory_new", "security": []}}
    for check, api in (("roles", "admin"), ("sign_in", "shop")):
        paths = {**documents[api]["paths"], "/new": new}
        grown = {**documents, api: {**documents[api], "paths": paths}}
        assert BY_NAME[check](POLICIES, grown) != []


def test_a_missing_policy_is_noticed(documents: Documents) -> None:
    assert well_formed({"all": POLICIES["all"]}, documents) != []


@pytest.mark.parametrize("code", ['@(f(")"))', '@{ return "\\"}"; }', "@(a['('])"])
def test_brackets_in_texts_do_not_count(code: str) -> None:
    assert unbalanced(code) is None


@pytest.mark.parametrize("code", ["@(f()", "@(f[)]", "@{ } }", '@("a)', "@(a) + 1"])
def test_brackets_that_do_not_close_are_noticed(code: str) -> None:
    assert unbalanced(code) is not None


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_names_values_and_backends_that_are_made(name: str) -> None:
    values = set(re.findall(r"\{\{([\w-]+)\}\}", POLICIES[name]))
    assert values <= GATEWAY.variables["plainValues"].keys()
    assert set(re.findall(r'backend-id="([^"]+)"', POLICIES[name])) <= APIS
    assert POLICIES.keys() == {"all", *APIS}
