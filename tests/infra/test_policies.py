"""API Management's policies, the code's routes and the templates say the same; and each check
would notice if they did not.
"""

import re

import pytest

from local import api_document
from tests.infra import csharp
from tests.infra.policies import CHECKS, Documents, Policies, unbalanced, well_formed
from tests.infra.policy_guards import GUARDS
from tests.support.bicep import ROOT, load

FOLDER = ROOT / "infra" / "apim" / "policies"
POLICIES = {file.stem: file.read_text("utf-8") for file in sorted(FOLDER.glob("*.xml"))}
GATEWAY = load()["modules/api-management.bicep"]
APIS = {str(api["name"]) for api in GATEWAY.variables["apis"]}
BY_NAME = {check.__name__: check for check in (*CHECKS, *GUARDS)}
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
    ("sign_in", "shop", 'default:\n          return "required"', 'default: return "ignored"'),
    ("webhooks", "webhooks", "<set-backend-service", "<validate-jwt /><set-backend-service"),
    ("webhooks", "webhooks", "<set-backend-service", "<set-body>1</set-body><set-backend-service"),
    ("caution", "shop", "<set-backend-service", '<cache-lookup /><set-backend-service'),
    ("caution", "shop", 'context.Request.Method == "GET" &amp;&amp; (', "("),
    ("problem_documents", "all", "Sign in first", "Sign in"),
    ("problem_documents", "all", "/problems/no-route", "/problems/no-way"),
    ("problem_documents", "admin", '"status", 403', '"status", 401'),
    ("expressions", "all", "context.Request.Body", "context.Request.Content"),
    ("expressions", "all", "context.RequestId", "context.CallId"),
    ("expressions", "all", "GetValueOrDefault(", "GetValueOrNothing("),
    ("expressions", "all", "Convert.ToInt64", "Int64.Parse"),
    ("expressions", "shop", 'context.Variables["sign-in"]', 'context.Variables["signs-in"]'),
    ("expressions", "admin", 'return "operations";', 'role = "operations";'),
    ("expressions", "all", '; break;\n        case 403', ';\n        case 403'),
    ("elements", "shop", "<set-backend-service", "<send-request /><set-backend-service"),
    ("elements", "all", "<forward-request ", '<trace source="x" /><forward-request '),
    ("front_door", "all", '"") != "{{front', '"") == "{{front'),
    ("front_door", "all", 'code="403" reason="Forbidden"', 'code="200" reason="OK"'),
    ("front_door", "all", "X-Azure-SocketIP", "X-Azure-ClientIP"),
    ("front_door", "all", "X-Azure-SocketIP", "X-Forwarded-For"),
    ("front_door", "all", ".Last()", ".First()"),
    ("tokens", "shop", "<validate-jwt ", "<validate-jwt /><validate-jwt "),
    ("tokens", "shop", 'require-signed-tokens="true"', 'require-signed-tokens="false"'),
    ("tokens", "admin", 'require-expiration-time="true" ', ""),
    ("tokens", "admin", 'clock-skew="60"', 'clock-skew="86400"'),
    ("tokens", "admin", "<audience>{{auth-audience}}</audience>", ""),
    ("tokens", "shop", "<issuer>{{auth-issuer}}</issuer>", "<issuer>https://other</issuer>"),
    ("gates", "admin", 'condition=\'@(!((Jwt)', 'condition=\'@(((Jwt)'),
    ("gates", "admin", 'code="403"', 'code="200"'),
    ("gates", "admin", "<set-backend-service", "<choose /><set-backend-service"),
    ("gates", "shop", '== "required" || (', '== "required" &amp;&amp; ('),
    ("rates", "webhooks", 'context.Variables["caller"]', 'context.Variables["largest-body"]'),
    ("rates", "admin", '"token"]).Subject)', '"token"]).Issuer)'),
    ("rates", "shop", 'calls="600"', 'calls="600000"'),
    ("rates", "shop", "checkout_look_up_order\")'>", "checkout_list_orders\")'>"),
    ("rates", "admin", '"staff-address:"', '"address:"'),
    ("rates", "admin", 'renewal-period="60"', 'renewal-period="1"'),
    ("bodies", "all", '"largest-body", 1048576))\'>', '"largest-body", 9048576))\'>'),
    ("bodies", "all", 'code="413"', 'code="200"'),
    ("bodies", "all", "? 0L :", "? 1L :"),
    ("bodies", "webhooks", "@(524288)", "@(52428800)"),
    ("bodies", "admin", "inventory_put_sample", "inventory_put_page"),
    ("bodies", "admin", "? 10485760", "? 104857600"),
    ("bodies", "shop", '    <set-variable name="largest-body" value="@(1048576)" />\n', ""),
    ("cross_origin", "all", "<origin>{{public-origin}}", "<origin>*"),
    ("cross_origin", "all", "<header>traceparent", "<header>*"),
    ("cross_origin", "shop", "<set-backend-service", "<cors /><set-backend-service"),
    ("backends", "shop", 'backend-id="shop"', 'backend-id="admin"'),
    ("backends", "webhooks", '    <set-backend-service backend-id="webhooks" />\n', ""),
    ("backends", "all", 'timeout="30"', 'timeout="300"'),
    ("headers", "all", "max-age=31536000", "max-age=0"),
    ("headers", "all", 'name="x-correlation-id"', 'name="x-request-id"'),
    ("headers", "all", '<set-header name="Server" exists-action="delete" />', ""),
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


def leads_there(template: str, path: str) -> bool:
    """Whether the address of a route fits another route's template, segment by segment."""
    ours, theirs = template.split("/"), path.split("/")
    return len(ours) == len(theirs) and all(
        a == b or a.startswith("{") or b.startswith("{") for a, b in zip(ours, theirs, strict=True)
    )


def test_no_address_is_a_route_of_two_apis(documents: Documents) -> None:
    """Else what the gateway takes for the shop's could be an administrator's in the app."""
    shop = [f"{api_document.PREFIXES['shop']}{path}" for path in documents["shop"]["paths"]]
    others = [
        f"{api_document.PREFIXES[api]}{path}"
        for api in ("admin", "webhooks")
        for path in documents[api]["paths"]
    ]
    assert [(a, b) for a in shop for b in others if leads_there(a, b)] == []
    assert leads_there("/api/v1/{any}/{id}", "/api/v1/admin/orders")


def test_a_missing_policy_is_noticed(documents: Documents) -> None:
    assert well_formed({"all": POLICIES["all"]}, documents) != []


@pytest.mark.parametrize("code", ['@(f(")"))', '@{ return "\\"}"; }', "@(a['('])"])
def test_brackets_in_texts_do_not_count(code: str) -> None:
    assert unbalanced(code) is None


@pytest.mark.parametrize("code", ["@(f()", "@(f[)]", "@{ } }", '@("a)', "@(a) + 1"])
def test_brackets_that_do_not_close_are_noticed(code: str) -> None:
    assert unbalanced(code) is not None


@pytest.mark.parametrize(
    "code",
    [
        '@(context.Request.Headers.GetValueOrDefault("a", ""))',
        '@{ var kind = "a: b"; switch (kind) { case "a": kind = "c"; break; } return kind; }',
        '@(context.Variables.GetValueOrDefault<long>("n") > 1 ? "a" : "b")',
    ],
)
def test_an_expression_of_known_names_is_good(code: str) -> None:
    assert list(csharp.faults(code)) == []


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("@(context.Requests.Method)", "context has no Requests"),
        ("@(context.Request.Methods)", "context.Request has no Methods"),
        ("@(File.Exists)", "nothing has Exists"),
        ("@(method)", "method is not known"),
        ("@(1;)", "a statement in an expression"),
        ('@{ switch (1) { case 1: var a = ""; default: return ""; } }', "a case falls through"),
        ('@{ var a = ""; }', "it does not end with a return"),
    ],
)
def test_an_expression_that_no_compiler_would_take_is_noticed(code: str, fault: str) -> None:
    assert fault in csharp.faults(code)


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_names_values_and_backends_that_are_made(name: str) -> None:
    values = set(re.findall(r"\{\{([\w-]+)\}\}", POLICIES[name]))
    assert values <= GATEWAY.variables["plainValues"].keys()
    assert set(re.findall(r'backend-id="([^"]+)"', POLICIES[name])) <= APIS
    assert POLICIES.keys() == {"all", *APIS}
