"""HTTP requests to `func.HttpRequest` and back, with the losses that the real host has.

Names of headers arrive lower-cased, repeated headers and query keys are joined with a comma and
their empty parts dropped, a query key without a value disappears; of a response header that was
added twice the last value counts, except for cookies.
"""

import codecs
import re
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from http.cookies import Morsel, SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from azure.functions import HttpResponse
from azure.functions.http import HttpRequest

from funchost.results import string_result

__all__ = [
    "BadRequestError",
    "Response",
    "header_name",
    "header_value",
    "read_headers",
    "read_query",
    "read_request",
    "respond",
]

MAXIMUM_HEADERS = 100
MAXIMUM_HEADER_BYTES = 32 * 1024
_BODILESS = frozenset({204, 205, 304})
# Kestrel writes these itself, whatever the function says.
_OWN_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VISIBLE = re.compile("[\t -~]*")
_COOKIE_DATE = "%a, %d %b %Y %H:%M:%S GMT"
_SAME_SITE = frozenset({"lax", "strict", "none"})


class BadRequestError(Exception):
    """A request that the server refuses before any function sees it, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Response(NamedTuple):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def read_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """`raw` has lower-case names, as ASGI prescribes. Raises BadRequestError."""
    if len(raw) > MAXIMUM_HEADERS:
        raise BadRequestError(431)
    headers: dict[str, str] = {}
    size = 0
    try:
        for name, value in raw:
            size += len(name) + len(value)
            key, text = name.decode(), value.decode()
            if key in headers:
                before = headers[key]
                text = f"{before},{text}" if before and text else before or text
            headers[key] = text
    except UnicodeDecodeError:
        raise BadRequestError(400) from None
    if size > MAXIMUM_HEADER_BYTES:
        raise BadRequestError(431)
    return headers


def read_query(raw: str) -> dict[str, str]:
    """Keys are compared without case; the first spelling stays."""
    params: dict[str, str] = {}
    spelling: dict[str, str] = {}
    for part in raw.split("&"):
        name, _, value = part.partition("=")
        if not value:
            continue
        key = _unescape(name)
        key = spelling.setdefault(key.lower(), key)
        text = _unescape(value)
        params[key] = f"{params[key]},{text}" if key in params else text
    return params


def read_request(
    scope: MutableMapping[str, Any],
    path: str,
    headers: dict[str, str],
    route_params: dict[str, str],
    body: bytes,
) -> HttpRequest:
    """Raises BadRequestError for a query that is not ASCII."""
    url = f"{scope['scheme']}://{headers.get('host', '')}{path}"
    params: Mapping[str, str] = {}
    if raw_query := scope["query_string"]:
        try:
            query = raw_query.decode("ascii")
        except UnicodeDecodeError:
            raise BadRequestError(400) from None
        url = f"{url}?{query}"
        params = read_query(query)
    return HttpRequest(
        method=scope["method"],
        url=url,
        headers=headers,
        params=params,
        route_params=route_params,
        body_type="bytes",
        body=body,
    )


def respond(result: Any) -> Response:
    """What a function gave to its `http` output. Raises TypeError or ValueError, each of which
    fails the invocation."""
    if isinstance(result, HttpResponse):
        return _respond_with(result)
    if isinstance(result, str):
        text = string_result(result)
        return Response(
            text.status,
            [(header_name(name), header_value(value)) for name, value in text.headers.items()],
            b"" if text.status in _BODILESS else text.body,
        )
    raise TypeError(
        'unable to encode outgoing TypedData: unsupported type "http" for Python type '
        f'"{type(result).__name__}"'
    )


def _respond_with(response: HttpResponse) -> Response:
    status = int(response.status_code)
    if not 100 <= status <= 599:
        raise ValueError(f"{status} is not an HTTP status code.")
    headers, content_type = _read_response_headers(response.headers)
    if content_type is None:
        content_type = _content_type(response.mimetype, response.charset)
    headers.append((b"content-type", content_type))
    body = response.get_body() or b""
    return Response(status, headers, b"" if status in _BODILESS or status < 200 else body)


def _read_response_headers(
    given: Iterable[tuple[str, str]],
) -> tuple[list[tuple[bytes, bytes]], bytes | None]:
    """All but the content type, and the content type."""
    counting: dict[bytes, tuple[str, str]] = {}
    cookies: list[str] = []
    for header in given:
        name, value = header
        key = header_name(name)
        if key == b"set-cookie":
            cookies.append(value)
        elif key not in counting or counting[key][0] == name:
            # Of two spellings of a name the first counts, of one spelling the last value.
            counting[key] = header
    typed = counting.pop(b"content-type", None)
    headers = [
        (key, header_value(value))
        for key, (_, value) in counting.items()
        if key not in _OWN_HEADERS
    ]
    for cookie in cookies:
        # A text that cannot be parsed gives no cookie at all, as in the worker.
        headers += [
            (b"set-cookie", header_value(_cookie_text(name, morsel)))
            for name, morsel in SimpleCookie(cookie).items()
        ]
    return headers, None if typed is None else header_value(typed[1])


@lru_cache(maxsize=256)
def _content_type(mimetype: str, charset: str) -> bytes:
    return header_value(
        f"{mimetype}; charset={charset}" if mimetype.startswith("text/") else mimetype
    )


@lru_cache(maxsize=1024)
def header_name(name: str) -> bytes:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an HTTP header.")
    return name.lower().encode()


def header_value(value: str) -> bytes:
    if not (value.isascii() and value.isprintable()) and not _VISIBLE.fullmatch(value):
        raise ValueError(f"Invalid non-ASCII or control character in header value {value!r}.")
    return value.encode()


def _cookie_text(name: str, morsel: "Morsel[str]") -> str:
    """As ASP.NET writes it. Raises ValueError for `expires` or `max-age` that cannot be read."""
    parts = [f"{name}={quote(morsel.value, safe='')}"]
    if expires := morsel["expires"]:
        when = datetime.strptime(expires, _COOKIE_DATE).replace(tzinfo=UTC)
        parts.append(f"expires={when.strftime(_COOKIE_DATE)}")
    if max_age := morsel["max-age"]:
        parts.append(f"max-age={int(float(max_age))}")
    if domain := morsel["domain"]:
        parts.append(f"domain={domain}")
    parts.append(f"path={morsel['path'] or '/'}")
    if morsel["secure"]:
        parts.append("secure")
    if (same_site := str(morsel["samesite"]).lower()) in _SAME_SITE:
        parts.append(f"samesite={same_site}")
    if morsel["httponly"]:
        parts.append("httponly")
    return "; ".join(parts)


def _unescape(text: str) -> str:
    """As .NET reads a form-encoded text: invalid escapes and invalid UTF-8 stay as written."""
    text = text.replace("+", " ")
    return unquote_to_bytes(text).decode(errors=_KEEP_ESCAPED) if "%" in text else text


def _escape_again(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    invalid = error.object[error.start : error.end]
    return "".join(f"%{byte:02X}" for byte in invalid), error.end


_KEEP_ESCAPED = "funchost.keep_escaped"
codecs.register_error(_KEEP_ESCAPED, _escape_again)
