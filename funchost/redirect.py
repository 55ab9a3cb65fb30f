"""Sends the addresses below a URL prefix on to others, as a front door does, as an ASGI app."""

import re

from starlette.types import Receive, Scope, Send

__all__ = ["Redirect"]

_NAMES = re.compile(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*")


class Redirect:
    """GET and HEAD of `/prefix/NAME` answer 302 with `target` and the name behind it, which may lie
    in a fragment. What is no plain name answers 404."""

    def __init__(self, url_prefix: str, target: str) -> None:
        self._prefix = f"/{url_prefix.strip('/')}/"
        self._target = target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix(self._prefix)
        headers = {"content-length": "0"}
        if scope["method"] not in {"GET", "HEAD"}:
            status, headers["allow"] = 405, "GET, HEAD"
        elif _NAMES.fullmatch(name) and ".." not in name:
            status, headers["location"] = 302, self._target + name
        else:
            status = 404
        raw = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b""})
