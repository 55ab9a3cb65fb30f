"""One request on its way through the host."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from funchost.http_messages import BadRequestError, read_query

__all__ = ["ClientGoneError", "Exchange", "Receive", "Scope", "Send"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAXIMUM_BODY = 104_857_600


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


class Exchange(NamedTuple):
    """`path` is decoded as ASP.NET prints it."""

    scope: Scope
    receive: Receive
    send: Send
    headers: dict[str, str]
    path: str

    @property
    def query(self) -> str:
        raw: bytes = self.scope["query_string"]
        try:
            return raw.decode("ascii")
        except UnicodeDecodeError:
            raise BadRequestError(400) from None

    @property
    def key(self) -> str | None:
        return self.headers.get("x-functions-key") or read_query(self.query).get("code")

    async def read_body(self, *, accepts_chunked: bool) -> bytes:
        """Raises BadRequestError or ClientGoneError. A body without a length is empty unless
        `accepts_chunked`."""
        length = self.headers.get("content-length")
        if length is None and not accepts_chunked:
            return b""
        if length is not None:
            if not length.isdecimal():
                raise BadRequestError(400)
            if int(length) > MAXIMUM_BODY:
                raise BadRequestError(413)
            if int(length) == 0:
                return b""
        parts = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            part: bytes = message["body"]
            size += len(part)
            if size > MAXIMUM_BODY:
                raise BadRequestError(413)
            parts.append(part)
            if not message["more_body"]:
                return parts[0] if len(parts) == 1 else b"".join(parts)
