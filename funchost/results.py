"""What the Functions host makes of text: of a `str` that an HTTP function returns, and of a `str`
for a queue or Service Bus output."""

import re
from dataclasses import dataclass

from funchost.newtonsoft import Json, JsonError, compact, dotnet_text, indented, read


class OutputError(ValueError):
    """The text cannot be sent; the real host fails the invocation."""


@dataclass(frozen=True)
class StringResult:
    status: int
    headers: dict[str, str]
    body: bytes


_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json; charset=utf-8"
_INT32 = range(-(2**31), 2**31)


def string_result(text: str) -> StringResult:
    """Text that reads as JSON is not sent as written: an object with a `body` is a response, other
    objects and arrays are printed again with indentation, scalars as .NET prints them. Raises
    OutputError for a status that is no 32-bit number."""
    try:
        content = read(text)
    except JsonError:
        return StringResult(200, {"content-type": _TEXT}, _encoded(text))
    if isinstance(content, dict) and _has(content, "body"):
        return _response(content)
    return StringResult(200, {"content-type": _TEXT}, _encoded(dotnet_text(content)))


def expand_messages(text: str) -> list[bytes]:
    """One message per element of a JSON array, one re-printed object, or the text as it is. Raises
    OutputError when text in brackets or braces is not JSON."""
    trimmed = text.strip()
    if not trimmed or trimmed[0] + trimmed[-1] not in {"{}", "[]"}:
        return [_encoded(text)]
    try:
        content = read(trimmed)
    except JsonError as error:
        raise OutputError(str(error)) from error
    if isinstance(content, list):
        return [_encoded(dotnet_text(item)) for item in content]
    return [_encoded(indented(content))]


def _response(content: dict[str, Json]) -> StringResult:
    body = _get(content, "body")
    printed = isinstance(body, dict | list)
    headers = {"content-type": _JSON if printed else _TEXT}
    given = _get(content, "headers")
    if isinstance(given, dict):
        headers |= {name.lower(): dotnet_text(value) for name, value in given.items()}
    payload = compact(body) if printed else dotnet_text(body)
    return StringResult(_status(content), headers, _encoded(payload))


def _status(content: dict[str, Json]) -> int:
    name = "statusCode" if _has(content, "statusCode") else "status"
    value = _get(content, name)
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", value) else 200
    if isinstance(value, bool) or not isinstance(value, int):
        return 200
    if value not in _INT32:
        raise OutputError(f"The status {value} of the returned response object is out of range.")
    return value


def _has(content: dict[str, Json], name: str) -> bool:
    return any(key.lower() == name.lower() for key in content)


def _get(content: dict[str, Json], name: str) -> Json:
    return next((value for key, value in content.items() if key.lower() == name.lower()), None)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
