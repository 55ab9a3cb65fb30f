"""What the queries of alerts and workbook may name: tables, columns, and what the shop itself says.

Columns after https://learn.microsoft.com/azure/azure-monitor/reference/tables-index, where the
tables are described. What the shop says is read from its code: the events of its logs with their
fields, and its domain events with their properties.
"""

import ast
import functools
import json
import re
from collections.abc import Iterator, Mapping

from tests.support.bicep import FOLDER, ROOT

_ALL = "TimeGenerated OperationId AppRoleName AppRoleInstance Properties"
TABLES = {
    "AppRequests": f"{_ALL} Name Url Success ResultCode DurationMs",
    "AppDependencies": f"{_ALL} Name Target DependencyType Data Success ResultCode DurationMs",
    "AppTraces": f"{_ALL} Message SeverityLevel",
    "AppExceptions": f"{_ALL} ExceptionType OuterMessage OuterType ProblemId",
    "AppEvents": f"{_ALL} Name Measurements",
    "ApiManagementGatewayLogs": (
        "TimeGenerated ApiId OperationId Method ResponseCode BackendResponseCode TotalTime"
        " BackendTime CorrelationId LastErrorReason"
    ),
}
_WORDS = set(re.findall(r"\w+", """
    where extend summarize project order by asc desc and or in contains startswith endswith has
    true false take top count bin distinct
"""))  # fmt: skip
_FUNCTIONS = set(re.findall(r"\w+", "bin count countif max parse_json percentile tostring in"))
_OPERATORS = set(re.findall(r"\w+", "where extend summarize project order top take"))
_OURS = set(
    re.findall(r"\w+", "time level event service correlation_id trace_id span_id exception")
)
_STRING = re.compile(r'"([^"]*)"')
_EVENT = re.compile(r"[a-z_]+\.[a-z_]+")


def queries(texts: Mapping[str, str] | None = None) -> dict[str, str]:
    """All queries by where they stand; `texts` takes the place of what is on the disk."""
    found = {file.name: file.read_text("utf-8") for file in (FOLDER / "queries").glob("*.kql")}
    workbook = json.loads((FOLDER / "workbook.json").read_text("utf-8"))
    for item in workbook["items"]:
        if item["type"] == 3:
            found[f"workbook: {item['name']}"] = item["content"]["query"]
    return {**found, **(texts or {})}


def problems(where: str, query: str) -> Iterator[str]:
    """What the query names and nobody sends."""
    code = re.sub(r"//.*", "", query).strip()
    table = code.split()[0]
    if table not in TABLES:
        yield f"{where}: the table {table} is not known"
        return
    yield from (f"{where}: {fault}" for fault in _shape(code))
    strings = set(_STRING.findall(code))
    for text in sorted(strings):
        if _EVENT.fullmatch(text) and text not in said():
            yield f"{where}: nobody says {text}"
    bare = _STRING.sub('""', code).partition(table)[2]
    for owner, name in re.findall(r"\b(Said|Properties)\.(\w+)", bare):
        if name not in (_OURS | fields() if owner == "Said" else properties()):
            yield f"{where}: {owner} has no {name}"
    bare = re.sub(r"\b(Said|Properties)\.\w+", r"\1", bare)
    own = set(re.findall(r"\b(\w+) = ", bare))
    for name in sorted(set(re.findall(r"\b[A-Za-z_]\w*\b(?!\()", bare))):
        if name not in own | _WORDS | set(TABLES[table].split()):
            yield f"{where}: {table} has no {name}"
    if "AppRoleName" in bare and "bookstore" not in strings:
        yield f"{where}: the role is called bookstore"


def _shape(code: str) -> Iterator[str]:
    """Steps begin with a pipe and a known word; functions are known; brackets close."""
    bare = _STRING.sub('""', code)
    steps = [line for line in bare.splitlines()[1:] if not line.startswith(" ")]
    for step in steps:
        found = re.match(r"\| (\w+)", step)
        if found is None or found[1] not in _OPERATORS:
            yield f"{step[:30]} is no step"
    for name in sorted(set(re.findall(r"(?<!!)\b(\w+)\s*\(", bare)) - _FUNCTIONS - _WORDS):
        yield f"there is no function {name}"
    if bare.count("(") != bare.count(")") or code.count('"') % 2:
        yield "a bracket or a text does not end"


def said() -> frozenset[str]:
    """Names of log events and domain events."""
    return frozenset(name for name, _, _ in _sayings())


def fields() -> frozenset[str]:
    return frozenset(field for _, is_log, names in _sayings() if is_log for field in names)


def properties() -> frozenset[str]:
    own = (names for _, is_log, names in _sayings() if not is_log)
    return frozenset({"correlation_id"}.union(*own))


@functools.cache
def _sayings() -> tuple[tuple[str, bool, frozenset[str]], ...]:
    """Each `log.error("name", field=...)` and `....record("name", {"property": ...})`."""
    found = []
    for folder in ("functions", "shared", "wiring"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    found += _saying(node, node.func)
    return tuple(found)


def _saying(call: ast.Call, function: ast.Attribute) -> list[tuple[str, bool, frozenset[str]]]:
    first = call.args[0] if call.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return []
    if function.attr in ("debug", "info", "warning", "error"):
        return [(first.value, True, frozenset(word.arg for word in call.keywords if word.arg))]
    if function.attr == "record" and len(call.args) > 1 and isinstance(call.args[1], ast.Dict):
        keys = (key.value for key in call.args[1].keys if isinstance(key, ast.Constant))
        return [(first.value, False, frozenset(str(key) for key in keys))]
    return []
