"""What keeps callers in their place at the gateway: checks of the policies' structure, beside those
of tests/infra/policies.py.
"""

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from tests.infra.policies import Check, Documents, Policies, operations

Element = ElementTree.Element

_JWT = '((Jwt)context.Variables["token"])'
_CALLER = '(string)context.Variables["caller"]'
_USER = f"{_JWT}.Subject"
ONLY_FRONT_DOOR = (
    '@(context.Request.Headers.GetValueOrDefault("X-Azure-FDID", "") != "{{front-door-id}}")'
)
CALLER = (
    '@(context.Request.Headers.GetValueOrDefault("X-Azure-SocketIP", context.Request.IpAddress)'
    '.Split(","[0]).Last().Trim())'
)
BODY_LENGTH = (
    '@(context.Request.Headers.ContainsKey("Content-Length")'
    ' ? Convert.ToInt64(context.Request.Headers.GetValueOrDefault("Content-Length", "0"))'
    " : context.Request.Body == null ? 0L"
    " : context.Request.Body.As<byte[]>(preserveContent: true).Length)"
)
TOO_LONG = (
    '@(context.Variables.GetValueOrDefault<long>("body-length")'
    ' > context.Variables.GetValueOrDefault<int>("largest-body", 1048576))'
)
WITHOUT_ROLE = (
    f'@(!{_JWT}.Claims.ContainsKey("roles")'
    f' || !{_JWT}.Claims["roles"].Contains((string)context.Variables["role"]))'
)
SIGNS_IN = (
    '@((string)context.Variables["sign-in"] == "required"'
    ' || ((string)context.Variables["sign-in"] == "optional"'
    ' && context.Request.Headers.ContainsKey("Authorization")))'
)
TOKEN = {
    "header-name": "Authorization",
    "require-scheme": "Bearer",
    "failed-validation-httpcode": "401",
    "require-expiration-time": "true",
    "require-signed-tokens": "true",
    "clock-skew": "60",
    "output-token-variable-name": "token",
}
TOKEN_OF = [
    ("openid-config", {"url": "{{auth-issuer}}/.well-known/openid-configuration"}, ""),
    ("audience", {}, "{{auth-audience}}"),
    ("issuer", {}, "{{auth-issuer}}"),
]
LIMITS = {
    "shop": [
        ("600", f'@("address:" + {_CALLER})'),
        ("300", f'@("user:" + {_USER})'),
        ("30", f'@("flow:" + {_CALLER})'),
    ],
    "admin": [("300", f'@("staff-address:" + {_CALLER})'), ("120", f'@("admin:" + {_USER})')],
    "webhooks": [("3000", f'@("webhooks:" + {_CALLER})')],
    "all": [],
}
"""Calls a minute and what is counted; the prefixes differ, since equal keys share a counter."""
FLOWS = {"checkout_start_checkout", "checkout_look_up_order"}
"""The sensitive ones of docs/security.md, API6."""
HEADERS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
ELEMENTS = frozenset(re.findall(r"\S+", """
    policies inbound backend outbound on-error base choose when set-variable set-header value
    set-status set-body return-response set-backend-service rate-limit-by-key validate-jwt
    openid-config audiences audience issuers issuer cors allowed-origins origin allowed-methods
    method allowed-headers header expose-headers retry forward-request
"""))  # fmt: skip
"""What the policies are made of; one that sends, traces or rewrites wants a look first."""


def elements(policies: Policies, _documents: Documents) -> list[str]:
    return [
        f"{name}: {element.tag}"
        for name, root in _roots(policies)
        for element in root.iter()
        if element.tag not in ELEMENTS
    ]


def front_door(policies: Policies, _documents: Documents) -> list[str]:
    """Whoever comes past Front Door is turned away first; of addresses, its word alone counts."""
    inbound = _section(policies["all"], "inbound")
    tags = [element.tag for element in inbound]
    wrong = [] if tags[:2] == ["set-header", "choose"] else [f"all: first comes {tags[:2]}"]
    wrong += _refusal("all", inbound.find("choose"), ONLY_FRONT_DOOR, "403")
    if _variables(inbound).get("caller") != CALLER:
        wrong.append("all: another caller")
    for name, text in policies.items():
        code = re.sub(r"<!--.*?-->", "", text, flags=re.S)
        wrong += [
            f"{name}: {header} can be made up"
            for header in ("X-Forwarded-For", "X-Azure-ClientIP", "X-Real-IP", "CF-Connecting-IP")
            if header.lower() in code.lower()
        ]
    return wrong


def tokens(policies: Policies, _documents: Documents) -> list[str]:
    """One check of the token in each API that has users, with nothing of it loosened."""
    wrong = []
    for name, root in _roots(policies):
        found = list(root.iter("validate-jwt"))
        if len(found) != (1 if name in ("shop", "admin") else 0):
            wrong.append(f"{name}: {len(found)} checks of a token")
        for check in found:
            if check.attrib != TOKEN:
                wrong.append(f"{name}: the token is checked by {check.attrib}")
            leaves = [
                (leaf.tag, leaf.attrib, (leaf.text or "").strip())
                for leaf in check.iter()
                if len(leaf) == 0
            ]
            if leaves != TOKEN_OF:
                wrong.append(f"{name}: a token of {leaves}")
    return wrong


def gates(policies: Policies, _documents: Documents) -> list[str]:
    """Administrators' tokens are asked for before anything else is, and their roles after; in the
    shop, whoever brings a token or must have one has it checked."""
    inbound = _section(policies["admin"], "inbound")
    tags = [element.tag for element in inbound if element.tag != "rate-limit-by-key"]
    wanted = ["set-variable", "base", "validate-jwt", "set-variable", "choose",
              "set-backend-service"]  # fmt: skip
    wrong = [] if tags == wanted else [f"admin: {tags}"]
    wrong += _refusal("admin", inbound.find("choose"), WITHOUT_ROLE, "403")
    chosen = [
        when.get("condition")
        for when in _section(policies["shop"], "inbound").iterfind("choose/when")
        if when.find("validate-jwt") is not None
    ]
    return wrong if chosen == [SIGNS_IN] else [*wrong, f"shop: tokens are checked when {chosen}"]


def rates(policies: Policies, _documents: Documents) -> list[str]:
    wrong = []
    for name, root in _roots(policies):
        found = list(root.iter("rate-limit-by-key"))
        given = [(one.get("calls"), one.get("counter-key")) for one in found]
        if given != LIMITS[name] or any(one.get("renewal-period") != "60" for one in found):
            wrong.append(f"{name}: limits are {given}")
    flows = [
        set(re.findall(r'== "(\w+)"', when.get("condition", "")))
        for when in ElementTree.fromstring(policies["shop"]).iter("when")  # noqa: S314
        if when.find("rate-limit-by-key") is not None and when.find("validate-jwt") is None
    ]
    return wrong if flows == [FLOWS] else [*wrong, f"shop: sensitive flows are {flows}"]


def bodies(policies: Policies, documents: Documents) -> list[str]:
    """Each operation takes at the gateway what the code takes, and not a byte more where it takes
    more than others."""
    inbound = _section(policies["all"], "inbound")
    wrong = _refusal("all", inbound.findall("choose")[-1], TOO_LONG, "413")
    if _variables(inbound).get("body-length") != BODY_LENGTH:
        wrong.append("all: bodies are measured otherwise")
    for name, document in documents.items():
        inbound = _section(policies[name], "inbound")
        first = inbound[0]
        if first.get("name") != "largest-body" or inbound[1].tag != "base":
            wrong.append(f"{name}: the largest body is not said before what holds for all")
        special, usual = _largest(first.get("value", ""))
        code = {operation: _limit_of(found) for operation, found in operations(document).items()}
        common = [limit for operation, limit in code.items() if limit and operation not in special]
        if usual != max(common, default=usual):
            wrong.append(f"{name}: {usual} bytes, and the code takes {max(common)}")
        wrong += [
            f"{name}: {operation} takes {limit} bytes, and the code {code.get(operation)}"
            for operation, limit in special.items()
            if code.get(operation) != limit
        ]
    return wrong


def _largest(expression: str) -> tuple[dict[str, int], int]:
    """Of the expression: operations with a limit of their own, and the others' limit."""
    found = re.fullmatch(r"@\((?:(.*) \? (\d+) : )?(\d+)\)", expression)
    if found is None:
        return {}, -1
    named = re.findall(r'context\.Operation\.Id\.Replace\("-", "_"\) == "(\w+)"', found[1] or "")
    return dict.fromkeys(named, int(found[2] or 0)), int(found[3])


def _limit_of(operation: Mapping[str, object]) -> int:
    """Bytes, of what the document says beside the body; 0: it takes none."""
    body = operation.get("requestBody")
    said = (
        re.match(r"At most (\d+) KiB", str(body["description"])) if isinstance(body, dict) else None
    )
    return int(said[1]) * 1024 if said else 0


def cross_origin(policies: Policies, _documents: Documents) -> list[str]:
    """Pages of our own origin alone, and no wildcard anywhere, since cookies come along."""
    found = [(name, cors) for name, root in _roots(policies) for cors in root.iter("cors")]
    if [name for name, _ in found] != ["all"]:
        return [f"cors is in {[name for name, _ in found]}"]
    cors = found[0][1]
    origins = [origin.text for origin in cors.iter("origin")]
    wrong = [] if origins == ["{{public-origin}}"] else [f"all: {origins} may call"]
    if cors.attrib != {"allow-credentials": "true"}:
        wrong.append(f"all: cors with {cors.attrib}")
    return wrong + [f"all: any {e.tag}" for e in cors.iter() if "*" in (e.text or "")]


def backends(policies: Policies, documents: Documents) -> list[str]:
    """Each API leads to its own prefix of the app, last of all, with a time limit."""
    wrong = []
    for name in documents:
        inbound = _section(policies[name], "inbound")
        found = [e.get("backend-id") for e in inbound.iter("set-backend-service")]
        if found != [name] or inbound[-1].attrib != {"backend-id": name}:
            wrong.append(f"{name}: leads to {found}")
    for name, root in _roots(policies):
        wrong += [
            f"{name}: forwards by {forward.attrib}"
            for forward in root.iter("forward-request")
            if forward.attrib != {"timeout": "30", "buffer-request-body": "false"}
        ]
    return wrong


def headers(policies: Policies, _documents: Documents) -> list[str]:
    """Answers and errors bring the same headers and a correlation id; none says what serves."""
    wrong = [
        f"all: {section}: no correlation id"
        for section in ("inbound", "outbound", "on-error")
        if _section(policies["all"], section).find("set-header[@name='x-correlation-id']") is None
    ]
    for section in ("outbound", "on-error"):
        inside = _section(policies["all"], section)
        given = {
            header.get("name"): header.findtext("value") for header in inside.iter("set-header")
        }
        wrong += [f"all: {section}: {n}" for n, value in HEADERS.items() if given.get(n) != value]
    deleted = {
        header.get("name")
        for header in _section(policies["all"], "outbound").iter("set-header")
        if header.get("exists-action") == "delete"
    }
    return wrong if deleted == {"Server", "X-Powered-By"} else [*wrong, f"all: {deleted} deleted"]


def _refusal(name: str, choose: Element | None, condition: str, status: str) -> list[str]:
    """What is wrong with a `choose` that refuses on one condition, and does nothing else."""
    whens = [] if choose is None else list(choose)
    if len(whens) != 1 or whens[0].get("condition") != condition:
        return [f"{name}: refuses when {[when.get('condition') for when in whens]}"]
    inside = [element.tag for element in whens[0]]
    found = whens[0].find("return-response/set-status")
    if inside != ["return-response"] or found is None or found.get("code") != status:
        return [f"{name}: does not refuse with {status}"]
    return []


def _variables(section: Element) -> dict[str, str]:
    return {v.get("name", ""): v.get("value", "") for v in section.iter("set-variable")}


def _section(policy: str, name: str) -> Element:
    found = ElementTree.fromstring(policy).find(name)  # noqa: S314
    assert found is not None
    return found


def _roots(policies: Policies) -> Iterator[tuple[str, Element]]:
    for name, text in policies.items():
        yield name, ElementTree.fromstring(text)  # noqa: S314


GUARDS: tuple[Check, ...] = (
    elements, front_door, tokens, gates, rates, bodies, cross_origin, backends, headers,
)  # fmt: skip
