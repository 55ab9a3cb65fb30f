"""A management request as the handlers see it, and the responses that they make."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from funchost.durable.api.links import Links
from funchost.durable.api.parameters import Parameters
from funchost.durable.interface import (
    ArgumentError,
    DurableClient,
    InstanceExistsError,
    InvalidOperationError,
)
from funchost.exchange import Send
from funchost.http_messages import Response

__all__ = [
    "CONTINUATION",
    "NOT_FOUND",
    "InvalidJsonError",
    "ManagementRequest",
    "accepted",
    "empty",
    "json_response",
    "read_json",
    "refusal",
    "send_response",
]

CONTINUATION = "x-ms-continuation-token"
NOT_FOUND = Response(404, [], b"")
_JSON_TYPE = (b"content-type", b"application/json; charset=utf-8")
_DOTNET_TYPES: Mapping[type[Exception], str] = {
    InstanceExistsError: "DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException",
    InvalidOperationError: "System.InvalidOperationException",
    ArgumentError: "System.ArgumentException",
}


class InvalidJsonError(ValueError):
    """The body of a request is not JSON; the text says where it stops being that."""


@dataclass(frozen=True)
class ManagementRequest:
    """`path` has the decoded segments below the base address. `client` is of the task hub that the
    query names; `links` lead there. `url` is where the caller found this resource."""

    method: str
    path: tuple[str, ...]
    parameters: Parameters
    headers: Mapping[str, str]
    body: bytes
    url: str
    client: DurableClient
    links: Links

    @property
    def has_json(self) -> bool:
        media_type = self.headers.get("content-type", "").partition(";")[0]
        return media_type.strip().lower() == "application/json"

    @property
    def continuation(self) -> str | None:
        return self.headers.get(CONTINUATION) or None


def read_json(body: bytes) -> str | None:
    """Compact JSON text, None for an empty body and for `null`. Raises InvalidJsonError."""
    try:
        value = json.loads(body.decode("utf-8-sig") or "null")
        # Python reads longer numbers and deeper nesting than it prints.
        return None if value is None else json.dumps(value, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        raise InvalidJsonError(str(error)) from error


def json_response(
    value: Any, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()
) -> Response:
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status, [_JSON_TYPE, *headers], body)


def accepted(links: Links, instance_id: str) -> Response:
    """What a start answers: where the instance can be watched."""
    addresses = links.check_status(instance_id)
    location = addresses["statusQueryGetUri"].encode()
    return json_response(addresses, 202, [(b"location", location), (b"retry-after", b"10")])


def empty(status: int) -> Response:
    return Response(status, [], b"")


def refusal(status: int, message: str, error: Exception | None = None) -> Response:
    """ASP.NET's `HttpError`, with the members that it has for an exception."""
    shown = {"Message": message}
    if error is not None:
        kinds = (name for kind, name in _DOTNET_TYPES.items() if isinstance(error, kind))
        default = (
            "Newtonsoft.Json.JsonReaderException"
            if isinstance(error, InvalidJsonError)
            else "System.Exception"
        )
        shown |= {
            "ExceptionMessage": str(error),
            "ExceptionType": next(kinds, default),
            "StackTrace": "",
        }
    return json_response(shown, status)


async def send_response(send: Send, response: Response) -> None:
    headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
