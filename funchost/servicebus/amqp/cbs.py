"""`$cbs`, where clients put their tokens.

Nobody is refused for a wrong key: the broker serves one machine. What a real service would refuse
and a developer would wonder about is refused: a token for something else, and an expired one.
"""

import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from funchost.servicebus.amqp.requests import Reply, Request
from funchost.servicebus.amqp.values import Int
from funchost.servicebus.broker.errors import BrokerError

__all__ = ["ClaimsNode"]

_PREFIX: Final = "SharedAccessSignature "


class ClaimsNode:
    """`clock` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    async def answer(self, request: Request) -> Reply:
        operation = request.properties.get("operation")
        if operation == "delete-token":
            return _reply(200, "OK")
        if operation != "put-token":
            return _reply(501, "Only put-token and delete-token are known.")
        name = request.properties.get("name")
        if not isinstance(name, str):
            return _reply(400, "The property 'name', a token's audience, is missing.")
        if not isinstance(request.body, str):
            return _reply(400, "The body is not a token.")
        if why := self._refusal(name, request.body, request.properties.get("expiration")):
            return _reply(401, why)
        return _reply(202, "Accepted")

    def failure(self, error: BrokerError) -> Reply:
        return _reply(error.status, str(error))

    def _refusal(self, name: str, token: str, expiration: Any) -> str | None:
        """Why the token is not accepted. Other tokens than shared access signatures are: their
        `type` says nothing, since the vendor's client calls a signature a jwt."""
        now = self._clock()
        if isinstance(expiration, int) and expiration < now * 1000:
            return "ExpiredToken: The token is expired."
        if not token.startswith(_PREFIX):
            return None
        fields = dict(parse_qsl(token.removeprefix(_PREFIX)))
        expiry = fields.get("se", "")
        if not expiry.isascii() or not expiry.isdigit():
            return "MalformedToken: The token has no expiry."
        if int(expiry[:15]) < now:
            return "ExpiredToken: The token is expired."
        try:
            is_covered = _covers(fields.get("sr", ""), name)
        except ValueError:  # Not an address.
            is_covered = False
        if not is_covered:
            return "InvalidAudience: The token is for something else."
        return None


def _covers(resource: str, audience: str) -> bool:
    """Whether one is the other or a folder above it, whatever their schemes."""
    above, below = (urlsplit(each.lower()) for each in (resource, audience))
    path, folder = below.path.rstrip("/"), above.path.rstrip("/")
    return above.netloc == below.netloc and (path == folder or path.startswith(f"{folder}/"))


def _reply(status: int, description: str) -> Reply:
    return Reply({"status-code": Int(status), "status-description": description})
