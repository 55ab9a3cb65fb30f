"""The built-in activity behind `call_http`."""

import json
from typing import Any

__all__ = ["HttpActivityError", "call_http"]

_TIMEOUT_SECONDS = 100.0


class HttpActivityError(Exception):
    """The request cannot be made, or got no answer."""


async def call_http(request: str | None) -> str:
    """`request` is the action's `httpRequest` as JSON text; returns the response as JSON text. One
    call, whatever its status: the Python SDK has no asynchronous polling."""
    # Only apps that call out pay for the client.
    import httpx

    try:
        wanted: dict[str, Any] = json.loads(request or "{}")
        method, uri = str(wanted["method"]).upper(), str(wanted["uri"])
    except (ValueError, KeyError, TypeError) as error:
        raise HttpActivityError(f"the HTTP request cannot be read: {error!r}") from error
    if wanted.get("tokenSource"):
        raise HttpActivityError(
            "tokenSource asks for a token of a managed identity, which a local host does not have."
        )
    content = wanted.get("content")
    try:
        async with httpx.AsyncClient(follow_redirects=True, timeout=_TIMEOUT_SECONDS) as client:
            response = await client.request(
                method,
                uri,
                headers={str(k): str(v) for k, v in (wanted.get("headers") or {}).items()},
                content=None if content is None else str(content).encode(),
            )
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise HttpActivityError(f"{method} {uri}: {error or type(error).__name__}") from error
    return json.dumps(
        {
            "statusCode": response.status_code,
            "headers": _headers(response.headers.multi_items()),
            "content": response.text,
        }
    )


def _headers(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Names as .NET and most servers write them; values of a repeated header are joined."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = "-".join(part.capitalize() for part in name.split("-"))
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
