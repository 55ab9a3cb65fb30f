"""What must hold for API Management's policies. Each check takes the texts of all of them by name,
and the documents of the APIs, and returns what is wrong.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from shared.auth import Unauthenticated
from shared.http import problems
from tests.infra import csharp

Policies = Mapping[str, str]
Documents = Mapping[str, Mapping[str, Any]]
Check = Callable[[Policies, Documents], list[str]]

SECTIONS = ["inbound", "backend", "outbound", "on-error"]
_PAIRS = {")": "(", "]": "[", "}": "{"}
_KNOWN = {
    error.kind: (error.status, error.title)
    for error in (
        Unauthenticated,
        problems.Forbidden,
        problems.NoRoute,
        problems.BodyTooLarge,
    )
}


def well_formed(policies: Policies, documents: Documents) -> list[str]:
    """XML with the four sections; each API keeps in each of them what holds for all."""
    wrong = []
    if policies.keys() != {"all", *documents}:
        wrong.append(f"there are policies {sorted(policies)} for {sorted(documents)}")
    for name, text in policies.items():
        try:
            root = ElementTree.fromstring(text)  # noqa: S314
        except ElementTree.ParseError as error:
            wrong.append(f"{name}: {error}")
            continue
        if [section.tag for section in root] != SECTIONS:
            wrong.append(f"{name}: not the four sections in order")
        elif name != "all":
            own_backend = root.find("backend/retry") is not None
            wrong += [
                f"{name}: {section.tag} forgets what holds for all"
                for section in root
                if section.find("base") is None and not (section.tag == "backend" and own_backend)
            ]
    return wrong


def expressions(policies: Policies, _documents: Documents) -> list[str]:
    """The brackets and texts of each C# expression close, and it names what there is."""
    wrong = []
    for name in policies:
        # What holds for all reads what each sets before it, and has a default.
        known = _set("".join(policies.values()) if name == "all" else policies[name])
        known |= _set(policies["all"])
        for code in _code(policies[name]):
            fault = unbalanced(code)
            found = [fault] if fault else [*csharp.faults(code)]
            found += [f"{one} is not set" for one in sorted(csharp.variables(code) - known)]
            wrong += [f"{name}: {fault}: {code[:60]}" for fault in found]
    return wrong


def _set(policy: str) -> set[str]:
    names = r'<set-variable name="([^"]+)"|output-token-variable-name="([^"]+)"'
    return {name for found in re.findall(names, policy) for name in found if name}


def unbalanced(code: str) -> str | None:
    """What is wrong with a policy expression, `@(...)` or `@{...}`; strings and signs may hold
    any bracket. Verbatim strings and comments do not occur, and are not known here.
    """
    waiting: list[str] = []
    quote = ""
    escaped = False
    for sign in code.strip()[1:]:
        if quote:
            if escaped:
                escaped = False
            elif sign == "\\":
                escaped = True
            elif sign == quote:
                quote = ""
        elif sign in "\"'":
            quote = sign
        elif sign in _PAIRS.values():
            waiting.append(sign)
        elif sign in _PAIRS:
            if not waiting or waiting.pop() != _PAIRS[sign]:
                return f"{sign} opens nowhere"
        elif not waiting and not sign.isspace():
            return "something follows the end"
    return "a text does not end" if quote else f"{waiting[-1]} does not close" if waiting else None


def _code(text: str) -> Iterator[str]:
    try:
        root = ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError:
        return
    for element in root.iter():
        for value in (element.text or "", *element.attrib.values()):
            if value.strip().startswith("@"):
                yield value


def roles(policies: Policies, documents: Documents) -> list[str]:
    """Each route of the administration wants the role that the code wants, and none is unknown."""
    wanted = {
        name: operation.get("x-required-role")
        for name, operation in operations(documents["admin"]).items()
    }
    wrong = [
        f"admin: {name} needs no role in the code" for name, role in wanted.items() if not role
    ]
    wrong += _compare("admin", _cases(policies["admin"], "role"), wanted)
    wrong += [] if 'return "nobody"' in policies["admin"] else ["admin: what is new is open"]
    return wrong + [
        f"{api}: {name} wants a role outside of the administration"
        for api in documents.keys() - {"admin"}
        for name, operation in operations(documents[api]).items()
        if operation.get("x-required-role")
    ]


def sign_in(policies: Policies, documents: Documents) -> list[str]:
    """Each route of the shop is known, with the sign-in that the code asks for; no other is."""
    wanted = {
        name: _sign_in_of(operation) for name, operation in operations(documents["shop"]).items()
    }
    wrong = _compare("shop", _cases(policies["shop"], "sign-in"), wanted)
    for api in ("admin", "shop"):
        if not re.search(r'default:\s+return "(nobody|required)"', policies[api]):
            wrong.append(f"{api}: a route that nobody named is open")
    return wrong


def _sign_in_of(operation: Mapping[str, Any]) -> str:
    schemes = operation.get("security", [])
    if not schemes:
        return "ignored"
    return "optional" if {} in schemes else "required"


def operations(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    }


def _cases(policy: str, variable: str) -> dict[str, str]:
    """What the variable's `switch` returns, by operation."""
    found = re.search(rf'<set-variable name="{variable}" value=\'@{{(.*?)}}\' />', policy, re.S)
    answers: dict[str, str] = {}
    waiting: list[str] = []
    for case, answer in re.findall(r'case "(\w+)":|return "([\w.]+)";', found[1] if found else ""):
        if case:
            waiting.append(case)
        else:
            answers |= dict.fromkeys(waiting, answer)
            waiting = []
    return answers


def _compare(api: str, given: Mapping[str, str], wanted: Mapping[str, str | None]) -> list[str]:
    wrong = [f"{api}: there is no route {name}" for name in sorted(given.keys() - wanted.keys())]
    return wrong + [
        f"{api}: {name} has {given.get(name)}, and the code says {answer}"
        for name, answer in wanted.items()
        if given.get(name) != answer
    ]


def webhooks(policies: Policies, documents: Documents) -> list[str]:
    """Third parties bring signatures and no tokens, and nothing changes what they send."""
    wrong = [
        f"webhooks: {name} asks for a token"
        for name, found in operations(documents["webhooks"]).items()
        if found["security"]
    ]
    if "validate-jwt" in policies["webhooks"] + policies["all"]:
        wrong.append("webhooks: they have no token to show")
    for policy in ("set-body", "rewrite-uri", "json-to-xml", "find-and-replace"):
        if f"<{policy}" in policies["webhooks"]:
            wrong.append(f"webhooks: {policy} changes what was signed")
    return wrong


def caution(policies: Policies, _documents: Documents) -> list[str]:
    """Nothing is cached; what is tried again is a GET."""
    wrong = []
    for name, text in policies.items():
        wrong += [f"{name}: {found}" for found in re.findall(r"<cache-[\w-]+", text)]
        for condition in re.findall(r"<retry condition='([^']*)'", text):
            if 'context.Request.Method == "GET" &amp;&amp; (' not in condition:
                wrong.append(f"{name}: more than reads are tried again")
        if text.count("<retry") != len(re.findall(r"<retry condition='", text)):
            wrong.append(f"{name}: a retry without a condition")
    return wrong


def problem_documents(policies: Policies, _documents: Documents) -> list[str]:
    """The gateway's errors are of the kinds, titles and statuses that the code's are."""
    whole = "".join(policies.values())
    said = [
        (kind, int(status), title)
        for status, kind, title in re.findall(
            r'case (\d+): type = "/problems/([\w-]+)"; title = "([^"]+)"', whole
        )
    ] + [
        (kind, int(status), title)
        for kind, title, status in re.findall(
            r'"type", "/problems/([\w-]+)"\),\s*new JProperty\("title", "([^"]+)"\),\s*'
            r'new JProperty\("status", (\d+)\)',
            whole,
        )
    ]
    wrong = [f"{kind}: {status} {title}" for kind, status, title in said
             if _KNOWN.get(kind) != (status, title)]  # fmt: skip
    wrong += [f"{kind} is not said" for kind in _KNOWN if kind not in {kind for kind, *_ in said}]
    root = ElementTree.fromstring(policies["all"])  # noqa: S314
    types = [
        value.text for value in root.findall("on-error/set-header[@name='Content-Type']/value")
    ]
    return wrong if types == [problems.MEDIA_TYPE] else [*wrong, f"errors are {types}"]


CHECKS: tuple[Check, ...] = (
    well_formed,
    expressions,
    roles,
    sign_in,
    webhooks,
    caution,
    problem_documents,
)
