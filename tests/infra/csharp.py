"""The C# of policy expressions, as far as a list of names can tell: no compiler can be had offline.

What `context` has, and which types an expression may use, is said by "API Management policy
expressions" in Microsoft's documentation; of it, what the policies use is listed here. Another
member is looked up there before it comes in.
"""

import re
from collections.abc import Iterator


def _words(text: str) -> set[str]:
    return set(text.split())


CONTEXT: dict[str, set[str]] = {
    "Operation": {"Id"},
    "Request": {"Body", "Headers", "IpAddress", "Method"},
    "RequestId": set(),
    "Response": {"StatusCode", "StatusReason"},
    "Variables": set(),
}
MEMBERS = _words("""
    As Claims Contains ContainsKey GetValueOrDefault Last Length Replace Split Subject ToInt64
    ToString Trim
""")
TYPES = {"Convert", "JObject", "JProperty", "Jwt"}
WORDS = _words("""
    break byte case default else false if int long new null preserveContent return string switch
    true var
""")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"')
_LABEL = re.compile(r"\b(?:case [^:]+|default)\s*:")


def faults(code: str) -> Iterator[str]:
    """What `@(...)` or `@{...}` names and does not have; brackets are policies.unbalanced's."""
    bare = _STRING.sub('""', code)
    for chain in re.findall(r"\bcontext((?:\s*\.\s*\w+)*)", bare):
        first, second, *_ = [*re.findall(r"\w+", chain), "", ""]
        if first not in CONTEXT:
            yield f"context has no {first}"
        elif second and second not in CONTEXT[first] | MEMBERS:
            yield f"context.{first} has no {second}"
    of_context = {"context", *CONTEXT, *(name for names in CONTEXT.values() for name in names)}
    for name in re.findall(r"\.\s*([A-Za-z_]\w*)", bare):
        if name not in MEMBERS | of_context:
            yield f"nothing has {name}"
    own = set(re.findall(r"\bvar (\w+) =", bare))
    for name in re.findall(r"(?<![\w.])([A-Za-z_]\w*)", re.sub(r"\.\s+", ".", bare)):
        if name not in own | TYPES | WORDS | {"context"}:
            yield f"{name} is not known"
    if bare.strip().startswith("@{"):
        yield from _paths(bare)
    elif ";" in bare:
        yield "a statement in an expression"


def _paths(bare: str) -> Iterator[str]:
    """Each section of a `switch` ends, and so does the whole: nothing falls through."""
    sections = [part for part in _LABEL.split(bare)[1:] if part.strip()]
    for section in sections:
        if not re.search(r"\b(return|break)\b", section):
            yield "a case falls through"
    if not re.search(r"\breturn\b[^;]*;\s*\}?\s*\}\s*$", bare):
        yield "it does not end with a return"


def variables(code: str) -> set[str]:
    """The policy variables that it reads."""
    return set(re.findall(r'\bVariables(?:\[|\.\w+(?:<\w+>)?\()\s*"([^"]+)"', code))
